"""Masks over an X-ray: a transparent tint and an outline."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError
from xrv_plot.canvas import COLOURS

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_mask", "style_of"]

_TINT = 0.22
_LINES: tuple[Any, ...] = ("-", (0, (4, 4)), (0, (1, 2)))


def style_of(number: int, *, dashed: bool = False) -> tuple[str, Any]:
    """Colour and kind of line; the first 14 differ."""
    return COLOURS[number % len(COLOURS)], _LINES[(number // len(COLOURS) + dashed) % len(_LINES)]


def draw_mask(axes: Axes, mask: Any, number: int, name: str, *, tinted: bool = True, dashed: bool = False) -> bool:
    """Outline and tint where ``mask`` ``[1, H, W]`` is above 0.5, over the image that ``axes`` show.

    Args:
        axes: Axes with an image of the mask's size.
        mask: float ``[1, H, W]`` in 0..1.
        number: Number of the style.
        name: Name in messages.
        tinted: False draws only the outline.
        dashed: Whether the outline has gaps, so that one below it is visible.

    Returns:
        Whether the mask covers any pixel.

    Raises:
        ArgumentError: The mask and the image have different shapes.
    """
    from matplotlib.colors import to_rgba

    shape = tuple(axes.images[0].get_size())
    values = np.asarray(mask, dtype=np.float32).reshape(np.shape(mask)[-2:])
    if values.shape != shape:
        raise ArgumentError(f"The mask {name!r} has {list(values.shape)} pixels, the image {list(shape)}.")
    inside = values > 0.5
    if not inside.any():
        return False
    colour, line = style_of(number, dashed=dashed)
    if tinted:
        tint: NDArray[np.float64] = np.zeros((*shape, 4))
        tint[inside] = to_rgba(colour, _TINT)
        axes.imshow(tint, interpolation="nearest")
    # a frame of zeros, so that the outline closes where a mask reaches the border of the image
    framed = np.pad(inside.astype(float), 1)
    x, y = (np.arange(-1, n + 1) for n in (shape[1], shape[0]))
    axes.contour(x, y, framed, levels=[0.5], colors=[colour], linewidths=1.2, linestyles=[line])
    axes.set(xlim=(-0.5, shape[1] - 0.5), ylim=(shape[0] - 0.5, -0.5))
    return True
