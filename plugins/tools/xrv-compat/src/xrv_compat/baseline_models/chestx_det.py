"""The segmenter of ChestX-Det: 14 structures."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["PSPNet"]

PSPNet = baseline("chestx_det.PSPNet")
