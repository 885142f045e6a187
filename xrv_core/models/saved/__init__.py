"""One safetensors file that holds a classifier and its whole description.

Reading the description needs only the standard library, so each name is imported at first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.models.saved.facts import FACTS, NOT_STATED, checked, plain
    from xrv_core.models.saved.header import check_options, read_spec
    from xrv_core.models.saved.plugin import is_model_file
    from xrv_core.models.saved.saving import save_classifier
    from xrv_core.models.saved.spec import SAVED_FACTORY, SavedClassifierSpec

_HOME = {
    "facts": "FACTS NOT_STATED checked plain",
    "header": "check_options read_spec",
    "plugin": "is_model_file",
    "saving": "save_classifier",
    "spec": "SAVED_FACTORY SavedClassifierSpec",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "FACTS",
    "SAVED_FACTORY",
    "NOT_STATED",
    "SavedClassifierSpec",
    "check_options",
    "checked",
    "is_model_file",
    "plain",
    "read_spec",
    "save_classifier",
]


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)
