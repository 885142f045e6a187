"""Stanford's CheXpert ensemble."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["DenseNet"]

DenseNet = baseline("chexpert.DenseNet")
