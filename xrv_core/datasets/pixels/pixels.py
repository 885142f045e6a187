"""The one pixel scale: [-1024, 1024] from the possible range of an encoding, and grey from colour."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["PixelRecipe", "luminance", "scale_pixels"]


@dataclass(frozen=True, kw_only=True)
class PixelRecipe:
    """How pixels are made from a file, kept with a dataset for the record. All options concern DICOM only.

    Args:
        modality_lut: Apply the modality LUT (rescale slope and intercept, or a LUT sequence).
        voi_lut: Apply the modality LUT, then the file's first VOI LUT or window.
        fix_monochrome: Invert MONOCHROME1, in which the lowest value is white.
    """

    modality_lut: bool = False
    voi_lut: bool = False
    fix_monochrome: bool = True


def scale_pixels(values: NDArray[Any], low: float, high: float) -> NDArray[np.float32]:
    """Map the possible range ``low..high`` linearly to [-1024, 1024], as float32."""
    exact = np.float32 if values.dtype.itemsize <= 2 or values.dtype == np.float32 else np.float64
    x: Any = values.astype(exact)
    if low:
        x -= exact(low)
    x /= exact(high - low)
    x *= 2048
    x -= 1024
    scaled: NDArray[np.float32] = x.astype(np.float32, copy=False)
    return scaled


def luminance(colour: NDArray[Any]) -> NDArray[Any]:
    """Grey of red, green, blue ``[H, W, 3...]``: the channel itself if all are equal, else BT.601 in float."""
    red, green, blue = colour[..., 0], colour[..., 1], colour[..., 2]
    if np.array_equal(red, green) and np.array_equal(red, blue):
        return red
    grey: NDArray[Any] = np.float32(0.299) * red
    grey += np.float32(0.587) * green
    grey += np.float32(0.114) * blue
    return grey
