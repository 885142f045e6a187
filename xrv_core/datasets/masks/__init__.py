"""Masks from boxes, shapes and run-length encodings, and outlines drawn on an image."""

from __future__ import annotations

from xrv_core.datasets.masks.overlay import Overlay
from xrv_core.datasets.masks.rle import coco_rle, coco_rle_mask, siim_rle, siim_rle_mask
from xrv_core.datasets.masks.shapes import boxes_mask, check_shape, fit_mask, grouped, shapes_mask

__all__ = [
    "Overlay",
    "boxes_mask",
    "check_shape",
    "coco_rle",
    "coco_rle_mask",
    "fit_mask",
    "grouped",
    "shapes_mask",
    "siim_rle",
    "siim_rle_mask",
]
