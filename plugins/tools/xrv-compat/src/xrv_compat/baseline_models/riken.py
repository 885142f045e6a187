"""RIKEN's model of age."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["AgeModel"]

AgeModel = baseline("riken.AgeModel")
