"""Emory's classifier of race."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["RaceModel"]

RaceModel = baseline("emory_hiti.RaceModel")
