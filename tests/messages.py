"""Patterns for ``pytest.raises(..., match=...)`` that need the words of a message, not its sentence."""

from __future__ import annotations

import re

__all__ = ["says"]


def says(*words: object) -> str:
    """A pattern for a message that has all of ``words``, in this order, whatever stands between them."""
    if not words or not all(map(str, words)):
        raise ValueError(f"Every message says {words}: give the words that this one must have.")
    return "(?s)" + ".*".join(re.escape(str(w)) for w in words)
