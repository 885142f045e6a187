"""Turn boxes, ellipses and polygons into float masks ``[1, H, W]`` at the image's own size."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from xrv_core.assets import within
from xrv_core.errors import ArgumentError, ImageError

__all__ = ["boxes_mask", "check_shape", "fit_mask", "grouped", "shapes_mask"]

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")

#: No pixel is as far from an image; from here on, arithmetic overflows.
_FAR = 1e9
_CORNERS = "the corners x1, y1, x2, y2"
_NEEDS = {
    "rectangle": _CORNERS,
    "ellipse": f"{_CORNERS} of its bounding box",
    "polygon": "x, y of 3 or more corners",
}


def grouped(keys: Iterable[K], values: Iterable[V]) -> dict[K, list[V]]:
    """The values of each key, in their order: ``grouped(images, boxes)`` has the boxes of each image."""
    found: dict[K, list[V]] = {}
    for key, value in zip(keys, values, strict=True):
        found.setdefault(key, []).append(value)
    return found


def boxes_mask(
    boxes: Iterable[tuple[float, float, float, float]], shape: tuple[int, int], drawn_on: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """One mask that covers all ``boxes``.

    Args:
        boxes: ``(x, y, width, height)`` in pixels of the image they were drawn on.
        shape: ``(H, W)`` of the mask.
        drawn_on: ``(H, W)`` of the image the boxes were drawn on, if it differs from ``shape``.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1. A pixel is in a box if its centre is. Parts outside the image are
        cut off. A box that is partly inside the image covers at least one pixel.

    Raises:
        ArgumentError: A number is NaN.
    """
    height, width = shape
    scale_y, scale_x = (1.0, 1.0) if drawn_on is None else (height / drawn_on[0], width / drawn_on[1])
    mask = np.zeros((1, height, width), dtype=np.float32)
    for x, y, w, h in boxes:
        if np.isnan([x, y, w, h]).any():
            raise ArgumentError(f"Invalid box {(x, y, w, h)}: it needs four numbers x, y, width, height.")
        rows = _pixels(y * scale_y, h * scale_y, height)
        columns = _pixels(x * scale_x, w * scale_x, width)
        mask[0, rows, columns] = 1
    return mask


def fit_mask(mask: NDArray[np.float32], shape: tuple[int, int], *, where: str = "mask") -> NDArray[np.float32]:
    """``mask`` ``[1, H, W]`` resized to ``shape`` ``(H, W)`` by the nearest pixel, so that no new values appear.

    Args:
        mask: The mask.
        shape: ``(H, W)`` of the image.
        where: Name of the mask for errors, such as its file.

    Raises:
        ImageError: Mask and image differ in proportions by more than the rounding to whole pixels.
    """
    if mask.shape[1:] == shape:
        return mask
    (old_h, old_w), (new_h, new_w) = mask.shape[1:], shape
    if abs(new_w - old_w * new_h / old_h) > 1 and abs(new_h - old_h * new_w / old_w) > 1:
        raise ImageError(
            f"{where}: the mask is of shape {mask.shape[1:]}, but its image is of shape {shape} (rows, columns). A "
            "mask may be smaller or larger than its image, but not of other proportions. Check both files."
        )
    rows, columns = (
        ((np.arange(new) + 0.5) * old / new).astype(np.intp) for new, old in zip(shape, mask.shape[1:], strict=True)
    )
    return mask[:, rows[:, None], columns]


def check_shape(kind: str, numbers: Sequence[float]) -> None:
    """Raise an ArgumentError if ``numbers`` do not describe a shape of this kind."""
    if kind not in _NEEDS:
        raise ArgumentError(f"Unknown shape {kind!r}. Choose one of: {', '.join(_NEEDS)}.")
    count = len(numbers)
    wrong = count < 6 or count % 2 if kind == "polygon" else count != 4
    with suppress(TypeError, ValueError, OverflowError):
        if not wrong and all(abs(float(n)) < _FAR for n in numbers):
            return
    shown = ", ".join(
        str(float(n)) if isinstance(n, int | float) and abs(n) < 1e300 else repr(n)[:20] for n in numbers[:8]
    )
    more = ", ..." if count > 8 else ""
    raise ArgumentError(f"Invalid {kind} [{shown}{more}]: it needs {_NEEDS[kind]}.")


def shapes_mask(
    shapes: Iterable[tuple[str, Sequence[float]]], shape: tuple[int, int], drawn_on: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """One mask that covers all ``shapes``.

    Args:
        shapes: ``("rectangle", (x1, y1, x2, y2))``, ``("ellipse", (x1, y1, x2, y2))`` by its bounding box,
            or ``("polygon", (x1, y1, ..., xn, yn))``, closed automatically; in pixels of the image they were
            drawn on. The two corners may be any opposite ones. If the outline of a polygon crosses itself,
            everything that it encloses is inside.
        shape: ``(H, W)`` of the mask.
        drawn_on: ``(H, W)`` of the image the shapes were drawn on, if it differs from ``shape``.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1. As in ``boxes_mask``, a pixel is in a shape if its centre is, and
        parts outside the image are cut off. A shape too thin to hold a centre covers its middle pixel.

    Raises:
        ArgumentError: A shape has an unknown name, a wrong count of numbers, or a number that is no pixel's.
        OverLimit: There are too many corners, or the shapes cover too many pixels in sum.
    """
    shapes = list(shapes)
    within("corners", sum(len(numbers) for _, numbers in shapes) / 2)
    drawn = 0
    scale = (1.0, 1.0) if drawn_on is None else (shape[1] / drawn_on[1], shape[0] / drawn_on[0])
    mask = np.zeros((1, *shape), dtype=np.float32)
    for kind, numbers in shapes:
        check_shape(kind, numbers)
        points = np.asarray(numbers, dtype=np.float64).reshape(-1, 2) * scale
        low, high = points.min(axis=0), points.max(axis=0)
        if kind == "rectangle":
            mask[0, _pixels(low[1], high[1] - low[1], shape[0]), _pixels(low[0], high[0] - low[0], shape[1])] = 1
        else:
            drawn += int(np.prod(np.clip(high, 0, shape[::-1]) - np.clip(low, 0, shape[::-1])))
            within("pixels", drawn)
            _add(mask[0], points if kind == "polygon" else None, low, high)
    return mask


def _pixels(start: float, length: float, limit: int) -> slice:
    """The pixels whose centres are in ``[start, start + length)``."""
    stop = start + length
    if start >= limit or (start < 0 and stop <= 0):
        return slice(0, 0)
    start, stop = max(start, 0.0), min(stop, float(limit))
    first, last = int(np.ceil(start - 0.5)), int(np.ceil(stop - 0.5))
    if last <= first:  # thinner than a pixel, and between two centres
        first, last = int(start), int(start) + 1
    return slice(first, last)


def _add(
    mask: NDArray[np.float32], corners: NDArray[np.float64] | None, low: NDArray[np.float64], high: NDArray[np.float64]
) -> None:
    """Add the polygon with these ``corners``, or the ellipse between ``low`` and ``high`` if there are none."""
    window, x, y = _window(low, high, mask.shape)
    inside = _in_ellipse(low, high, x, y) if corners is None else _in_polygon(corners, x, y)
    if not inside.any():
        column, row = np.floor((low + high) / 2).astype(int)
        if 0 <= row < mask.shape[0] and 0 <= column < mask.shape[1]:
            mask[row, column] = 1
    mask[window] = np.maximum(mask[window], inside)


def _window(
    low: NDArray[np.float64], high: NDArray[np.float64], shape: tuple[int, ...]
) -> tuple[tuple[slice, slice], NDArray[np.float64], NDArray[np.float64]]:
    """The pixels between two corners, and the centres of their columns and rows."""
    first = np.clip(np.floor(low), 0, shape[::-1]).astype(int)
    last = np.clip(np.ceil(high), 0, shape[::-1]).astype(int)
    columns, rows = (np.arange(a, b) + 0.5 for a, b in zip(first, last, strict=True))
    return (slice(first[1], last[1]), slice(first[0], last[0])), columns, rows


def _in_ellipse(
    low: NDArray[np.float64], high: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which centres ``[H, W]`` are inside the ellipse; centres on the outline are not."""
    middle = (low + high) / 2
    radius = np.maximum((high - low) / 2, 1e-9)  # a flat ellipse holds no centre; this avoids a division by zero
    inside: NDArray[np.bool_] = ((x - middle[0]) / radius[0]) ** 2 + (((y - middle[1]) / radius[1]) ** 2)[:, None] < 1
    return inside


def _in_polygon(points: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which centres ``[H, W]`` a polygon encloses at least once (winding number)."""
    turns = np.zeros((len(y), len(x) + 1), dtype=np.int64)
    for start, end in pairwise([*points, points[0]]):
        turn = 1 if end[1] > start[1] else -1
        (x1, y1), (x2, y2) = (
            (start, end) if turn == 1 else (end, start)
        )  # so that a side is rounded the same in both directions
        crossed = np.flatnonzero((y1 <= y) & (y < y2))  # half open, so that a row crosses a corner once
        if len(crossed):
            at = x1 + (y[crossed] - y1) * (x2 - x1) / (y2 - y1)
            np.add.at(turns, (crossed, np.searchsorted(x, at)), turn)
    inside: NDArray[np.bool_] = np.cumsum(turns[:, :-1], axis=1) != 0
    return inside
