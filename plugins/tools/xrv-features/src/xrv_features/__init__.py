"""Features of a model over a dataset, and pictures of their projection. Not for medical use.

>>> from xrv_features import extract_features, plot_projection, project
>>> found = extract_features(model, dataset)  # doctest: +SKIP
>>> plot_projection(project(found), found.items, ["Effusion", "view"]).savefig("features.png")  # doctest: +SKIP
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_features.extraction import extract_features
    from xrv_features.plots import plot_projection
    from xrv_features.projection import Projection, project
    from xrv_features.table import Features, load_features

_HOME = {
    "extraction": "extract_features",
    "plots": "plot_projection",
    "projection": "Projection project",
    "table": "Features load_features",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__version__ = "0.1.0"
__all__ = [
    "Features",
    "Projection",
    "__version__",
    "extract_features",
    "load_features",
    "plot_projection",
    "project",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"xrv_features.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'xrv_features' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
