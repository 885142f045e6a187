"""Checks of masks: what they are, which items have them, and that they move with the image."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from xrv_core.testing.common.compare import array_difference
from xrv_core.testing.common.results import Check, NotRun
from xrv_core.testing.datasets.subject import MASKS
from xrv_core.torchvision_guard import import_torchvision

if TYPE_CHECKING:
    from xrv_core.protocols import Sample
    from xrv_core.testing.datasets.subject import Subject

__all__ = ["CHECKS"]

_AFFINE: dict[str, Any] = {"degrees": 25, "translate": (0.1, 0.1), "scale": (0.8, 1.2), "shear": 8}
_SIDE = 48  # pixels
_ROUNDING = 1e-6
_ENOUGH = 6  # items whose masks are moved


def mask_kinds(subject: Subject) -> Iterator[str]:
    """A kind of masks is given or refused with an ArgumentError, as the spec says, and the miniature shows some."""
    given = [kind for kind, opened in subject.kinds_tried.items() if opened]
    if bool(given) != bool(subject.spec.masks):
        yield f"the spec says masks={subject.spec.masks!r}, but {' and '.join(given) or 'no kind'} can be asked for"
    for kind in given:
        samples = subject.read_all(subject.open(**{kind: True}))
        if any(kind not in sample for sample in samples):
            yield f"with {kind}=True some item has no key {kind!r}: without a mask, it is an empty dict"
        elif not any(sample.get(kind) for sample in samples):
            yield f"with {kind}=True no item of the miniature has a mask, so nothing is proven about them"


def _masks(samples: list[Sample]) -> Iterator[tuple[int, str, Any, Any]]:
    """Item, kind, key and mask of every mask."""
    for i, sample in enumerate(samples):
        for kind in MASKS:
            group: Any = sample.get(kind, {})
            yield from ((i, kind, key, mask) for key, mask in group.items())


def mask_keys(subject: Subject) -> Iterator[str]:
    """Pathology masks are named by index in ``pathologies``, semantic masks by name."""
    number = len(subject.dataset.pathologies)
    for i, kind, key, _ in _masks(subject.masked_samples):
        if kind == "pathology_masks" and not (type(key) is int and 0 <= key < number):
            yield f"item {i} has the pathology mask {key!r}: keys are indices in pathologies, 0 to {number - 1}"
        elif kind == "semantic_masks" and not (isinstance(key, str) and key.strip()):
            yield f"item {i} has the semantic mask {key!r}: keys are names"


def mask_tensors(subject: Subject) -> Iterator[str]:
    """A mask is a float32 tensor of the image's shape with values in 0..1, not all 0."""
    samples = subject.masked_samples
    for i, kind, key, mask in _masks(samples):
        what = f"{kind}[{key!r}] of item {i}"
        if not isinstance(mask, torch.Tensor) or mask.dtype != torch.float32:
            yield f"{what} must be a float32 tensor, got {getattr(mask, 'dtype', type(mask).__name__)}"
        elif mask.shape != samples[i]["img"].shape:
            yield f"{what} has shape {tuple(mask.shape)}, the image {tuple(samples[i]['img'].shape)}"
        elif not (float(mask.min()) >= 0 and float(mask.max()) <= 1):
            yield f"{what} has values from {float(mask.min()):g} to {float(mask.max()):g}: they must lie in 0..1"
        elif not mask.any():
            yield f"{what} covers no pixel: leave such a mask out"


def has_masks(subject: Subject) -> Iterator[str]:
    """``has_masks`` is True exactly for the items that have a mask when all kinds are asked for."""
    if not subject.kinds:
        rows = np.flatnonzero(subject.dataset.csv["has_masks"])
        if len(rows):
            yield f"has_masks is True in row {rows[0]}, but no kind of masks can be asked for"
        return
    for i, sample in enumerate(subject.masked_samples):
        found, told = any(sample.get(kind) for kind in MASKS), bool(subject.dataset.csv["has_masks"][i])
        if found != told:
            yield f"has_masks is {told} in row {i}, but item {i} has {'a mask' if found else 'no mask'}"


def masks_follow_v2(subject: Subject) -> Iterator[str]:
    """A random ``torchvision.transforms.v2`` affine moves masks as it moves their image."""
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


def masks_follow_v1(subject: Subject) -> Iterator[str]:
    """A random ``torchvision.transforms`` (v1) affine moves masks as it moves their image."""
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

    def by_hand(image: torch.Tensor, params: Any) -> torch.Tensor:
        return torch.as_tensor(F.affine(image, *params, interpolation=affine.interpolation, fill=[0.0]))

    yield from _moved(subject, v1.Compose([affine]), drawn, by_hand, by_hand)


def _moved(
    subject: Subject,
    transform: Any,
    drawn: list[Any],
    image_by_hand: Callable[..., Any],
    mask_by_hand: Callable[..., Any],
) -> Iterator[str]:
    """Compare with what the numbers that were drawn for the image do to image and masks."""
    still = _still(subject)
    moving, moves = subject.open(transform=transform, **dict.fromkeys(subject.kinds, True)), 0
    for i, before in still:
        drawn.clear()
        after = moving[i]
        if not drawn:
            yield f"the transform is not called for item {i}"
            return
        if array_difference(after["img"], image_by_hand(before["img"], drawn[0]), _ROUNDING):
            yield f"the image of item {i} is not what the transform makes of it"
        for _, kind, key, mask in _masks([before]):
            expected = mask_by_hand(mask, drawn[0])
            group: Any = after.get(kind, {})
            moves += bool(array_difference(expected, mask))
            difference = array_difference(group[key], expected, _ROUNDING) if key in group else "it is lost"
            if difference:
                yield f"{kind}[{key!r}] of item {i} does not move with the image: {difference}"
    if not moves:
        yield "no mask of the miniature moves under an affine: draw some that do not fill the image"


def _still(subject: Subject) -> list[tuple[int, Sample]]:
    """Some items with masks, as they are without a transform."""
    samples = subject.masked_samples
    subject.steady  # noqa: B018
    if any(mask_tensors(subject)):
        raise NotRun("mask_tensors")
    return [(i, sample) for i, sample in enumerate(samples) if any(sample.get(kind) for kind in MASKS)][:_ENOUGH]


def masks_crop_resize(subject: Subject) -> Iterator[str]:
    """After XRayCenterCrop and XRayResizer a mask covers the same place, and stays in 0..1."""
    import_torchvision()
    from torchvision import transforms as v1
    from torchvision import tv_tensors
    from torchvision.transforms import v2

    from xrv_core.datasets.pixels import XRayCenterCrop, XRayResizer

    steps = [XRayCenterCrop(), XRayResizer(_SIDE)]
    still = _still(subject)
    for name, compose in (("v2", v2.Compose(steps)), ("v1", v1.Compose(steps))):
        d = subject.open(transform=compose, **dict.fromkeys(subject.kinds, True))
        for i, before in still:
            after: Any = d[i]
            for _, kind, key, mask in _masks([before]):
                expected = v2.Compose(steps)(tv_tensors.Mask(mask))
                group: Any = after.get(kind, {})
                difference = array_difference(group[key], expected, _ROUNDING) if key in group else "it is lost"
                if difference:
                    yield f"{kind}[{key!r}] of item {i} after a {name} Compose of both: {difference}"


CHECKS: tuple[Check, ...] = (
    mask_kinds,
    mask_keys,
    mask_tensors,
    has_masks,
    masks_follow_v2,
    masks_follow_v1,
    masks_crop_resize,
)
