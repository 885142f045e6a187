"""Cells of CSV files that people open in a spreadsheet: no text from elsewhere is run as a formula."""

from __future__ import annotations

import re
from typing import Any

__all__ = ["raw_cell", "safe_cell"]

# What a spreadsheet reads as a formula, behind blanks, quotes and marks that nobody sees; and a number, which it may
_FORMULA = re.compile("[\\s\\x00-\\x20'\"\\ufeff\\u200b-\\u200f]*[=+@\uff1d\uff0b\uff0d\uff20-]|[\\t\\r\\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def safe_cell(cell: Any) -> Any:
    """A cell for a CSV file that people open in a spreadsheet: text that would be run as a formula begins with ``'``.

    Other texts, numbers as text, and what is no text stay as they are.
    """
    return f"'{cell}" if isinstance(cell, str) and _runs(cell) else cell


def raw_cell(cell: str) -> str:
    """The text of which ``safe_cell`` made ``cell``."""
    return cell[1:] if cell[:1] == "'" and _runs(cell[1:]) else cell


def _runs(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)
