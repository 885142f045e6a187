"""Checks of masks: their values, which items have them, and that they move with the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from xrv_core.protocols import Sample
from xrv_core.testing.common.compare import array_difference
from xrv_core.testing.common.results import Check, NotRun
from xrv_core.testing.datasets.subject import MASKS, DatasetSubject
from xrv_core.torchvision_guard import import_torchvision

__all__ = ["CHECKS"]

_AFFINE: dict[str, Any] = {"degrees": 25, "translate": (0.1, 0.1), "scale": (0.8, 1.2), "shear": 8}
_SIDE = 48  # pixels
_ROUNDING = 1e-6
_MOST = 6  # items


def mask_kinds(subject: DatasetSubject) -> Iterator[str]:
    """Masks can be requested, or raise an ArgumentError, as the spec says; the miniature has some."""
    if bool(subject.kinds) != bool(subject.spec.masks):
        kinds = " and ".join(subject.kinds) or "no kind"
        yield f"the spec says masks={subject.spec.masks!r}, but {kinds} can be requested"
    for kind in subject.kinds:
        samples = subject.read(subject.open(**{kind: True}))
        if any(kind not in sample for sample in samples):
            yield f"with {kind}=True some item has no key {kind!r}: it must be an empty dict if there is no mask"
        elif not any(sample.get(kind) for sample in samples):
            yield f"with {kind}=True no item of the miniature has a mask, so the miniature proves nothing about masks"


def _masks(samples: list[Sample]) -> Iterator[tuple[int, str, Any, Any]]:
    """Item, kind, key and mask of every mask."""
    for i, sample in enumerate(samples):
        for kind in MASKS:
            group: Any = sample.get(kind, {})
            yield from ((i, kind, key, mask) for key, mask in group.items())


def mask_keys(subject: DatasetSubject) -> Iterator[str]:
    """Pathology masks are named by index in ``pathologies``, semantic masks by name."""
    number = len(subject.dataset.pathologies)
    for i, kind, key, _ in _masks(subject.masked_samples):
        if kind == "pathology_masks" and not (type(key) is int and 0 <= key < number):
            yield f"item {i} has the pathology mask {key!r}: keys must be indices in pathologies, 0 to {number - 1}"
        elif kind == "semantic_masks" and not (isinstance(key, str) and key.strip()):
            yield f"item {i} has the semantic mask {key!r}: keys must be names"


def mask_tensors(subject: DatasetSubject) -> Iterator[str]:
    """A mask is a float32 tensor of the image's shape with values in 0..1, not all 0."""
    samples = subject.masked_samples
    for i, kind, key, mask in _masks(samples):
        what = f"{kind}[{key!r}] of item {i}"
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.float32:
            yield f"{what} must be a float32 tensor, got {getattr(mask, 'dtype', type(mask).__name__)}"
        elif mask.shape != samples[i]["img"].shape:
            yield f"{what} has shape {tuple(mask.shape)}, the image {tuple(samples[i]['img'].shape)}"
        elif not (float(mask.min()) >= 0 and float(mask.max()) <= 1):
            yield f"{what} has values from {float(mask.min()):g} to {float(mask.max()):g}: they must be in 0..1"
        elif not mask.any():
            yield f"{what} covers no pixel: leave out empty masks"


def has_masks(subject: DatasetSubject) -> Iterator[str]:
    """``has_masks`` is True exactly for the items that have a mask if all kinds are requested."""
    if not subject.kinds:
        rows = np.flatnonzero(subject.dataset.csv["has_masks"])
        if len(rows):
            yield f"has_masks is True in row {rows[0]}, but no masks can be requested"
        return
    for i, sample in enumerate(subject.masked_samples):
        found, known = any(sample.get(kind) for kind in MASKS), bool(subject.dataset.csv["has_masks"][i])
        if found != known:
            yield f"has_masks is {known} in row {i}, but item {i} has {'a mask' if found else 'no mask'}"


def masks_follow_v2(subject: DatasetSubject) -> Iterator[str]:
    """A random ``torchvision.transforms.v2`` affine transform moves masks and image in the same way."""
    import_torchvision()
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    class Recorded(v2.RandomAffine):  # type: ignore[misc]
        def make_params(self, flat_inputs: list[Any]) -> Any:
            drawn.append(super().make_params(flat_inputs))
            return drawn[-1]

    drawn: list[Any] = []
    affine = Recorded(**_AFFINE)
    yield from _moved(
        subject,
        affine,
        drawn,
        lambda image, params: affine.transform(tv_tensors.Image(image), params),
        lambda mask, params: affine.transform(tv_tensors.Mask(mask), params),
    )


def masks_follow_v1(subject: DatasetSubject) -> Iterator[str]:
    """A random ``torchvision.transforms`` (v1) affine transform moves masks and image in the same way."""
    import_torchvision()
    from torchvision import transforms as v1
    from torchvision.transforms import functional as F

    class Recorded(v1.RandomAffine):  # type: ignore[misc]
        @staticmethod
        def get_params(*arguments: Any, **options: Any) -> Any:
            drawn.append(v1.RandomAffine.get_params(*arguments, **options))
            return drawn[-1]

    drawn: list[Any] = []
    affine = Recorded(**_AFFINE)

    def apply(image: torch.Tensor, params: Any) -> torch.Tensor:
        return torch.as_tensor(F.affine(image, *params, interpolation=affine.interpolation, fill=[0.0]))

    yield from _moved(subject, v1.Compose([affine]), drawn, apply, apply)


def _moved(
    subject: DatasetSubject,
    transform: Any,
    drawn: list[Any],
    apply_to_image: Callable[..., Any],
    apply_to_mask: Callable[..., Any],
) -> Iterator[str]:
    """Apply the parameters that were drawn for the image to image and masks, and compare."""
    items = _untransformed(subject)
    moving, moves = subject.open_with_masks(transform=transform), 0
    for i, before in items:
        drawn.clear()
        after = moving[i]
        if not drawn:
            yield f"the transform is not called for item {i}"
            return
        if array_difference(after["img"], apply_to_image(before["img"], drawn[0]), _ROUNDING):
            yield f"the image of item {i} is not the transformed one"
        for _, kind, key, mask in _masks([before]):
            expected = apply_to_mask(mask, drawn[0])
            group: Any = after.get(kind, {})
            moves += bool(array_difference(expected, mask))
            difference = array_difference(group[key], expected, _ROUNDING) if key in group else "it is missing"
            if difference:
                yield f"{kind}[{key!r}] of item {i} does not move with the image: {difference}"
    if not moves:
        yield "no mask of the miniature moves under an affine transform: add one that does not fill the image"


def _untransformed(subject: DatasetSubject) -> list[tuple[int, Sample]]:
    """Some items with masks, without a transform."""
    samples = subject.masked_samples
    subject.steady  # noqa: B018
    if any(mask_tensors(subject)):
        raise NotRun("mask_tensors")
    return [(i, sample) for i, sample in enumerate(samples) if any(sample.get(kind) for kind in MASKS)][:_MOST]


def masks_crop_resize(subject: DatasetSubject) -> Iterator[str]:
    """After XRayCenterCrop and XRayResizer a mask covers the same place and stays in 0..1."""
    import_torchvision()
    from torchvision import transforms as v1
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    from xrv_core.datasets.pixels import XRayCenterCrop, XRayResizer

    steps = [XRayCenterCrop(), XRayResizer(_SIDE)]
    items = _untransformed(subject)
    for name, compose in (("v2", v2.Compose(steps)), ("v1", v1.Compose(steps))):
        d = subject.open_with_masks(transform=compose)
        for i, before in items:
            after: Any = d[i]
            for _, kind, key, mask in _masks([before]):
                expected = v2.Compose(steps)(tv_tensors.Mask(mask))
                group: Any = after.get(kind, {})
                difference = array_difference(group[key], expected, _ROUNDING) if key in group else "it is missing"
                if difference:
                    yield f"{kind}[{key!r}] of item {i} after a {name} Compose of both: {difference}"


CHECKS: tuple[Check, ...] = (
    mask_kinds, mask_keys, mask_tensors, has_masks, masks_follow_v2, masks_follow_v1, masks_crop_resize,
)  # fmt: skip
