"""Decode image files to float32 pixels in [-1024, 1024], and transform them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xrv_core.datasets.pixels.codecs import why_not_imported
from xrv_core.datasets.pixels.dicom_headers import dicom_headers, write_dicom
from xrv_core.datasets.pixels.drawing import drawn_chest
from xrv_core.datasets.pixels.folders import FoundImages, find_images, image_suffixes
from xrv_core.datasets.pixels.images import (
    PixelRecipe,
    decode_image,
    load_image,
    luminance,
    png_uri,
    scale_pixels,
)
from xrv_core.factories import front_attribute

if TYPE_CHECKING:
    from xrv_core.datasets.pixels.augment import SampleTransform, apply_in_step, apply_transform
    from xrv_core.datasets.pixels.transforms import XRayCenterCrop, XRayResizer, photometric

__all__ = [
    "FoundImages",
    "PixelRecipe",
    "SampleTransform",
    "XRayCenterCrop",
    "XRayResizer",
    "apply_in_step",
    "apply_transform",
    "decode_image",
    "dicom_headers",
    "drawn_chest",
    "find_images",
    "image_suffixes",
    "load_image",
    "luminance",
    "photometric",
    "png_uri",
    "scale_pixels",
    "why_not_imported",
    "write_dicom",
]

#: These load torch, so they are imported at first use.
_WHERE = {
    "SampleTransform": "augment",
    "apply_in_step": "augment",
    "apply_transform": "augment",
    "XRayCenterCrop": "transforms",
    "XRayResizer": "transforms",
    "photometric": "transforms",
}


def __getattr__(name: str) -> Any:
    return front_attribute(__name__, _WHERE, name)
