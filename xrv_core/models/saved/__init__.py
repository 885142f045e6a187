"""One safetensors file that holds a classifier and all that is known about it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xrv_core.models.saved.facts import FACTS, UNSAID, checked, plain
from xrv_core.models.saved.header import check_options, file_weights, is_model_file, read_spec
from xrv_core.models.saved.spec import SAVED_FACTORY, SavedClassifierSpec

if TYPE_CHECKING:
    from xrv_core.models.saved.saving import save_classifier

__all__ = [
    "FACTS",
    "SAVED_FACTORY",
    "SavedClassifierSpec",
    "UNSAID",
    "check_options",
    "checked",
    "file_weights",
    "is_model_file",
    "plain",
    "read_spec",
    "save_classifier",
]

#: These load torch, so they are imported when they are asked for.
_LATE = {"save_classifier": "models.saved.saving"}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"xrv_core.{_LATE[name]}"), name)
    raise AttributeError(f"module 'xrv_core.models.saved' has no attribute {name!r}")
