"""MIRA's classifier of sex."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["SexModel"]

SexModel = baseline("mira.SexModel")
