"""Turn annotations into float masks ``[1, H, W]`` in 0..1 at the image's true size."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["boxes_mask", "fit_mask"]


def boxes_mask(
    boxes: Iterable[tuple[float, float, float, float]], shape: tuple[int, int], drawn_on: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """One mask that covers all ``boxes``.

    Args:
        boxes: ``(x, y, width, height)`` in pixels of the image they were drawn on.
        shape: ``(H, W)`` of the mask.
        drawn_on: ``(H, W)`` of the image the boxes were drawn on, where it is not ``shape``.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1. A pixel belongs to a box when its centre does; the part of a
        box outside the image is cut off; what is left of a box covers at least one pixel.
    """
    height, width = shape
    scale_y, scale_x = (1.0, 1.0) if drawn_on is None else (height / drawn_on[0], width / drawn_on[1])
    mask = np.zeros((1, height, width), dtype=np.float32)
    for x, y, w, h in boxes:
        rows = _pixels(y * scale_y, h * scale_y, height)
        columns = _pixels(x * scale_x, w * scale_x, width)
        mask[0, rows, columns] = 1
    return mask


def fit_mask(mask: NDArray[np.float32], shape: tuple[int, int]) -> NDArray[np.float32]:
    """``mask`` ``[1, H, W]`` at another ``shape`` ``(H, W)``, by the nearest pixel: its values stay as they are."""
    if mask.shape[1:] == shape:
        return mask
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp) for new, old in zip(shape, mask.shape[1:], strict=True)
    )
    return mask[:, rows[:, None], columns]


def _pixels(start: float, length: float, limit: int) -> slice:
    """The pixels whose centres lie in ``[start, start + length)``."""
    stop = start + length
    if start >= limit or (start < 0 and stop <= 0):
        return slice(0, 0)
    start, stop = max(start, 0.0), min(stop, float(limit))
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(stop - 0.5))
    if last <= first:  # thinner than a pixel and between two centres
        first, last = int(start), int(start) + 1
    return slice(first, last)
