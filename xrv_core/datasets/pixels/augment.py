"""Apply a user's transform to a sample, with the same geometry for the image and its masks."""

from __future__ import annotations

import copy
import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from xrv_core.errors import ArgumentError, logger
from xrv_core.protocols import Sample
from xrv_core.torchvision_guard import import_torchvision

if TYPE_CHECKING:
    import torch

__all__ = ["PHOTOMETRIC", "SampleTransform", "apply_in_step", "apply_transform", "members"]

_log = logger(__name__)

_MASKS = ("pathology_masks", "semantic_masks")

#: torchvision's transforms, v1 and v2, that take pixels to be 0..1: they clip or garble ours.
PHOTOMETRIC = frozenset((
    "AugMix", "AutoAugment", "ColorJitter", "GaussianNoise", "JPEG", "RandAugment", "RandomAdjustSharpness",
    "RandomAutocontrast", "RandomEqualize", "RandomInvert", "RandomPhotometricDistort", "RandomPosterize",
    "RandomSolarize", "TrivialAugmentWide",
))  # fmt: skip
#: Those that leave the scale of pixels as it is.
_GEOMETRIC = frozenset((
    "CenterCrop", "ElasticTransform", "GaussianBlur", "Grayscale", "Identity", "Pad", "RandomAffine",
    "RandomChannelPermutation", "RandomCrop", "RandomErasing", "RandomGrayscale", "RandomHorizontalFlip",
    "RandomPerspective", "RandomResize", "RandomResizedCrop", "RandomRotation", "RandomShortestSize",
    "RandomVerticalFlip", "RandomZoomOut", "Resize", "ScaleJitter", "ToImage", "XRayCenterCrop", "XRayResizer",
    "RandomIoUCrop",
))  # fmt: skip
#: A transform may overshoot so far: sharp bicubic resizing by a factor of 1.375 in each direction.
_FARTHEST = 2000.0
#: Pixels that lie all in this range are on another scale, such as 0..1, or normalised.
_SMALL = 4.0


def apply_transform(transform: Callable[..., Any], sample: Mapping[str, Any]) -> Sample:
    """Apply ``transform`` to the image of a sample and, with the same geometry, to its masks.

    A ``torchvision.transforms.v2`` transform, or a container of only such transforms, is called once with a
    dict of ``tv_tensors``: it draws its random numbers once and treats masks as masks. (``v2.Lambda`` also
    changes masks, unless its types say ``tv_tensors.Image``.) Any other transform is called on the image
    tensor ``[1, H, W]`` and then on each mask, every time from the same random state (``random``, numpy's
    global generator, torch's CPU generator). A transform with its own generator cannot be synchronised.
    Afterwards the random state is the same as if only the image had been transformed.

    Args:
        transform: Takes and returns an image.
        sample: A float32 tensor ``img`` ``[1, H, W]``, and perhaps masks in 0..1 of that shape.

    Returns:
        A new sample, in which ``img`` and masks are float32 tensors.

    Raises:
        ArgumentError: The transform does not return a tensor or array ``[H, W]`` or ``[C, H, W]``, or it
            returns masks of another size than the image.
        Exception: An error of the transform, unchanged.
    """
    return SampleTransform(transform)(sample)


class SampleTransform:
    """``apply_transform`` for many samples: whether ``transform`` is a v2 transform is decided once.

    Args:
        transform: See ``apply_transform``.
    """

    def __init__(self, transform: Callable[..., Any], *, of_dataset: bool = False) -> None:
        self._transform = transform
        self._is_v2 = _is_v2(transform)
        self._other_scale = any(getattr(one, "back", None) is False for one in members(transform))
        self._unfit = _unfit(transform) if of_dataset else None

    def __call__(self, sample: Mapping[str, Any]) -> Sample:
        if self._unfit is not None:
            raise _wrong_scale(self._unfit, self._transform, "works on pixels in 0..1, and ours are in [-1024, 1024]")
        transform, masks = self._transform, {kind: sample[kind] for kind in _MASKS if kind in sample}
        image, masks = (_together if self._is_v2 else apply_in_step)(transform, sample["img"], masks)
        result: dict[str, Any] = {**sample, "img": _tensor(image, transform, "image")}
        if not self._other_scale:
            self._check_scale(sample["img"], image)
        size = result["img"].shape[-2:]
        for kind, group in masks.items():
            result[kind] = copy.copy(sample[kind])  # of its own kind of dict
            result[kind].update({key: _tensor(mask, transform, "mask") for key, mask in group.items()})
            for mask in result[kind].values():
                if mask.shape[-2:] != size:
                    raise ArgumentError(
                        f"The transform {transform} made the image {_by(size)}, but a mask {_by(mask.shape[-2:])}. "
                        "Image and masks must have the same size."
                    )
        return cast(Sample, result)

    def _check_scale(self, before: Any, after: torch.Tensor) -> None:
        """Refuse an image that has lost the scale of [-1024, 1024] that it had."""
        what = _lost(before, after)
        if what is None:
            return
        with _random_state_kept():  # which of the steps was it? Random ones may do something else this time
            step, image = self._transform, before
            for one in _steps(self._transform) if self._is_v2 else ():
                moved = one(image)
                if not hasattr(moved, "shape") or _lost(image, moved) is not None:
                    step = one
                    break
                image = moved
        raise _wrong_scale(step, self._transform, f"made {what} of an image in [-1024, 1024]")


def _lost(before: Any, after: Any) -> str | None:
    """What became of the scale of an image, None if it is as it was."""
    import torch

    after = torch.as_tensor(np.ascontiguousarray(after) if isinstance(after, np.ndarray) else after)
    if not after.numel():
        return None
    low, high = (float(value) for value in after.aminmax())
    eight_bit, far = after.dtype == torch.uint8, not (low >= -_FARTHEST and high <= _FARTHEST)  # `not` catches NaN, too
    if not eight_bit and not far and not -_SMALL <= low < high <= _SMALL:
        return None
    ours = _SMALL < float(torch.as_tensor(before).abs().max()) <= _FARTHEST
    return f"one from {low:g} to {high:g}{' of uint8' if eight_bit else ''}" if ours else None


def _wrong_scale(step: Any, transform: Any, what: str) -> ArgumentError:
    place = "" if step is transform else f" (a step of {type(transform).__name__})"
    return ArgumentError(
        f"The transform {step}{place} {what}. For torchvision's transforms of grey levels, xrv_core.datasets."
        f"photometric({type(step).__name__}(...)) runs them on 0..1 and goes back. If you want another scale in the "
        "end, say photometric(..., back=False)."
    )


def _steps(transform: Any) -> list[Any]:
    """What a container holds, in order; nothing for another transform."""
    torchvision = import_torchvision()
    from torch import nn
    from torchvision.transforms import v2

    names = ("Compose", "RandomApply", "RandomChoice", "RandomOrder")
    containers: Any = tuple(getattr(module, name) for module in (torchvision.transforms, v2) for name in names)
    if isinstance(transform, containers):
        return list(transform.transforms)
    return list(transform) if isinstance(transform, (nn.Sequential, nn.ModuleList)) else []


def members(transform: Any) -> Iterator[Any]:
    """A transform, or all that its containers hold, in order."""
    inside = _steps(transform)
    if not inside:
        yield transform
    for one in inside:
        yield from members(one)


def _unfit(transform: Any) -> Any:
    """The first of torchvision's photometric transforms that gets pixels on our scale.

    After a step that may change the scale, such as a Lambda, nothing is known. A fill of 0 is told.
    """
    for one in members(transform):
        name = type(one).__name__
        known = type(one).__module__.startswith(("torchvision.", "xrv_core."))
        if known and name in PHOTOMETRIC:
            return one
        if not known or name not in _GEOMETRIC:
            return None
        pads = name != "RandomCrop" or one.padding is not None or one.pad_if_needed
        if pads and getattr(one, "fill", None) == 0:
            _log.warning("%s fills with 0, which is mid-grey here: pass fill=-1024, or wrap it in photometric().", one)
    return None


def _is_v2(transform: Any) -> bool:
    """Whether the transform, and everything it contains, is a v2 transform."""
    import_torchvision()
    from torchvision.transforms import v2

    return all(isinstance(one, v2.Transform) for one in members(transform))


def _together(transform: Callable[..., Any], image: Any, masks: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Call the transform once on tv_tensors."""
    from torchvision import tv_tensors

    wrapped = {kind: {key: tv_tensors.Mask(m) for key, m in group.items()} for kind, group in masks.items()}
    out = transform({"img": tv_tensors.Image(image), **wrapped})
    return out["img"], {kind: out[kind] for kind in masks}


def apply_in_step(
    transform: Callable[..., Any], image: Any, masks: Mapping[str, Mapping[Any, Any]], seed: int | None = None
) -> tuple[Any, dict[str, Any]]:
    """Call ``transform`` on an image and on every mask, with the same random numbers.

    Args:
        transform: Takes an image or a mask.
        image: The image.
        masks: Masks by kind and key.
        seed: Seed of the random numbers; if given, the random state of the process is restored afterwards.

    Returns:
        The results for the image and for the masks.
    """
    if seed is not None:
        with _random_state_kept():
            _set_random_state(_state_of(seed))
            return apply_in_step(transform, image, masks)
    if not any(masks.values()):
        return transform(image), dict(masks)
    before = _random_state()
    out = transform(image)
    with _random_state_kept():
        moved: dict[str, Any] = {kind: {} for kind in masks}
        for kind, group in masks.items():
            for key, mask in group.items():
                _set_random_state(before)
                moved[kind][key] = transform(mask)
    return out, moved


@contextmanager
def _random_state_kept() -> Iterator[None]:
    state = _random_state()
    try:
        yield
    finally:
        _set_random_state(state)


def _random_state() -> tuple[Any, Any, Any]:
    import torch

    return random.getstate(), np.random.get_state(), torch.get_rng_state()  # noqa: NPY002  # users' transforms draw from it


def _state_of(seed: int) -> tuple[Any, Any, Any]:
    import torch

    legacy = np.random.RandomState(seed)  # numpy's global generator has this kind of state
    return random.Random(seed).getstate(), legacy.get_state(), torch.Generator().manual_seed(seed).get_state()  # noqa: S311


def _set_random_state(state: tuple[Any, Any, Any]) -> None:
    import torch

    random.setstate(state[0])
    np.random.set_state(state[1])  # noqa: NPY002
    torch.set_rng_state(state[2])


def _tensor(result: Any, transform: Any, what: str) -> torch.Tensor:
    """The result of a transform as a plain float32 tensor ``[C, H, W]``."""
    import torch

    if isinstance(result, np.ndarray):
        result = torch.from_numpy(np.ascontiguousarray(result))
    if not isinstance(result, torch.Tensor) or result.ndim not in (2, 3):
        shape = f" of shape {tuple(result.shape)}" if isinstance(result, torch.Tensor) else ""
        raise ArgumentError(
            f"The transform {transform} returned {type(result).__name__}{shape} for the {what}, "
            "but a tensor or array [H, W] or [C, H, W] is needed. Add a step that returns tensors."
        )
    plain: torch.Tensor = result.as_subclass(torch.Tensor).to(torch.float32)
    return plain if plain.ndim == 3 else plain[None]


def _by(size: Any) -> str:
    return "x".join(str(int(n)) for n in size)
