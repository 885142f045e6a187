"""Dates, and the days between a patient's studies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.tables.cells import cell_error, number_cells
from xrv_core.datasets.tables.frames import BLANK_WORDS

__all__ = ["dates_in", "days_from_first", "whole_days"]

# 20200131, 2020-01-31, 2020/01/31, 2020.01.31; then perhaps a time as in ISO 8601 or in DICOM (PS3.5, VR DT)
_DATE = (
    r"\s*(\d{4})([-/.]?)(\d\d)\2(\d\d)"
    r"(?:[T _]?\d\d(?::?\d\d(?::?\d\d(?:[.,]\d*)?)?)?\s*(?:Z|UTC|[-+]\d\d:?\d\d)?)?(?:\.0)?\s*"
)
_FIRST, _LAST = 1700, 2299  # de-identified dates were moved by up to two centuries; 9999 means unknown
_MOST = 366 * (_LAST - _FIRST)  # days


def dates_in(cells: pd.Series[Any], path: Path | None = None, **options: Any) -> pd.Series[Any]:
    """The dates in a column of a table, without their times of day.

    Args:
        cells: N dates of the years 1700 to 2299: YYYYMMDD as numbers or text, YYYY-MM-DD, or datetimes; a time may
            follow, as in ``20200131120000`` or ``2020-01-31T12:00``.
        path: The table, as ``read_table`` has read it; None gives NaT for a cell that is no date.
        **options: Those of ``read_table`` that matter for the place of a row, such as ``skiprows``.

    Returns:
        N datetimes, in the index of ``cells``; NaT where a cell is blank.

    Raises:
        TableError: A cell is neither blank nor such a date; the message names its place.
    """
    codes, distinct = pd.factorize(cells)  # few dates are different, and each is parsed once
    parts = pd.Series(distinct).astype("str").str.extract(f"^{_DATE}$")
    text = parts[0] + parts[2] + parts[3]
    when = pd.to_datetime(text.where(text.str[:4].between(str(_FIRST), str(_LAST))), format="%Y%m%d", errors="coerce")
    found = pd.Series(when.reindex(codes).to_numpy(), index=cells.index)
    wrong = (found.isna() & cells.notna() & ~cells.isin(BLANK_WORDS)).to_numpy()
    if path is not None and wrong.any():
        raise cell_error(cells, int(wrong.argmax()), path, f"a date of {_FIRST} to {_LAST}", **options)
    return found


def days_from_first(
    dates: pd.Series[Any], patients: pd.Series[Any], path: Path | None = None, **options: Any
) -> pd.Series[Any]:
    """Days from a patient's first study to each study.

    Args:
        dates: N dates: see ``dates_in``.
        patients: N patients.
        path: See ``dates_in``.
        **options: See ``dates_in``.

    Returns:
        N values of type Int64, 0 for a patient's first study; NA if the date is blank or the patient is unknown.

    Raises:
        TableError: See ``dates_in``.
    """
    when = dates_in(dates, path, **options).reset_index(drop=True)
    patient = pd.factorize(patients)[0]
    first = when.groupby(patient).transform("min").where(patient >= 0)
    return (when - first).dt.days.astype("Int64")


def whole_days(cells: pd.Series[Any], path: Path | None = None, **options: Any) -> pd.Series[Any]:
    """The days in a column of numbers, rounded down.

    Args:
        cells: N numbers of days, up to 600 years from 0.
        path: The table, as ``read_table`` has read it, for messages.
        **options: See ``dates_in``.

    Returns:
        N values of type Int64, in the index of ``cells``; NA where a cell is blank.

    Raises:
        TableError: A cell is neither blank nor such a number; the message names its place.
    """
    numbers = number_cells(cells, path, **options)
    wrong = (numbers.abs() > _MOST).to_numpy()
    if wrong.any():
        raise cell_error(cells, int(wrong.argmax()), path, "a number of days", **options)
    days: pd.Series[Any] = np.floor(numbers).astype("Int64")
    return days
