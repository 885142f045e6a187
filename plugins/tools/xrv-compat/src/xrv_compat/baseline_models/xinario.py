"""The classifier of views."""

from __future__ import annotations

from xrv_compat.adopted import baseline

__all__ = ["ViewModel"]

ViewModel = baseline("xinario.ViewModel")
