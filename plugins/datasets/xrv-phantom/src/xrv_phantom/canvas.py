"""The drawing board: a grid in centimetres, and soft-edged shapes on it.

Every shape is an analytic function of position, so that a picture of 128 pixels and one of 512 show the
same thing. Edges are never sharper than a pixel: what is thinner is drawn wider and fainter.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

__all__ = ["FIELD_CM", "Grid", "Map", "disc", "ellipse", "line", "make_grid", "ramp", "sphere", "step", "texture"]

Map = NDArray[np.float32]

#: Side of the square field of view on the detector.
FIELD_CM = 38.0


@dataclass(frozen=True)
class Grid:
    """Positions of all pixels in the patient's own centimetres (x to the image's right, y down).

    Attributes:
        x: ``[H, W]``; a patient who leans shears the rows.
        y: ``[H, 1]``, so that what depends on height alone costs one column.
        pixel: Width of a pixel in patient centimetres.
        soft: Width of the softest visible edge, at least 0.7 pixel.
    """

    x: Map
    y: Map
    pixel: float
    soft: float

    def rows(self, top: float, bottom: float) -> slice:
        """The rows between two heights, for shapes that cover only a strip."""
        first, last = np.searchsorted(self.y[:, 0], (top, bottom))
        return slice(int(first), int(last))


@lru_cache(maxsize=8)
def _axis(size: int) -> Map:
    axis = ((np.arange(size) + 0.5) / size - 0.5) * FIELD_CM
    axis.setflags(write=False)
    return axis.astype(np.float32)


def make_grid(size: int, magnification: float, shift: tuple[float, float], lean: float) -> Grid:
    """The grid of a picture of ``size`` pixels.

    Args:
        size: Height and width in pixels.
        magnification: Size on the detector per size in the patient.
        shift: Position of the patient's origin on the detector, in cm.
        lean: Tangent of the angle by which the patient leans.
    """
    axis = _axis(size)
    y = ((axis - shift[1]) / magnification)[:, None]
    x = ((axis - shift[0]) / magnification)[None, :] - lean * y
    pixel = FIELD_CM / size / magnification
    return Grid(x=x, y=y, pixel=pixel, soft=max(0.12, 0.7 * pixel))


def step(value: Map, width: float) -> Map:
    """A soft step from 0 to 1 as ``value`` passes 0, ``width`` wide from end to end."""
    t = np.clip(value * (1.0 / width) + 0.5, 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def ramp(value: Map, start: float, end: float) -> Map:
    """A soft step from 0 at ``start`` to 1 at ``end``."""
    t = np.clip((value - start) * (1.0 / (end - start)), 0.0, 1.0)
    return t * t * (3.0 - 2.0 * t)


def ellipse(grid: Grid, centre: tuple[float, float], half: tuple[float, float], turn: float = 0.0) -> Map:
    """``1 - q``, where q is the squared elliptic radius: positive inside, 1 at the centre."""
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    x, y = grid.x - centre[0], grid.y - centre[1]
    along = (x * cos + y * sin) * (1.0 / half[0])
    across = (y * cos - x * sin) * (1.0 / half[1])
    return 1.0 - along * along - across * across


def disc(inside: Map, radius: float, grid: Grid, blur: float = 1.0) -> Map:
    """The soft silhouette of an :func:`ellipse` of the given mean radius."""
    # near the rim, 1 - q is twice the distance over the radius
    return step(inside * (0.5 * radius), blur * grid.soft)


def sphere(inside: Map, depth: float) -> Map:
    """Path length through an ellipsoid ``depth`` thick whose silhouette is an :func:`ellipse`."""
    return np.sqrt(np.maximum(inside, 0.0)) * depth


def line(distance: Map, width: float, grid: Grid) -> Map:
    """A line ``width`` thick, from the distance to its middle; fainter where pixels are wider than it."""
    drawn = max(width, grid.pixel)
    return np.maximum(1.0 - np.abs(distance) * (1.0 / drawn), 0.0) * (width / drawn)


def texture(grid: Grid, rng: np.random.Generator, wavelength: float, waves: int = 24) -> Map:
    """A smooth random field of mean 0 and variance 1 that is the same at every resolution.

    It is a sum of plane waves. The cosine of a sum splits into products of rows and columns, so the
    whole field is one matrix product.
    """
    angle = rng.uniform(0.0, 2 * np.pi, waves)
    number = 2 * np.pi / wavelength * rng.uniform(0.4, 1.2, waves)
    phase = rng.uniform(0.0, 2 * np.pi, waves)
    kx, ky = number * np.cos(angle), number * np.sin(angle)
    along = np.outer(kx, grid.x[grid.x.shape[0] // 2]) + phase[:, None]
    down = np.outer(grid.y[:, 0], ky)
    left = np.concatenate([np.cos(down), -np.sin(down)], axis=1).astype(np.float32)
    right = np.concatenate([np.cos(along), np.sin(along)], axis=0).astype(np.float32)
    left *= np.float32((2.0 / waves) ** 0.5)
    field = np.empty_like(grid.x)
    # blocks so small that BLAS keeps to one thread: waking others takes longer than the product
    block = max(1, 400_000 // right.size)
    for first in range(0, len(field), block):
        np.matmul(left[first : first + block], right, out=field[first : first + block])
    return field
