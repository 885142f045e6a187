"""``xrv.baseline_models``: models by others, each in its own module."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_compat.baseline_models import (
        chestx_anatomy,
        chestx_det,
        chexpert,
        emory_hiti,
        ieee8023,
        jfhealthcare,
        mira,
        riken,
        xinario,
    )

__all__ = [
    "chestx_anatomy",
    "chestx_det",
    "chexpert",
    "emory_hiti",
    "ieee8023",
    "jfhealthcare",
    "mira",
    "riken",
    "xinario",
]


def __getattr__(name: str) -> Any:
    if name in __all__:
        return importlib.import_module(f"xrv_compat.baseline_models.{name}")
    raise AttributeError(f"module 'xrv_compat.baseline_models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
