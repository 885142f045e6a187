"""Small pictures of X-rays for pages that load nothing from elsewhere."""

from __future__ import annotations

import base64
import io

import numpy as np
from numpy.typing import NDArray

__all__ = ["png_uri"]


def png_uri(image: NDArray[np.float32], side: int = 224) -> str:
    """An image ``[H, W]`` in [-1024, 1024] as a data URI of a PNG, at most ``side`` pixels wide and high."""
    from PIL import Image

    grey = Image.fromarray(np.clip((image + 1024) * (255 / 2048) + 0.5, 0, 255).astype(np.uint8))
    grey.thumbnail((side, side))
    buffer = io.BytesIO()
    grey.save(buffer, format="PNG", optimize=True)
    return "data:image/png;base64," + base64.b64encode(buffer.getvalue()).decode()
