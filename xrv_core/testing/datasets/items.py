"""Checks of items: their keys, pixels and labels, and that one reading does not change the next."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch

from xrv_core.datasets.pixels import apply_transform
from xrv_core.errors import XrvError
from xrv_core.testing.common.compare import array_difference, sample_difference, samples_differences, table_difference
from xrv_core.testing.common.results import Check, described
from xrv_core.testing.datasets.subject import DatasetSubject
from xrv_core.torchvision_guard import import_torchvision

__all__ = ["CHECKS"]

_KEYS = {"idx", "img", "lab"}
_MORE = {"source", "site", "lab-old"}  # from merging and covariate shift
_LIMIT = 1024.0
_SIDE = 40  # pixels


def items(subject: DatasetSubject) -> Iterator[str]:
    """Every item can be read."""
    samples: list[Any] = subject.samples
    for i, sample in enumerate(samples):
        if not isinstance(sample, dict):
            yield f"item {i} is a {type(sample).__name__}, not a dict"


def sample_keys(subject: DatasetSubject) -> Iterator[str]:
    """A sample is ``idx``, ``img`` and ``lab``, and has masks only on request."""
    for i, sample in enumerate(subject.samples):
        missing, extra = sorted(_KEYS - set(sample)), sorted(set(sample) - _KEYS - _MORE)
        if missing or extra:
            yield f"item {i} lacks {missing}" if missing else f"item {i} has the extra keys {extra}"
        elif not isinstance(sample["idx"], int) or sample["idx"] != i:
            yield f"'idx' of item {i} is {sample['idx']!r}"


def img(subject: DatasetSubject) -> Iterator[str]:
    """``img`` is a float32 tensor ``[1, H, W]``."""
    for i, sample in enumerate(subject.samples):
        image = sample["img"]
        if not isinstance(image, torch.Tensor) or image.dtype != torch.float32:
            yield f"'img' of item {i} must be a float32 tensor, got {getattr(image, 'dtype', type(image).__name__)}"
        if np.ndim(image) != 3 or np.shape(image)[0] != 1:
            yield f"'img' of item {i} has shape {tuple(np.shape(image))}, not [1, H, W]"


def img_range(subject: DatasetSubject) -> Iterator[str]:
    """Pixels are in [-1024, 1024], where 0 is mid-grey."""
    lowest = np.inf
    for i, sample in enumerate(subject.samples):
        values = np.asarray(sample["img"])
        low, high = float(values.min()), float(values.max())
        lowest = min(lowest, low)
        if not -_LIMIT <= low <= high <= _LIMIT:
            yield f"'img' of item {i} has values from {low:g} to {high:g}: they must be in [-1024, 1024]"
    if 0 <= lowest < np.inf:
        yield f"no pixel of any image is below 0 (the lowest is {lowest:g}): 0 is mid-grey, and black is -1024"


def img_content(subject: DatasetSubject) -> Iterator[str]:
    """No image is blank, and they are not all the same."""
    images = [np.asarray(sample["img"]) for sample in subject.samples]
    for i, image in enumerate(images):
        if image.size and image.min() == image.max():
            yield f"'img' of item {i} is {image.min():g} everywhere"
    if len(images) > 1 and all(not array_difference(image, images[0]) for image in images):
        yield f"all {len(images)} images of the miniature are equal, so a mix-up would not show"


def lab(subject: DatasetSubject) -> Iterator[str]:
    """``lab`` of item i is a copy of ``labels[i]``."""
    known = subject.dataset.labels
    for i, sample in enumerate(subject.samples):
        if not isinstance(sample["lab"], np.ndarray) or sample["lab"].dtype != np.float32:
            yield f"'lab' of item {i} must be a float32 array, got {type(sample['lab']).__name__}"
        elif array_difference(sample["lab"], np.asarray(known[i], dtype=np.float32)):
            yield f"'lab' of item {i} is {sample['lab']}, but labels[{i}] is {known[i]}"
        elif np.shares_memory(sample["lab"], known):
            yield f"'lab' of item {i} shares its memory with labels: a change of one changes the other"


def index_errors(subject: DatasetSubject) -> Iterator[str]:
    """An index beyond the items raises IndexError, one that is no integer a typed error; -1 is the last item."""
    subject.samples  # noqa: B018  # if nothing can be read, indices show nothing
    d: Any = subject.dataset
    wrong: tuple[tuple[Any, tuple[type[Exception], ...]], ...] = (
        (len(d), (IndexError,)),
        (len(d) + 7, (IndexError,)),
        (-len(d) - 1, (IndexError,)),
        ("0", (XrvError, TypeError)),
        (0.5, (XrvError, TypeError)),
        (None, (XrvError, TypeError)),
    )
    for index, allowed in wrong:
        try:
            d[index]
        except allowed:
            continue
        except Exception as error:
            yield f"d[{index!r}] raises {described(error)} instead of {allowed[0].__name__}"
        else:
            yield f"d[{index!r}] gives an item instead of raising {allowed[0].__name__}"
    d[np.int64(0)]
    last = d[-1]["idx"]
    if last != len(d) - 1:
        yield f"d[-1] gives item {last} instead of the last one, {len(d) - 1}"


def items_are_fresh(subject: DatasetSubject) -> Iterator[str]:
    """A change of a sample in place changes nothing else."""
    d, expected = subject.open(), subject.steady
    for i, sample in enumerate(subject.read(d)):
        sample["img"].fill_(7.0)
        sample["lab"].fill(7.0)
        if sample_difference(d[i], expected[i]):
            yield f"after item {i} was changed in place, d[{i}] is changed, too"


def deterministic(subject: DatasetSubject) -> Iterator[str]:
    """If it is opened and read again, it is the same."""
    samples = subject.samples
    again, found = subject.again
    difference = table_difference(again.csv, subject.dataset.csv)
    if difference:
        yield f"opened again, csv differs: {difference}"
    if not np.array_equal(again.labels, subject.dataset.labels, equal_nan=True):
        yield "opened again, labels differ"
    yield from samples_differences(found, samples, "opened again, ")


def transform(subject: DatasetSubject) -> Iterator[str]:
    """``transform`` is applied to every image: v2 and v1 transforms, and any callable."""
    import_torchvision()
    from torchvision import transforms as v1
    from torchvision.transforms import v2

    from xrv_core.datasets.pixels import XRayCenterCrop, XRayResizer

    given: dict[str, Any] = {
        "a v2 transform": v2.Compose([XRayCenterCrop(), XRayResizer(_SIDE)]),
        "a v1 Compose": v1.Compose([XRayCenterCrop(), XRayResizer(_SIDE)]),
        "a function": _negative,
    }
    samples = subject.steady
    for name, function in given.items():
        expected = [apply_transform(function, sample) for sample in samples]
        ours = subject.read(subject.open(transform=function))
        yield from samples_differences(ours, expected, f"with {name} as transform, ")


def _negative(image: torch.Tensor) -> torch.Tensor:
    return -image


CHECKS: tuple[Check, ...] = (
    items, sample_keys, img, img_range, img_content, lab, index_errors, items_are_fresh, deterministic, transform,
)  # fmt: skip
