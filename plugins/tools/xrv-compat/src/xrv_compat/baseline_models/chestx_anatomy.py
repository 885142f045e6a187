"""The segmenter of CXAS: 159 structures."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["TARGETS", "UNetResNet50"]

UNetResNet50 = baseline("chestx_anatomy.UNetResNet50")
#: The structures, in order.
TARGETS = UNetResNet50.targets
