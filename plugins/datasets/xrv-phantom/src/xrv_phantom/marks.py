"""What is burned into a picture: the word SYNTHETIC, the side marker, the collimated border."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from xrv_phantom.canvas import Map

__all__ = ["LABEL", "MARKERS", "burn_in"]

#: Written at the same place in every picture, so that it is not mistaken for a real patient.
LABEL = "SYNTHETIC"

#: What sites burn in: name -> (text, centre across, centre down), as shares of the side.
MARKERS = {"L": ("L", 0.93, 0.1), "R": ("R", 0.07, 0.1), "text": ("CHEST", 0.15, 0.04), "none": ("", 0.0, 0.0)}

# Seven rows of five pixels for each letter, a row as a number
_FONT = {
    "C": (14, 17, 16, 16, 16, 17, 14),
    "E": (31, 16, 16, 30, 16, 16, 31),
    "H": (17, 17, 17, 31, 17, 17, 17),
    "I": (14, 4, 4, 4, 4, 4, 14),
    "L": (16, 16, 16, 16, 16, 16, 31),
    "N": (17, 25, 25, 21, 19, 19, 17),
    "R": (30, 17, 17, 30, 20, 18, 17),
    "S": (15, 16, 16, 14, 1, 1, 30),
    "T": (31, 4, 4, 4, 4, 4, 4),
    "Y": (17, 17, 10, 4, 4, 4, 4),
}


@lru_cache(maxsize=64)
def _stencil(text: str, scale: int) -> np.ndarray:
    """The text as booleans, with a margin of one font pixel."""
    bits = np.zeros((9, 6 * len(text) + 1), bool)
    for i, letter in enumerate(text):
        for row, number in enumerate(_FONT[letter]):
            bits[row + 1, 6 * i + 1 : 6 * i + 6] = [number >> (4 - column) & 1 for column in range(5)]
    stencil = bits.repeat(scale, 0).repeat(scale, 1)
    stencil.setflags(write=False)
    return stencil


def burn_in(picture: Map, marker: str, border: float) -> None:
    """Burn border, marker and label into ``picture`` ``[H, W]``, in place.

    Args:
        picture: Pixels in [-1024, 1024].
        marker: A key of ``MARKERS``.
        border: Width of the collimated border, share of the side; outside it is black.
    """
    size = picture.shape[0]
    width = round(border * size)
    if width:
        for edge in (picture[:width], picture[-width:], picture[:, :width], picture[:, -width:]):
            edge[...] = -1024.0
    scale = max(1, size // 150)
    text, across, down = MARKERS[marker]
    if text:
        stencil = _stencil(text, scale)
        top = max(round(down * size) - stencil.shape[0] // 2, 0)
        left = min(max(round(across * size) - stencil.shape[1] // 2, 0), size - stencil.shape[1])
        window = picture[top : top + stencil.shape[0], left : left + stencil.shape[1]]
        window[stencil] = 1000.0
    stencil = _stencil(LABEL, scale)
    window = picture[-stencil.shape[0] :, : stencil.shape[1]]
    window[...] = np.where(stencil, np.float32(1024.0), np.float32(-1024.0))
