"""Whole error texts, as tests assert them."""

from __future__ import annotations

import re

__all__ = ["whole"]


def whole(text: str) -> str:
    """A pattern that matches ``text`` and nothing else."""
    return f"^{re.escape(text)}$"
