"""Convert the cells of a table, which are read as text; an invalid cell is an error that names it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import age_in_years, dates_in, days_from_first, whole_days
from xrv_core.errors import TableError

_YES_NO = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0}
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
_DAY = "a day is a number in every row, or a date such as 2020-01-31 in every row"

#: The place of a row for messages: file and image.
Where = Callable[[int], str]


def label_values(cells: pd.Series[Any], where: Where) -> NDArray[np.float32]:
    """1 and 0 from cells such as 1, true, yes, 0, false, no in any case; NaN from blank cells.

    Raises:
        TableError: Any other cell; the message names its image and column.
    """
    values = cells.str.strip().str.lower().map(_YES_NO)
    _check(cells, values, where, "a label is 1, true or yes; 0, false or no; or blank where it is unknown")
    return values.to_numpy(dtype=np.float32)


def ages(cells: pd.Series[Any], where: Where) -> pd.Series[Any]:
    """Years from cells such as 58, 58.5 or 058Y; NaN if blank or above 120. Raises as ``label_values``."""
    numbers = pd.to_numeric(cells, errors="coerce")
    values = age_in_years(cells.str.strip()).fillna(numbers)
    _check(cells, values, where, "an age is a number of years, or as in DICOM: 058Y, 011M, 006W, 004D")
    return values.where(values.between(0, 120))


def sexes(cells: pd.Series[Any]) -> pd.Series[Any]:
    """M, F or NA."""
    return cells.str.strip().str.lower().map(_SEXES)


def days(cells: pd.Series[Any], patients: pd.Series[Any] | None, where: Where, path: Path) -> pd.Series[Any]:
    """Whole days from numbers, or from dates since the first date of the patient (or of the table).

    Raises:
        TableError: A cell is neither, or there are both. Eight digits are a date, such as 20200131.
    """
    when = dates_in(cells)
    if when.isna().all():
        _check(cells, pd.to_numeric(cells, errors="coerce"), where, _DAY)
        return whole_days(cells, path)
    _check(cells, when, where, _DAY)
    return days_from_first(when, pd.Series("", index=cells.index) if patients is None else patients)


def _check(cells: pd.Series[Any], values: pd.Series[Any], where: Where, rule: str) -> None:
    """Raise a TableError for the first cell that is not blank but has no value."""
    wrong = np.flatnonzero(cells.notna() & values.isna())
    if len(wrong):
        raise TableError(f"{where(wrong[0])}, column {cells.name!r}: {cells.iloc[wrong[0]]!r} means nothing: {rule}.")
