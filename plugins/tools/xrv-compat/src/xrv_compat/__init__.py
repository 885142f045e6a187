"""The names of the TorchXRayVision paper and of torchxrayvision, on xrv-core: ``import xrv_compat as xrv``.

Not for medical use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_compat import autoencoders, baseline_models, datasets, models, utils
    from xrv_compat.notes import CompatNote

__version__ = "0.1.0"
__all__ = ["CompatNote", "__version__", "autoencoders", "baseline_models", "datasets", "models", "utils"]


def __getattr__(name: str) -> Any:
    if name == "CompatNote":
        return importlib.import_module("xrv_compat.notes").CompatNote
    if name in __all__:
        return importlib.import_module(f"xrv_compat.{name}")
    raise AttributeError(f"module 'xrv_compat' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
