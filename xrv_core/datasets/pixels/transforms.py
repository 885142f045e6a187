"""torchxrayvision's two transforms as torchvision v2 transforms, which treat images, masks and boxes alike."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch

from xrv_core.datasets.pixels.augment import apply_transform
from xrv_core.datasets.pixels.resize import resize_exact
from xrv_core.errors import ArgumentError
from xrv_core.torchvision_guard import import_torchvision

import_torchvision()
from torchvision import tv_tensors  # noqa: E402  # after the guard
from torchvision.transforms import v2  # noqa: E402
from torchvision.transforms.v2 import functional as F  # noqa: E402

__all__ = ["XRayCenterCrop", "XRayResizer"]


class _XRayTransform(v2.Transform):  # type: ignore[misc]
    """A v2 transform that also takes numpy arrays and samples of plain tensors.

    v2 itself ignores arrays, and transforms only the first of several plain tensors.
    """

    def forward(self, *inputs: Any) -> Any:
        """Transform a tensor, an array, a sample, or nested tv_tensors; types are kept, and samples hold tensors."""
        first = inputs[0] if len(inputs) == 1 else None
        if isinstance(first, np.ndarray):
            if first.ndim == 2 or (first.ndim == 3 and first.shape[0] == 1):
                writable = np.require(first, requirements=["C", "W"])  # torch shares such memory without a warning
                return self.transform(torch.from_numpy(writable), {}).numpy()
            raise ArgumentError(
                f"{self} takes arrays [H, W] or [1, H, W], got shape {first.shape}. Colour: convert to grey first."
            )
        if isinstance(first, Mapping) and type(first.get("img")) in (torch.Tensor, np.ndarray):
            return apply_transform(self, first)
        return super().forward(*inputs)


class XRayCenterCrop(_XRayTransform):
    """Cut the central square, as long as the shorter side; like torchxrayvision's transform of that name.

    Takes tensors ``[..., H, W]``, ``tv_tensors`` (Image, Mask, BoundingBoxes, ...), PIL images, arrays
    ``[1, H, W]`` or ``[H, W]``, and whole samples.

    Raises:
        ArgumentError: An array of another shape.
    """

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Crop one input by its own size."""
        height, width = F.get_size(inpt)
        side = min(height, width)
        # not (height - side) // 2: for odd sizes torchxrayvision's square starts one pixel later
        top, left = height // 2 - side // 2, width // 2 - side // 2
        return self._call_kernel(F.crop, inpt, top, left, side, side)


class XRayResizer(_XRayTransform):
    """Resize to a square with scikit-image's anti-aliasing, as torchxrayvision's models were trained.

    Takes tensors ``[..., H, W]``, ``tv_tensors`` (Image, Mask, BoundingBoxes, ...), arrays ``[1, H, W]`` or
    ``[H, W]``, and whole samples. Pixels outside the image count as 0 (mid-grey), see
    ``xrv_core.datasets.pixels.resize``. Masks use the same kernel and stay in 0..1, so a masked area keeps its
    size up to one input pixel on each side. Results are float32.

    Args:
        size: Height and width of the result in pixels.

    Raises:
        ArgumentError: ``size`` is not a positive integer; an input is a PIL image, an array of another
            shape, or a mask of class numbers.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        try:
            self.size = operator.index(size)
        except TypeError:
            self.size = 0
        if self.size < 1 or isinstance(size, bool):
            raise ArgumentError(f"XRayResizer(size={size!r}): size must be one positive integer, such as 224.")

    def transform(self, inpt: Any, params: dict[str, Any]) -> Any:
        """Resize one input."""
        square = (self.size, self.size)
        if not isinstance(inpt, torch.Tensor):
            raise ArgumentError(
                f"{self} takes tensors and arrays, not {type(inpt).__name__}. Put it before ToPILImage."
            )
        if isinstance(inpt, tv_tensors.Mask):
            return tv_tensors.wrap(self._mask(inpt.as_subclass(torch.Tensor)), like=inpt)
        if type(inpt) is torch.Tensor or isinstance(inpt, (tv_tensors.Image, tv_tensors.Video)):
            out = resize_exact(inpt.as_subclass(torch.Tensor).float(), square)
            return out if type(inpt) is torch.Tensor else tv_tensors.wrap(out, like=inpt)
        return self._call_kernel(F.resize, inpt, list(square))  # coordinates are only scaled

    def _mask(self, mask: torch.Tensor) -> torch.Tensor:
        if mask.numel() and not mask.is_floating_point() and mask.max() > 1:
            raise ArgumentError(
                f"{self} averages masks of 0..1, but this mask holds {mask.max().item()}. "
                "For class numbers use torchvision.transforms.v2.Resize, which takes the nearest pixel."
            )
        return resize_exact(mask.float(), (self.size, self.size)).clamp(0, 1)
