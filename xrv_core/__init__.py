"""A registry of datasets, models and tools for chest X-ray research. Not for medical use.

This is the front door: everything public is re-exported here, lazily, so that
``import xrv_core`` loads neither torch nor pandas nor any plugin.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xrv_core import datasets, errors, models, testing
    from xrv_core.api import (
        describe_autoencoder,
        describe_classifier,
        describe_dataset,
        describe_segmenter,
        fetch,
        get_autoencoder,
        get_classifier,
        get_dataset,
        get_segmenter,
        list_autoencoders,
        list_classifiers,
        list_datasets,
        list_segmenters,
        miniature,
        plugins,
        register,
        registered,
        reload_plugins,
    )
    from xrv_core.cli import model_card
    from xrv_core.hooks import hookimpl
    from xrv_core.protocols import Autoencoder, Classifier, Dataset, Sample, Segmenter
    from xrv_core.specs import (
        Asset,
        AutoencoderSpec,
        ClassifierSpec,
        CommandSpec,
        DatasetSpec,
        ReferenceOutput,
        SegmenterSpec,
    )
    from xrv_core.terms import NOT_MEDICAL

_HOME = {
    "api": (
        "describe_autoencoder describe_classifier describe_dataset describe_segmenter fetch get_autoencoder "
        "get_classifier get_dataset get_segmenter list_autoencoders list_classifiers list_datasets list_segmenters "
        "miniature plugins register registered reload_plugins"
    ),
    "cli": "model_card",
    "hooks": "hookimpl",
    "protocols": "Autoencoder Classifier Dataset Sample Segmenter",
    "specs": "Asset AutoencoderSpec ClassifierSpec CommandSpec DatasetSpec ReferenceOutput SegmenterSpec",
    "terms": "NOT_MEDICAL",
}
_WHERE = {name: module for module, names in _HOME.items() for name in names.split()}
_ROOMS = ("datasets", "errors", "models", "testing")

__version__ = "0.1.0"
__all__ = [
    "Asset", "Autoencoder", "AutoencoderSpec", "Classifier", "ClassifierSpec", "CommandSpec", "Dataset",
    "DatasetSpec", "NOT_MEDICAL", "ReferenceOutput", "Sample", "Segmenter", "SegmenterSpec", "__version__",
    "datasets", "describe_autoencoder", "describe_classifier", "describe_dataset", "describe_segmenter", "errors",
    "fetch", "get_autoencoder", "get_classifier", "get_dataset", "get_segmenter", "hookimpl", "list_autoencoders",
    "list_classifiers", "list_datasets", "list_segmenters", "miniature", "model_card", "models", "plugins",
    "register", "registered", "reload_plugins", "testing",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    if name in _WHERE:
        return getattr(importlib.import_module(f"xrv_core.{_WHERE[name]}"), name)
    if name in _ROOMS:
        return importlib.import_module(f"xrv_core.{name}")
    raise AttributeError(f"module 'xrv_core' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
