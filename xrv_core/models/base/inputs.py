"""The input of a model: its check, its size, and the step to what a backbone expects."""

from __future__ import annotations

import math
import warnings
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.nn import functional as F

from xrv_core.errors import ArgumentError, InputError, printable

__all__ = ["IMAGENET", "InputAdapter", "as_batch", "check_input", "resize_input"]

#: Mean and standard deviation of the colour channels of ImageNet on the 0..1 scale: ``InputAdapter(*IMAGENET)``.
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
#: Largest absolute pixel value of an image: 1024, plus rounding of resizers and half precision.
PIXEL_LIMIT = 1025.0
#: Largest absolute pixel value that is accepted, for noise: the range of the pixels again on either side.
MARGIN = 3072.0
#: Two grey levels of 8 bits are 8.03 apart, so no image that shows anything lies within this distance of 0.
NOTHING = 4.0
#: An image within this distance of 0 has a quarter of the contrast: raw grey levels, more likely than an X-ray.
FAINT = 255.0

#: What each model has warned of.
_told: WeakKeyDictionary[nn.Module, set[str]] = WeakKeyDictionary()

_WANTED = "A model takes float images [B, 1, H, W] with pixels in [-1024, 1024]"
_HOW = "xrv_core.datasets.load_image(PATH) reads a file the right way."


def as_batch(x: torch.Tensor | NDArray[np.generic]) -> tuple[torch.Tensor, bool]:
    """A batch ``[B, 1, H, W]`` from a batch or a single image.

    Args:
        x: Tensor or numpy array ``[B, 1, H, W]``, ``[1, H, W]`` or ``[H, W]``, floating point.

    Returns:
        The batch, and whether ``x`` was a single image.

    Raises:
        InputError: Not an array, or of another shape or type.
    """
    if isinstance(x, np.ndarray):
        if x.dtype.kind != "f":
            raise InputError(f"{_WANTED}; this input is of type {x.dtype}. {_HOW}")
        # torch only accepts the native byte order
        x = torch.from_numpy(np.ascontiguousarray(x, dtype=x.dtype.newbyteorder("=")))
    if not isinstance(x, torch.Tensor):
        raise InputError(f"{_WANTED}; this input is of type {type(x).__name__}. {_HOW}")
    if x.ndim == 2:
        return x[None, None], True
    if x.ndim == 3 and x.shape[0] == 1:
        return x[None], True
    return x, False


def check_input(x: torch.Tensor, model: nn.Module | None = None) -> torch.Tensor:
    """Refuse what cannot be a batch of X-rays in [-1024, 1024]. Cheap enough for every call: two reductions.

    It refuses another type or shape, an empty batch, NaN or infinite pixels, pixels beyond ``MARGIN`` (3072), and
    every image of the batch that is certainly on another scale:

    * different values that are all in [-4, 4] (scaled to 0..1 or -1..1, or normalised by mean and deviation): two
      grey levels of an 8-bit image are 8.03 apart;
    * different values that are all whole numbers and not negative (raw grey levels).
      On our scale a grey level ``v`` of an n-bit image is ``1024 (2v / (2^n - 1) - 1)``, and the
      odd ``2^n - 1`` divides ``2048 v`` only at both ends, so that no level but -1024 and 1024 is whole.

    It warns, once for each model, of pixels outside [-1024, 1024], which noise adds to an image, and of an image whose
    different values are all in [-255, 255], which is probably on another scale.

    It accepts an image of one constant value, because black is a usual baseline of saliency methods.
    While a graph is traced, compiled or exported, and inside ``vmap``, there are no values: it checks shape and type.

    Args:
        x: Floating-point tensor ``[B, 1, H, W]``.
        model: The model that is called, to warn once for each; None warns on each call.

    Returns:
        ``x`` itself.

    Raises:
        InputError: With the reason and a remedy.
    """
    given: Any = x
    if isinstance(given, fx.Proxy):
        return x
    if not isinstance(x, torch.Tensor):
        raise InputError(f"{_WANTED}; this input is of type {type(x).__name__}. {_HOW}")
    if not x.is_floating_point():
        raise InputError(f"{_WANTED}; this input is of type {x.dtype}. {_HOW}")
    if x.ndim != 4 or x.shape[1] != 1 or not x.numel():
        raise InputError(f"{_WANTED}; this input has the shape {list(x.shape)}. {_HOW}")
    tracing = torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if not (tracing or torch.compiler.is_compiling() or x.device.type == "meta"):
        _check_range(x.detach(), model)
    return x


def _check_range(x: torch.Tensor, model: nn.Module | None) -> None:
    try:
        # amin and amax are 15 times faster on a CPU than aminmax per image; stacked, they wait for a GPU once
        lows, highs = torch.stack([x.amin((1, 2, 3)), x.amax((1, 2, 3))]).tolist()
    except RuntimeError:  # inside vmap there are no values
        return
    if not isinstance(lows[0], float):  # fake tensors have symbols
        return
    for i, (low, high) in enumerate(zip(lows, highs, strict=True)):
        if not (math.isfinite(low) and math.isfinite(high)):
            raise InputError(
                f"{_WANTED}; image {i} of the batch has NaN or infinite pixels. Look at the file and the transforms."
            )
        found = f"{_WANTED}; image {i} of the batch goes from {low:g} to {high:g}"
        if advice := _mistake(x[i], low, high):
            raise InputError(f"{found}, which cannot be that scale. {advice} {_HOW}")
        if max(-low, high) > PIXEL_LIMIT:
            _warn_once(model, "outside", f"{found}. Noise may leave that scale; after another augmentation, clamp.")
        elif low < high and max(-low, high) <= FAINT:
            what = f"{found}: less than a quarter of the contrast of that scale. Is it on another one?"
            own = "xrv_core.datasets.scale_pixels(x, 0, 255) scales grey levels, as torchxrayvision's normalize does."
            _warn_once(model, "faint", f"{what} {_HOW} {own}")


def _mistake(image: torch.Tensor, low: float, high: float) -> str:
    """The remedy for an image that cannot be on our scale, "" for any other."""
    if -NOTHING <= low < high <= NOTHING:
        advice = "Normalised by mean and deviation? Leave that to the model."
        if low >= -1 and high <= 1:
            advice = "Scaled to 0..1? Use x * 2048 - 1024." if low >= 0 else "Scaled to -1..1? Use x * 1024."
        return f"{advice} Interpolated from a baseline of 0? Begin with black, -1024."
    # below 128, bfloat16 has fractions, too
    raw = 0 <= low < min(high, 128) and bool((image == image.round()).all())
    if raw and high <= 255:
        return "Raw 8-bit grey levels? Use x / 255 * 2048 - 1024."
    if raw or max(-low, high) > MARGIN:
        return "Scale from the possible range of the encoding, or clamp after an augmentation."
    return ""


def _warn_once(model: nn.Module | None, kind: str, text: str) -> None:
    told = set() if model is None else _told.setdefault(model, set())
    if kind not in told:
        told.add(kind)
        warnings.warn(printable(text), stacklevel=2)


def resize_input(x: torch.Tensor, resolution: int | None) -> torch.Tensor:
    """Resize a batch to the resolution of a model: bilinear with anti-aliasing, like torchxrayvision.

    Args:
        x: ``[B, C, H, W]``.
        resolution: Height and width of the result; None: those of ``x``.

    Returns:
        ``[B, C, resolution, resolution]``; ``x`` itself if it has that size already.

    Raises:
        InputError: The images are not square.
    """
    if resolution is None or x.shape[-2:] == (resolution, resolution):
        return x
    height, width = x.shape[-2:]
    if height != width:
        raise InputError(
            f"The images are {height} x {width} pixels; squeezing them to {resolution} x {resolution} would distort "
            "them. Crop first: xrv_core.datasets.XRayCenterCrop()."
        )
    if torch.onnx.is_in_onnx_export() and torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
        return _resize_by_matrices(x, height, resolution)
    # CPUs have no such kernel for half precision
    wide = x if x.dtype in (torch.float32, torch.float64) else x.float()
    return F.interpolate(wide, size=(resolution, resolution), mode="bilinear", antialias=True).to(x.dtype)


def _resize_by_matrices(x: torch.Tensor, side: int, resolution: int) -> torch.Tensor:
    """The same as two products with constant matrices: ONNX's older exporter knows no resize with anti-aliasing."""
    # resizing is linear: the resized unit vectors are its matrix
    rows = torch.eye(int(side), dtype=torch.float64)[None, None]
    weights = F.interpolate(rows, size=(resolution, int(side)), mode="bilinear", antialias=True)[0, 0].to(x)
    return weights @ x @ weights.T


class InputAdapter(nn.Module):
    """From ``[B, 1, H, W]`` in [-1024, 1024] to the input of a backbone for colour images.

    Scales to 0..1, repeats the grey channel once for each entry of ``mean``, and normalises each
    channel. That is exactly what the backbone would get for a grey picture. A first convolution that is
    converted to one channel gives other results if the channels have different means or deviations.

    Args:
        mean: Mean of each channel, on the 0..1 scale.
        std: Standard deviation of each channel.
    """

    mean: torch.Tensor
    std: torch.Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        if not mean or len(mean) != len(std) or not all(s > 0 for s in std):
            raise ArgumentError(f"mean={tuple(mean)} and std={tuple(std)}: give both for every channel, and std > 0.")
        for name, values in (("mean", mean), ("std", std)):
            self.register_buffer(name, torch.tensor(values, dtype=torch.float32).view(1, -1, 1, 1), persistent=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, 1, H, W]`` in [-1024, 1024] to ``[B, len(mean), H, W]``, normalised."""
        return ((x + 1024) / 2048 - self.mean) / self.std

    def extra_repr(self) -> str:
        """The numbers, for ``print``."""
        return f"mean={self.mean.flatten().tolist()}, std={self.std.flatten().tolist()}"
