"""Verify a real folder of images against its metadata table."""

from __future__ import annotations

from typing import Any

__all__ = ["Finding", "Report", "check"]


def __getattr__(name: str) -> Any:
    if name in __all__:
        from xrv_check import checking

        return getattr(checking, name)
    raise AttributeError(f"module 'xrv_check' has no attribute {name!r}")
