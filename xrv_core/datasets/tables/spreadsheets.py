"""Cells of CSV files that people open in a spreadsheet: no text from elsewhere is run as a formula."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pandas as pd

__all__ = ["raw_cell", "safe_cell", "write_csv"]

# What a spreadsheet reads as a formula, behind blanks, quotes and marks that nobody sees; and a number, which it may
_FORMULA = re.compile("[\\s\\x00-\\x20'\"\\ufeff\\u200b-\\u200f]*[=+@\uff1d\uff0b\uff0d\uff20-]|[\\t\\r\\n]")
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

# How Python reads a byte of a file name that is no UTF-8, and how it is written
_BYTE = re.compile("[\udc80-\udcff]")
_WRITTEN = re.compile(r"\\u(dc[89a-f][0-9a-f])")


def safe_cell(cell: Any) -> Any:
    r"""A cell for a CSV file that people open in a spreadsheet: text that would be run as a formula begins with ``'``.

    A byte of a file name that is no UTF-8 is written as JSON writes it, such as ``\udcff``. Other texts, numbers as
    text, and what is no text stay as they are.
    """
    if not isinstance(cell, str):
        return cell
    if not cell.isascii():
        cell = _BYTE.sub(lambda found: f"\\u{ord(found[0]):x}", cell)
    return f"'{cell}" if _runs(cell) else cell


def raw_cell(cell: str) -> str:
    """The text of which ``safe_cell`` made ``cell``."""
    text = cell[1:] if cell[:1] == "'" and _runs(cell[1:]) else cell
    return _WRITTEN.sub(lambda found: chr(int(found[1], 16)), text) if "\\udc" in text else text


def write_csv(table: pd.DataFrame, path: Path, *, raw: bool = False) -> None:
    """Write a table that people open in a spreadsheet; ``raw`` leaves the texts as they are."""
    if not raw:
        texts = [name for name in table.columns if not pd.api.types.is_numeric_dtype(table[name].dtype)]
        table = table.assign(**{name: table[name].map(safe_cell, na_action="ignore") for name in texts})
        table = table.rename(columns=safe_cell)
    table.to_csv(path, index=False)


def _runs(text: str) -> bool:
    return bool(_FORMULA.match(text)) and not _NUMBER.fullmatch(text)
