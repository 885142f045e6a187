"""The conformance kit: prove that a dataset keeps the contract, over its own miniature.

``check_dataset("toy")`` is a plain function; ``DatasetTests`` gives pytest one test for each check.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_core.testing.dataset_checks import (
        DATASET_CHECKS,
        SPEC_CHECKS,
        check_dataset,
        check_dataset_spec,
        run_checks,
    )
    from xrv_core.testing.pytest_classes import DatasetTests
    from xrv_core.testing.results import CheckResult

_HOME = {
    "dataset_checks": "DATASET_CHECKS SPEC_CHECKS check_dataset check_dataset_spec run_checks",
    "pytest_classes": "DatasetTests",
    "results": "CheckResult",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "DATASET_CHECKS",
    "SPEC_CHECKS",
    "CheckResult",
    "DatasetTests",
    "check_dataset",
    "check_dataset_spec",
    "run_checks",
]


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"xrv_core.testing.{_WHERE[name]}"), name)
    raise AttributeError(f"module 'xrv_core.testing' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
