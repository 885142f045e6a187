"""Transforms, and how they are applied to a sample."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from xrv_compat.notes import warn_once
from xrv_core import datasets
from xrv_core.datasets import apply_in_step, luminance
from xrv_core.errors import ArgumentError, MissingDependency
from xrv_core.torchvision_guard import import_torchvision

__all__ = ["ToPILImage", "XRayCenterCrop", "XRayResizer", "apply_transforms"]

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


class XRayCenterCrop(datasets.XRayCenterCrop):
    """The core's transform of that name, which also takes arrays ``[C, H, W]``."""

    def forward(self, *inputs: Any) -> Any:
        """Crop an array, or whatever the core's transform takes."""
        if len(inputs) != 1 or not isinstance(inputs[0], np.ndarray) or inputs[0].ndim not in (2, 3):
            return super().forward(*inputs)
        height, width = inputs[0].shape[-2:]
        side = min(height, width)
        top, left = height // 2 - side // 2, width // 2 - side // 2
        return inputs[0][..., top : top + side, left : left + side]


class XRayResizer(datasets.XRayResizer):
    """The core's transform of that name, which makes ``[1, size, size]`` of every array; colour becomes luminance.

    Args:
        size: Height and width of the result.
        engine: "skimage", with whose pixels the published models were trained, or "cv2", which averages areas and
            needs OpenCV.
    """

    def __init__(self, size: int, engine: str = "skimage") -> None:
        if engine not in ("skimage", "cv2"):
            raise ArgumentError(f"Unknown engine, Must be skimage (default) or cv2. This is {engine!r}.")
        super().__init__(size)
        self.engine = engine

    def forward(self, *inputs: Any) -> Any:
        """Resize an array ``[H, W]`` or ``[C, H, W]``, or whatever the core's transform takes."""
        if len(inputs) != 1 or not isinstance(inputs[0], np.ndarray) or inputs[0].ndim not in (2, 3):
            return super().forward(*inputs)
        image = inputs[0]
        if image.ndim == 3:
            image = luminance(np.moveaxis(image, 0, -1)) if len(image) > 2 else image[0]
        if self.engine == "skimage":
            return super().forward(image[np.newaxis])
        try:
            cv2: Any = importlib.import_module("cv2")
        except ImportError as error:
            raise MissingDependency(
                f"engine='cv2' needs OpenCV ({error}): pip install opencv-python-headless, or leave engine out."
            ) from error
        resized = cv2.resize(image, (self.size, self.size), interpolation=cv2.INTER_AREA)
        return resized.reshape(1, self.size, self.size).astype(np.float32)


class ToPILImage:
    """From an array ``[1, H, W]`` to a PIL image of floats, for transforms of torchvision v1."""

    def __init__(self) -> None:
        warn_once("datasets.ToPILImage")
        self.to_pil = import_torchvision().transforms.ToPILImage(mode="F")

    def __call__(self, x: Any) -> Any:
        """The PIL image of ``x[0]``."""
        return self.to_pil(x[0])
