"""Describe a dataset: counts and pictures, as text and as HTML."""

from __future__ import annotations

from xrv_core.datasets.description.description import Description, describe

__all__ = ["Description", "describe"]
