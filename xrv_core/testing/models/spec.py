"""Checks of a model's spec."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from xrv_core.api import fetch, list_datasets
from xrv_core.errors import AssetError
from xrv_core.specs.known import KNOWN
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.common.spec_checks import CODE_CHECKS, bad_addresses, spec_texts
from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS", "labels_of", "spec_heads"]


def labels_of(spec: Any) -> tuple[str, ...]:
    """Names of the outputs of a classifier or segmenter; empty for an autoencoder."""
    return tuple(getattr(spec, "pathologies", getattr(spec, "structures", ())))


def spec_names(subject: ModelSubject) -> Iterator[str]:
    """Outputs have names that differ in more than case and blanks."""
    spec = subject.spec
    names = labels_of(spec)
    for name in names:
        if not isinstance(name, str) or not name.strip() or name != " ".join(name.split()):
            yield f"the name {name!r} is blank, or has superfluous blanks"
    plain = [str(name).casefold() for name in names]
    for name in sorted({name for name in plain if plain.count(name) > 1}):
        yield f"two outputs have the name {name!r}"
    if subject.kind != "autoencoder" and not names and (spec.weights is not None or spec.weights_given):
        yield "it has weights, but its outputs have no names"


def spec_heads(subject: ModelSubject) -> Iterator[str]:
    """The trained columns, and only those, have an operating point."""
    spec = subject.spec
    if not spec.op_threshs:
        raise NotApplicable("it has no operating points")
    for name, trained, point in zip(spec.pathologies, spec.trained, spec.op_threshs, strict=True):
        if trained and point is None:
            yield f"{name!r} is trained, but has no operating point, so its calibrated output is NaN"
        if not trained and point is not None:
            yield f"{name!r} has an operating point, but is untrained"


def spec_numbers(subject: ModelSubject) -> Iterator[str]:
    """Number of parameters, resolution and shape of the code are positive integers."""
    spec = subject.spec
    values = {key: getattr(spec, key) for key in ("parameters", "input_resolution")}
    values |= {f"code_shape[{i}]": side for i, side in enumerate(getattr(spec, "code_shape", ()))}
    for key, value in values.items():
        if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
            yield f"{key}={value!r} is not a positive integer"


def spec_weights(subject: ModelSubject) -> Iterator[str]:
    """Weights have an address; without a hash it is https; weights in a package match their hash."""
    asset = subject.spec.weights
    if asset is None:
        raise NotApplicable("it has no published weights")
    yield from (f"weights {problem}" for problem in bad_addresses(asset))
    for url in asset.urls:
        if url.startswith("http://") and not asset.verified:
            yield f"weights {asset.name!r} have no hash and come from {url!r}, so that they can be changed on the way"
    if all(url.startswith("package://") for url in asset.urls):
        try:
            fetch(asset, progress=False)
        except AssetError as error:
            yield f"weights {asset.name!r}: {error}"


def spec_training_data(subject: ModelSubject) -> Iterator[str]:
    """``training_data`` names registered datasets, as ``name`` or ``name:split``."""
    known = {*list_datasets(), *KNOWN["dataset"]}
    for name in subject.spec.training_data:
        if name.partition(":")[0] not in known:
            yield f"training_data names {name!r}, which is not a registered dataset: name others in description"


def spec_references(subject: ModelSubject) -> Iterator[str]:
    """Reference outputs and reported results are finite numbers, for known outputs and for images with a hash."""
    spec = subject.spec
    names = labels_of(spec)
    for reference in spec.reference_outputs:
        image = reference.image.name
        for label, value in reference.outputs.items():
            if names and label not in names:
                yield f"the reference output of {image!r} names {label!r}, which is not an output of the model"
            elif not _number(value):
                yield f"the reference output of {image!r} gives {value!r} for {label!r}, which is not a number"
        if not reference.image.verified:
            yield f"the image {image!r} of a reference output has no hash"
    for where, numbers in spec.reported.items():
        for label, value in numbers.items():
            if not _number(value):
                yield f"reported, {where!r}: {label!r} is {value!r}, which is not a number"


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


CHECKS: tuple[Check, ...] = (
    spec_texts, spec_names, spec_numbers, spec_weights, spec_training_data, spec_references, *CODE_CHECKS,
)  # fmt: skip
