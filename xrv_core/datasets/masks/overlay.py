"""Draw the outlines of masks on an X-ray, with a legend and a caption."""

from __future__ import annotations

import colorsys
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError

if TYPE_CHECKING:
    from PIL.Image import Image

__all__ = ["Overlay", "outline"]

#: Step between hues, as a share of the colour circle: the golden section keeps any number of colours apart.
_GOLDEN = 0.61803398875


class Overlay:
    """An X-ray on which outlines of masks are drawn.

    The grey levels are stretched to the range of the image, for viewing only.

    Args:
        image: ``[1, H, W]`` or ``[H, W]``, any scale.
        caption: Text below the legend, such as the model and "Not for medical use."
    """

    def __init__(self, image: NDArray[np.floating], caption: str) -> None:
        pixels = np.asarray(image, dtype=np.float32)
        pixels = pixels[0] if pixels.ndim == 3 and len(pixels) == 1 else pixels
        if pixels.ndim != 2 or not pixels.size:
            raise ArgumentError(f"An overlay needs an image [1, H, W] or [H, W], got shape {list(np.shape(image))}.")
        low, high = float(pixels.min()), float(pixels.max())
        grey = (pixels - low) * (255 / (high - low) if high > low else 0)
        self.canvas: NDArray[np.uint8] = np.repeat(grey.round().astype(np.uint8)[..., None], 3, axis=2)
        self.caption = caption
        self._legend: list[tuple[str, tuple[int, int, int]]] = []

    def add(self, name: str, mask: NDArray[np.bool_], number: int) -> None:
        """Outline one mask, and add it to the legend; an empty mask is ignored.

        Args:
            name: Its name in the legend.
            mask: bool ``[H, W]``.
            number: Number of its colour: equal numbers have equal colours in all overlays.

        Raises:
            ArgumentError: The mask has another size than the image.
        """
        if mask.shape != self.canvas.shape[:2]:
            raise ArgumentError(
                f"The mask {name!r} has the shape {list(mask.shape)}, but the image {list(self.canvas.shape[:2])}."
            )
        rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
        if not rows.size:
            return
        box = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        width = max(1, round(max(mask.shape) / 500))
        colour = colour_of(number)
        self.canvas[box][outline(mask[box], width)] = colour
        self._legend.append((name, colour))

    def picture(self) -> Image:
        """The image at its own size, with a panel of legend and caption on the right."""
        from PIL import Image, ImageDraw, ImageFont

        height, width = self.canvas.shape[:2]
        size = max(11, round(height / 60))
        font = ImageFont.load_default(size)
        step = size + size // 2
        lines = _wrapped(self.caption, 34)
        per_column = max(1, (height - step * (len(lines) + 2)) // step)
        columns = [self._legend[i : i + per_column] for i in range(0, len(self._legend), per_column)]
        widths = [max(int(font.getlength(name)) for name, _ in column) + 3 * size for column in columns]
        panel = max([sum(widths) + size, max(int(font.getlength(line)) for line in lines) + 2 * size])
        shown = Image.new("RGB", (width + panel, max(height, step * (len(lines) + 2))))
        shown.paste(Image.fromarray(self.canvas))
        draw = ImageDraw.Draw(shown)
        left = width + size
        for column, wide in zip(columns, widths, strict=True):
            for row, (name, colour) in enumerate(column):
                top = step * row + size // 2
                draw.rectangle((left, top, left + size, top + size), fill=colour)
                draw.text((left + size + size // 2, top), name, fill="white", font=font)
            left += wide
        for row, line in enumerate(reversed(lines)):
            draw.text((width + size, shown.height - step * (row + 1) - size // 2), line, fill="white", font=font)
        return shown


def colour_of(number: int) -> tuple[int, int, int]:
    """A bright colour as red, green and blue; neighbouring numbers differ in hue and lightness."""
    red, green, blue = colorsys.hls_to_rgb(number * _GOLDEN % 1, 0.56 + 0.07 * (number % 3), 1)
    return round(red * 255), round(green * 255), round(blue * 255)


def outline(mask: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """The rim inside ``mask``, ``width`` pixels wide; pixels beyond the array count as outside."""
    inner = np.pad(mask, width)
    for _ in range(width):
        inner[1:-1, 1:-1] &= inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
    edge: NDArray[np.bool_] = mask & ~inner[width:-width, width:-width]
    return edge


def _wrapped(text: str, length: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, length, break_on_hyphens=False) or [""]
