"""Cells of one kind, whatever a column was read as: numbers and ages; and the place of a cell in its file."""

from __future__ import annotations

import contextlib
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.tables.contents import contents_of
from xrv_core.datasets.tables.csvfiles import records
from xrv_core.datasets.tables.frames import BLANK_WORDS
from xrv_core.errors import TableError

__all__ = ["age_in_years", "cell_error", "number_cells", "row_place"]

_OLDEST = 120.0  # years; several public tables have ages such as 155 and 414
_AGE = re.compile(r"\s*(\d{1,5})(\.\d*)?([YMWD]?)\s*")
_IN_A_YEAR = {"": 1.0, "Y": 1.0, "M": 12.0, "W": 365.25 / 7, "D": 365.25}


def age_in_years(ages: pd.Series[Any], path: Path | None = None, **options: Any) -> pd.Series[Any]:
    """Years from numbers or DICOM age strings; NaN if a value is blank, below 0 or above 120 years.

    Args:
        ages: N values such as ``58``, ``"58.5"``, ``"058Y"``, ``"011M"``, ``"006W"`` or ``"004D"`` (PS3.5, VR AS).
        path: The table, as ``read_table`` has read it; None gives NaN for a cell that is no age.
        **options: Those of ``read_table`` that matter for the place of a row, such as ``skiprows``.

    Raises:
        TableError: A cell is neither blank nor an age; the message names its place.
    """
    codes, distinct = pd.factorize(ages)  # few ages are different, and each is parsed once
    if ages.dtype.kind in "iuf":
        known = np.asarray(distinct, dtype=np.float64)
        wrong = np.isinf(known)
    else:
        known = np.array([_years(str(age)) for age in distinct], dtype=np.float64)
        wrong = np.isnan(known) & ~np.isin(np.asarray(distinct.astype("str"), dtype=object), BLANK_WORDS)
    if path is not None and wrong.any():
        raise cell_error(ages, int(np.append(wrong, False)[codes].argmax()), path, "an age", **options)
    known[~((known >= 0) & (known <= _OLDEST))] = np.nan
    return pd.Series(np.append(known, np.nan)[codes], index=ages.index, name=ages.name)  # the last is of blank cells


def _years(text: str) -> float:
    found = _AGE.fullmatch(text)
    return float(found[1] + (found[2] or "")) / _IN_A_YEAR[found[3]] if found else np.nan


def number_cells(cells: pd.Series[Any], path: Path | None, **options: Any) -> pd.Series[Any]:
    """The numbers in a column of a table that ``read_table`` has read from ``path``; NaN where a cell is blank.

    Raises:
        TableError: A cell is neither blank nor a finite number; the message names its place.
    """
    plain = cells.dtype.kind in "iufb"
    numbers = (cells if plain else pd.to_numeric(cells.astype("str"), errors="coerce")).astype("float64")
    wrong = np.abs(numbers.to_numpy()) == np.inf
    if not plain:
        wrong |= (numbers.isna() & cells.notna() & ~cells.isin(BLANK_WORDS)).to_numpy()
    if wrong.any():
        raise cell_error(cells, int(wrong.argmax()), path, "a number", **options)
    return numbers


def cell_error(cells: pd.Series[Any], at: int, path: Path | None, wanted: str, **options: Any) -> TableError:
    """The error of cell ``at`` of a column of a table that was read from ``path`` (None: unknown)."""
    row = cells.index[at]
    place = f"row {row + 1}" if path is None else row_place(path, row, **options)
    return TableError(f"{place}, column {cells.name!r}: {str(cells.iloc[at])!r} is not {wanted}.")


def row_place(path: Path, row: int, **options: Any) -> str:
    """The place of a row of a table, for messages: file and line, such as ``"train.csv, line 7"``.

    Args:
        path: The table.
        row: The row, as ``read_table`` has numbered it.
        **options: As for ``read_table``.
    """
    with contextlib.suppress(Exception):  # the error that asks for the place is the one to tell
        kind, source = contents_of(path.read_bytes(), "", options.pop("encoding", ""))
        if kind == "CSV":
            line, _ = next(itertools.islice(records(source, **options), row + 1, None), (row + 2, []))
            return f"{path}, line {line}"
    return f"{path}, row {row + 1}"
