"""Specs: what a plugin offers, as plain data plus a string that leads to the code.

A spec can be listed, shown and searched without importing anything of its plugin. Its factory
is imported at the first ``get_*`` and receives the spec as first argument, so that every fact
(labels, thresholds, addresses, hashes) is written once.
"""

from __future__ import annotations

from collections.abc import Mapping

from xrv_core.specs.assets import Asset
from xrv_core.specs.base import CommandSpec, Factory, Spec
from xrv_core.specs.datasets import DatasetSpec
from xrv_core.specs.known import FAMILIES, KNOWN, owner_of
from xrv_core.specs.listings import Listing
from xrv_core.specs.models import AutoencoderSpec, ClassifierSpec, ModelSpec, ReferenceOutput, SegmenterSpec

__all__ = [
    "FAMILIES", "KINDS", "KNOWN", "Asset", "AutoencoderSpec", "ClassifierSpec", "CommandSpec", "DatasetSpec",
    "Factory", "Listing", "ModelSpec", "ReferenceOutput", "SegmenterSpec", "Spec", "owner_of",
]  # fmt: skip

#: Every kind of thing a plugin can offer. The hook that returns a kind's specs is ``xrv_<kind>s``.
KINDS: Mapping[str, type[Spec] | type[CommandSpec]] = {
    "dataset": DatasetSpec,
    "classifier": ClassifierSpec,
    "autoencoder": AutoencoderSpec,
    "segmenter": SegmenterSpec,
    "command": CommandSpec,
}
