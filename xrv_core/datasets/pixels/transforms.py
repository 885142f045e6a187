"""torchxrayvision's two transforms as torchvision v2 transforms, which treat images, masks and boxes alike."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import torch
from torch.utils._pytree import tree_flatten, tree_unflatten

from xrv_core.datasets.pixels.augment import PHOTOMETRIC, apply_transform, members
from xrv_core.datasets.pixels.resize import resize_exact
from xrv_core.errors import ArgumentError
from xrv_core.torchvision_guard import import_torchvision

import_torchvision()
from torchvision import tv_tensors  # noqa: E402  # after the guard
from torchvision.transforms import v2  # noqa: E402
from torchvision.transforms.v2 import functional as F  # noqa: E402

__all__ = ["XRayCenterCrop", "XRayResizer", "photometric"]


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


def photometric(transform: Callable[..., Any], *, back: bool = True) -> v2.Transform:
    """Run torchvision's transforms on the scale that they expect: ``photometric(v2.ColorJitter(0.2, 0.2))``.

    torchvision takes float pixels to be in 0..1. The result scales images from [-1024, 1024] to 0..1, calls
    ``transform`` on image and masks together, and scales back. The 0 of ``fill`` is black there, so geometric v2
    transforms belong inside, too. Use it as the ``transform`` of a dataset, or as a step of ``v2.Compose``.

    Args:
        transform: Any v2 transform or container of them; a photometric v1 transform, which is called on the image
            alone; or a function from an image in 0..1 to another.
        back: False leaves images on the scale that ``transform`` gives them, for other libraries: such a dataset
            does not check its pixels, and our models refuse them.

    Raises:
        ArgumentError: When it is called: ``transform`` moves the image and cannot move its masks.
    """
    return Photometric(transform, back)


class Photometric(v2.Transform):  # type: ignore[misc]
    """See ``photometric``."""

    def __init__(self, inner: Callable[..., Any], back: bool) -> None:
        super().__init__()
        self.inner, self.back = inner, back
        names = {type(one).__name__ for one in members(inner)}
        self._levels = "JPEG" in names  # it takes 8-bit images only
        self._v2 = all(isinstance(one, v2.Transform) for one in members(inner))
        moving = {"AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"}
        self._image_only = not self._v2 or bool(names & moving)
        self._moves = bool(names & moving) or (not self._v2 and not names <= PHOTOMETRIC)

    def forward(self, *inputs: Any) -> Any:
        """Transform an image, an array, a sample, or nested tv_tensors."""
        given = inputs if len(inputs) > 1 else inputs[0]
        if isinstance(given, np.ndarray):
            return self.forward(torch.from_numpy(np.ascontiguousarray(given))).numpy()
        if isinstance(given, Mapping) and type(given.get("img")) in (torch.Tensor, np.ndarray):
            return apply_transform(self, given)
        leaves, structure = tree_flatten(given)
        typed = any(isinstance(leaf, tv_tensors.TVTensor) for leaf in leaves)
        kinds = (tv_tensors.Image, tv_tensors.Video) if typed else (torch.Tensor,)
        at = [i for i, leaf in enumerate(leaves) if isinstance(leaf, kinds)]
        at = at if typed else at[:1]  # v2 takes the first of plain tensors for the image
        if self._moves and any(
            isinstance(leaf, tv_tensors.TVTensor) and not isinstance(leaf, kinds) for leaf in leaves
        ):
            raise ArgumentError(
                f"{self.inner} may move the image, but not its masks. Leave the masks out, or use v2 transforms that "
                "treat both alike, such as v2.RandomAffine and v2.ColorJitter."
            )
        for i in at:
            leaves[i] = self._scaled(leaves[i])
        if self._image_only:
            for i in at:
                leaves[i] = self.inner(leaves[i])
        else:
            leaves, structure = tree_flatten(self.inner(tree_unflatten(leaves, structure)))
        if self.back:
            for i in at:
                leaves[i] = self._unscaled(leaves[i])
        return tree_unflatten(leaves, structure)

    def _scaled(self, image: torch.Tensor) -> torch.Tensor:
        unit = image.float().add(1024).div(2048).clamp(0, 1)
        return _like(unit.mul(255).round().to(torch.uint8) if self._levels else unit, image)

    def _unscaled(self, image: Any) -> torch.Tensor:
        unit = F.to_dtype(image, torch.float32, scale=True)
        return _like(unit.mul(2048).sub(1024), image)

    def __repr__(self) -> str:
        return f"photometric({self.inner}{'' if self.back else ', back=False'})"


def _like(image: torch.Tensor, original: torch.Tensor) -> torch.Tensor:
    plain = image.as_subclass(torch.Tensor)
    return tv_tensors.wrap(plain, like=original) if isinstance(original, tv_tensors.TVTensor) else plain
