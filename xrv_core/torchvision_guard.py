"""Import torchvision beside a torch that it was not built for.

PyPI's Linux wheel of torchvision is built against CUDA. Beside a CPU-only torch its compiled ops do
not load, and ``import torchvision`` stops with "operator torchvision::nms does not exist" although
all of ``transforms.v2`` and every model that timm needs are pure Python. The remedy is to give
torch the two missing operator *schemas* and import again. It is applied only after that very error:
defining them up front would abort the process on a healthy pair, where the real ops define them.

Our own imports of torchvision and timm go through here; nothing is hooked globally.
"""

from __future__ import annotations

import importlib
import sys
from types import ModuleType
from typing import Any

__all__ = ["import_timm", "import_torchvision", "torchvision_state"]

_SYMPTOM = "operator torchvision::nms does not exist"
_SCHEMA = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
_kept_alive: list[Any] = []  # a torch Library undefines its operators when it is collected


def import_torchvision() -> ModuleType:
    """Import and return torchvision, whichever torch it was built against."""
    try:
        return importlib.import_module("torchvision")
    except RuntimeError as error:
        if _SYMPTOM not in str(error):
            raise
    for name in [n for n in sys.modules if n == "torchvision" or n.startswith("torchvision.")]:
        del sys.modules[name]  # half-imported; the second attempt must start clean
    _define_schemas()
    return importlib.import_module("torchvision")


def import_timm() -> ModuleType:
    """Import and return timm, which imports torchvision."""
    import_torchvision()
    return importlib.import_module("timm")


def torchvision_state() -> str:
    """One line for people: which of the two cases holds on this machine."""
    torchvision = import_torchvision()
    version = getattr(torchvision, "__version__", "?")
    if _kept_alive:
        return f"torchvision {version}: built for another torch; transforms and models work, compiled ops do not"
    return f"torchvision {version}: fits this torch"


def _define_schemas() -> None:
    import torch

    library = torch.library.Library("torchvision", "FRAGMENT")  # type: ignore[no-untyped-call]
    for op in ("nms", "qnms"):
        library.define(op + _SCHEMA)  # type: ignore[no-untyped-call]
    _kept_alive.append(library)
