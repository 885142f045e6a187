"""From the bytes of an image file to float32 pixels in [-1024, 1024], and what transforms do to them."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from xrv_core.datasets.pixels.dicom_headers import age_in_years, dicom_headers, write_dicom
from xrv_core.datasets.pixels.drawing import drawn_chest
from xrv_core.datasets.pixels.images import decode_image, load_image
from xrv_core.datasets.pixels.pixels import PixelRecipe, luminance, scale_pixels
from xrv_core.datasets.pixels.thumbnails import png_uri

if TYPE_CHECKING:
    from xrv_core.datasets.pixels.augment import apply_in_step, apply_transform
    from xrv_core.datasets.pixels.transforms import XRayCenterCrop, XRayResizer

__all__ = [
    "PixelRecipe",
    "XRayCenterCrop",
    "XRayResizer",
    "age_in_years",
    "apply_in_step",
    "apply_transform",
    "decode_image",
    "dicom_headers",
    "drawn_chest",
    "load_image",
    "luminance",
    "png_uri",
    "scale_pixels",
    "write_dicom",
]

#: These load torch, so they are imported when they are asked for.
_LATE = {
    "apply_in_step": "datasets.pixels.augment",
    "apply_transform": "datasets.pixels.augment",
    "XRayCenterCrop": "datasets.pixels.transforms",
    "XRayResizer": "datasets.pixels.transforms",
}


def __getattr__(name: str) -> Any:
    if name in _LATE:
        return getattr(importlib.import_module(f"xrv_core.{_LATE[name]}"), name)
    raise AttributeError(f"module 'xrv_core.datasets.pixels' has no attribute {name!r}")
