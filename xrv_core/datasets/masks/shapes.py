"""Turn rectangles, ellipses and polygons into float masks ``[1, H, W]`` at the image's true size."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets.masks.boxes import boxes_mask
from xrv_core.errors import ArgumentError

__all__ = ["check_shape", "shapes_mask"]

_CORNERS = "the corners x1, y1, x2, y2"
_NEEDS = {"rectangle": _CORNERS, "ellipse": f"{_CORNERS} of the rectangle round it", "polygon": "x, y of 3 corners"}


def check_shape(kind: str, numbers: Sequence[float]) -> None:
    """Raise an ArgumentError that says what a shape lacks."""
    if kind not in _NEEDS:
        raise ArgumentError(f"{kind!r} is no shape. Choose one of: {', '.join(_NEEDS)}.")
    few = len(numbers) < 6 or len(numbers) % 2 if kind == "polygon" else len(numbers) != 4
    if few or not np.isfinite(numbers).all():
        more = " or more" if kind == "polygon" else ""
        raise ArgumentError(f"The {kind} {[float(n) for n in numbers]} is none: it needs {_NEEDS[kind]}{more}.")


def shapes_mask(
    shapes: Iterable[tuple[str, Sequence[float]]], shape: tuple[int, int], drawn_on: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """One mask that covers all ``shapes``.

    Args:
        shapes: ``("rectangle", (x1, y1, x2, y2))``, ``("ellipse", (x1, y1, x2, y2))`` that fills this
            rectangle, or ``("polygon", (x1, y1, ..., xn, yn))``, closed by itself; in pixels of the
            image they were drawn on, two opposite corners in any order. Where a polygon's outline
            crosses itself, everything that it goes round is inside.
        shape: ``(H, W)`` of the mask.
        drawn_on: ``(H, W)`` of the image the shapes were drawn on, where it is not ``shape``.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1. As in ``boxes_mask`` a pixel belongs to a shape when its centre
        does, and what lies outside the image is cut off. A shape in the image that is too thin to hold
        a centre covers the pixel at its middle.

    Raises:
        ArgumentError: A shape with an unknown name, or with too few numbers or some that are not finite.
    """
    scale = (1.0, 1.0) if drawn_on is None else (shape[1] / drawn_on[1], shape[0] / drawn_on[0])
    mask = np.zeros((1, *shape), dtype=np.float32)
    for kind, numbers in shapes:
        check_shape(kind, numbers)
        points = np.asarray(numbers, dtype=np.float64).reshape(-1, 2) * scale
        low, high = points.min(axis=0), points.max(axis=0)
        if kind == "rectangle":
            mask = np.maximum(mask, boxes_mask([(*low, *(high - low))], shape))
        else:
            _add(mask[0], points if kind == "polygon" else None, low, high)
    return mask


def _add(
    mask: NDArray[np.float32], corners: NDArray[np.float64] | None, low: NDArray[np.float64], high: NDArray[np.float64]
) -> None:
    """Cover the polygon with these ``corners``, or without any the ellipse between ``low`` and ``high``."""
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
    """The pixels of the image that can lie between two corners, and the centres of its columns and rows."""
    first = np.clip(np.floor(low), 0, shape[::-1]).astype(int)
    last = np.clip(np.ceil(high), 0, shape[::-1]).astype(int)
    columns, rows = (np.arange(a, b) + 0.5 for a, b in zip(first, last, strict=True))
    return (slice(first[1], last[1]), slice(first[0], last[0])), columns, rows


def _in_ellipse(
    low: NDArray[np.float64], high: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Which centres ``[H, W]`` lie in the ellipse that fills a rectangle, its outline left out: so it stays inside."""
    middle = (low + high) / 2
    radius = np.maximum((high - low) / 2, 1e-9)  # a flat one holds no centre, rather than dividing by zero
    inside: NDArray[np.bool_] = ((x - middle[0]) / radius[0]) ** 2 + (((y - middle[1]) / radius[1]) ** 2)[:, None] < 1
    return inside


def _in_polygon(points: NDArray[np.float64], x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Which centres ``[H, W]`` lie in a polygon: those that its outline goes round at least once."""
    turns = np.zeros((len(y), len(x) + 1), dtype=np.int64)
    for start, end in pairwise([*points, points[0]]):
        turn = 1 if end[1] > start[1] else -1
        (x1, y1), (x2, y2) = (start, end) if turn == 1 else (end, start)  # a side is rounded alike in both directions
        crossed = np.flatnonzero((y1 <= y) & (y < y2))  # half open: a row meets a corner once
        if len(crossed):
            at = x1 + (y[crossed] - y1) * (x2 - x1) / (y2 - y1)
            np.add.at(turns, (crossed, np.searchsorted(x, at)), turn)
    inside: NDArray[np.bool_] = np.cumsum(turns[:, :-1], axis=1) != 0
    return inside
