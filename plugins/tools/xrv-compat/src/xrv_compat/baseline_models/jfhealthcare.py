"""JF Healthcare's classifier of five findings."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["DenseNet"]

DenseNet = baseline("jfhealthcare.DenseNet")
