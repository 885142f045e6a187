"""Pictures of chest X-ray datasets, as matplotlib figures.

>>> from xrv_plot import plot_sample
>>> plot_sample(dataset, 0).savefig("sample.png")  # doctest: +SKIP

No function opens a window or changes rcParams, the backend or pyplot's figures. Text and background have the colours
of the user's style. The colours of data are distinct for colour-blind people.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_plot.covariate import plot_covariate_split
    from xrv_plot.difference import plot_mean_class_difference
    from xrv_plot.labels import plot_label_cooccurrence, plot_totals
    from xrv_plot.masks import plot_masks_grid
    from xrv_plot.sample import plot_sample

_WHERE = {
    "plot_covariate_split": "covariate",
    "plot_label_cooccurrence": "labels",
    "plot_masks_grid": "masks",
    "plot_mean_class_difference": "difference",
    "plot_sample": "sample",
    "plot_totals": "labels",
}

__version__ = "0.1.0"
__all__ = [
    "__version__",
    "plot_covariate_split",
    "plot_label_cooccurrence",
    "plot_masks_grid",
    "plot_mean_class_difference",
    "plot_sample",
    "plot_totals",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"xrv_plot.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'xrv_plot' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
