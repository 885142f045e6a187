"""Draw a simple chest for miniatures."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

__all__ = ["drawn_chest"]

Box = tuple[float, float, float, float]


def drawn_chest(
    width: int,
    height: int,
    *,
    body: int,
    lungs: int,
    boxes: Sequence[Box] | None = None,
    background: int = 8,
    mode: str = "L",
) -> Image.Image:
    """A drawn body with lungs; the plugin ``phantom`` draws more realistic chests.

    Args:
        width: Pixels.
        height: Pixels.
        body: Grey level of the body.
        lungs: Grey level of the lungs.
        boxes: ``(left, top, right, bottom)`` of each lung's ellipse, in pixels; default two, side by side.
        background: Grey level outside the body.
        mode: Pillow's image mode: "L" (8 bit) or "I;16" (16 bit).
    """
    from PIL import Image, ImageDraw

    image = Image.new(mode, (width, height), background)
    draw = ImageDraw.Draw(image)
    outline = (round(width / 12), round(height / 24), round(width * 11 / 12), height - 1)
    if mode == "L":
        draw.rounded_rectangle(outline, radius=min(width, height) // 5, fill=body)
    else:  # Pillow cannot draw rounded corners in 16 bits
        draw.rectangle(outline, fill=body)
    if boxes is None:
        sides = (round(width * 3 / 16), round(width * 9 / 16))
        boxes = [(left, height * 3 // 16, left + width // 4, height * 13 // 16) for left in sides]
    for box in boxes:
        draw.ellipse(box, fill=lungs)
    return image
