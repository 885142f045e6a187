"""Counts and pictures of a dataset, as text and as an HTML page."""

from __future__ import annotations

from xrv_core.datasets.description.description import Description, describe

__all__ = ["Description", "describe"]
