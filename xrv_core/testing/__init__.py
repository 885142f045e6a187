"""The conformance kit: prove that a dataset keeps the contract, with its miniature, or a model with random weights.

``check_dataset("toy")`` and ``check_classifier("toy-net")`` are plain functions; ``DatasetTests``, ``ClassifierTests``
and so on give pytest one test for each check. ``plugin_problems`` finds what reading the code of a plugin shows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.testing.common.results import CheckResult
    from xrv_core.testing.common.static import plugin_problems
    from xrv_core.testing.datasets.checks import (
        DATASET_CHECKS,
        SPEC_CHECKS,
        check_dataset,
        check_dataset_spec,
        run_checks,
    )
    from xrv_core.testing.models.checks import (
        AUTOENCODER_CHECKS,
        CLASSIFIER_CHECKS,
        MODEL_CHECKS,
        MODEL_SPEC_CHECKS,
        SEGMENTER_CHECKS,
        check_autoencoder,
        check_classifier,
        check_segmenter,
        run_model_checks,
    )
    from xrv_core.testing.pytest_classes import AutoencoderTests, ClassifierTests, DatasetTests, SegmenterTests

_HOME = {
    "common.results": "CheckResult",
    "common.static": "plugin_problems",
    "datasets.checks": "DATASET_CHECKS SPEC_CHECKS check_dataset check_dataset_spec run_checks",
    "models.checks": (
        "AUTOENCODER_CHECKS CLASSIFIER_CHECKS MODEL_CHECKS MODEL_SPEC_CHECKS SEGMENTER_CHECKS check_autoencoder "
        "check_classifier check_segmenter run_model_checks "
    ),
    "pytest_classes": "AutoencoderTests ClassifierTests DatasetTests SegmenterTests",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}

__all__ = [
    "AUTOENCODER_CHECKS",
    "AutoencoderTests",
    "CLASSIFIER_CHECKS",
    "CheckResult",
    "ClassifierTests",
    "DATASET_CHECKS",
    "DatasetTests",
    "MODEL_CHECKS",
    "MODEL_SPEC_CHECKS",
    "SEGMENTER_CHECKS",
    "SPEC_CHECKS",
    "SegmenterTests",
    "check_autoencoder",
    "check_classifier",
    "check_dataset",
    "check_dataset_spec",
    "check_segmenter",
    "plugin_problems",
    "run_checks",
    "run_model_checks",
]


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)


def __dir__() -> list[str]:
    return sorted(__all__)
