"""Transforms, and how they are applied to a sample."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from xrv_compat.notes import warn_once
from xrv_core import datasets
from xrv_core.datasets import apply_in_step
from xrv_core.errors import ArgumentError
from xrv_core.torchvision_guard import import_torchvision

__all__ = ["ToPILImage", "XRayResizer", "apply_transforms"]

_MASKS = ("pathology_masks", "semantic_masks")


def apply_transforms(
    sample: dict[str, Any], transform: Callable[..., Any] | None, seed: int | None = None
) -> dict[str, Any]:
    """Apply ``transform`` to image and masks with the same random numbers; ``sample`` is changed and returned.

    Args:
        sample: With ``img``, and perhaps ``pathology_masks`` and ``semantic_masks``.
        transform: Takes an image or a mask and returns the new one; None changes nothing.
        seed: Seed of the random numbers; None: the current state of the generators.
    """
    if transform is not None:
        masks = {kind: sample[kind] for kind in _MASKS if kind in sample}
        image, masks = apply_in_step(transform, sample["img"], masks, seed)
        sample.update(img=image, **masks)
    return sample


class XRayResizer(datasets.XRayResizer):
    """Resize to a square of ``size`` pixels, as the core's transform of that name; ``engine`` must be "skimage"."""

    def __init__(self, size: int, engine: str = "skimage") -> None:
        if engine != "skimage":
            raise ArgumentError(
                f"engine={engine!r} is not supported: the published models were trained with the pixels of 'skimage'. "
                "Leave it out, or call another resizer in torchvision.transforms.Lambda(...)."
            )
        super().__init__(size)
        self.engine = engine


class ToPILImage:
    """From an array ``[1, H, W]`` to a PIL image of floats, for transforms of torchvision v1."""

    def __init__(self) -> None:
        warn_once("datasets.ToPILImage")
        self.to_pil = import_torchvision().transforms.ToPILImage(mode="F")

    def __call__(self, x: Any) -> Any:
        """The PIL image of ``x[0]``."""
        return self.to_pil(x[0])
