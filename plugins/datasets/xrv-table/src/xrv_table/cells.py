"""Convert the cells of a table, which are read as text; all that is wrong is told at once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import age_in_years, dates_in, days_from_first, require_columns, row_place, whole_days
from xrv_core.errors import MissingColumns, TableError
from xrv_table.columns import Columns

_YES_NO = {"1": 1.0, "1.0": 1.0, "true": 1.0, "yes": 1.0, "0": 0.0, "0.0": 0.0, "false": 0.0, "no": 0.0}
_SEXES = {"m": "M", "male": "M", "f": "F", "female": "F"}
_ORDERS = {"DMY": r"\4-\3-\1", "MDY": r"\4-\1-\3"}
_LABEL = "a label is 1, true or yes; 0, false or no; or blank where it is unknown"
_AGE = "an age is a number of years, or as in DICOM: 058Y, 011M, 006W, 004D"
_DAY = "a day is a number in every row, or a date such as 2020-01-31 in every row"


class Cells:
    """The columns of a table.

    Args:
        table: The table, with texts in the columns of ``columns`` and NA where a cell is blank.
        columns: Their meaning.
        path: The file.

    Attributes:
        problems: What is wrong, in words.
        unknown_sexes: Words that are no known sex, and how often they occur.
    """

    def __init__(self, table: pd.DataFrame, columns: Columns, path: Path) -> None:
        self.table, self.columns, self.path = table, columns, path
        self.problems: list[str] = []
        self.unknown_sexes: dict[str, int] = {}
        self.absent = [name for name in columns.used if name not in table.columns]
        try:
            require_columns(table, columns.used, path, "table")
        except MissingColumns as error:
            self.problems.append(str(error))

    def labels(self, column: str) -> NDArray[np.float32]:
        """1 and 0 from cells such as 1, true, yes, 0, false, no in any case; NaN from blank cells."""
        cells = self._texts(column)
        values = self._with_point(cells).str.lower().map(_YES_NO)
        self._check(cells, values, _LABEL)
        return values.to_numpy(dtype=np.float32)

    def ages(self, column: str) -> pd.Series[Any]:
        """Years from cells such as 58, 58.5 or 058Y; NaN if blank or above 120."""
        cells = self._texts(column)
        values = age_in_years(cells).fillna(pd.to_numeric(self._with_point(cells), errors="coerce"))
        self._check(cells, values, f"{_AGE}. A decimal comma needs decimal=','")
        return values.where(values.between(0, 120))

    def sexes(self, column: str) -> pd.Series[Any]:
        """M, F or NA; other words are counted in ``unknown_sexes``."""
        cells = self._texts(column)
        words = _SEXES | {word.strip().lower(): sex for word, sex in self.columns.sexes.items()}
        known = cells.str.lower().map(words)
        self.unknown_sexes = dict(Counter(cells[cells.notna() & known.isna()]).most_common())
        return known.where(known != "")

    def days(self, column: str, patients: pd.Series[Any] | None) -> pd.Series[Any]:
        """Whole days from numbers, or from dates since the first date of the patient (or of the table).

        Eight digits are a date, such as 20200131.
        """
        cells, order = self._texts(column), self.columns.dates
        written = cells
        if order != "YMD":
            written = cells.str.replace(r"^(\d\d?)([./-])(\d\d?)\2(\d{4})", _ORDERS[order], regex=True)
            written = written.str.replace(r"-(\d)(?=-|$|\D)", r"-0\1", regex=True)
        when = dates_in(written)
        if when.isna().all():
            numbers, before = self._with_point(cells), len(self.problems)
            self._check(cells, pd.to_numeric(numbers, errors="coerce"), self._rule_of_days(cells))
            try:
                return whole_days(numbers, self.path, **self.columns.reading)
            except TableError as error:
                if len(self.problems) == before:  # too many days, or infinite
                    self.problems.append(str(error))
                return pd.Series(pd.NA, index=cells.index, dtype="Int64")
        self._check(cells, when, self._rule_of_days(cells))
        return days_from_first(when, pd.Series("", index=cells.index) if patients is None else patients)

    def images(self, on_duplicates: str) -> pd.Series[Any]:
        """The images, with the suffix; rows without one, and rows that contradict each other, are problems."""
        cells = self._texts(self.columns.image)
        blank = np.flatnonzero(cells.isna())
        if len(blank) and self.columns.image not in self.absent:
            where = row_place(self.path, blank[0], **self.columns.reading)
            self.problems.append(f"{where}: {len(blank)} of {len(cells)} rows of 'table' name no image.")
        if self.problems and on_duplicates == "error":  # else the base class finds them
            twice = cells[cells.duplicated(keep=False) & ~self.table.duplicated(keep=False) & cells.notna()]
            if len(twice):
                self.problems.append(
                    f"{self.path}: {len(twice)} rows differ from others of the same image: {twice.iloc[0]!r}."
                )
        return cells + self.columns.extension

    def check(self) -> None:
        """Raise all problems as one error.

        Raises:
            MissingColumns: Columns are missing, and perhaps more is wrong.
            TableError: Something else is wrong.
        """
        if not self.problems:
            return
        text = self.problems[0]
        if len(self.problems) > 1:
            text = "\n- ".join([f"{self.path} has {len(self.problems)} problems:", *self.problems])
        raise (MissingColumns if self.absent else TableError)(text)

    def _texts(self, column: str) -> pd.Series[Any]:
        """The cells without blanks around them; a column that is not there has blank cells."""
        if column in self.absent:
            return pd.Series(pd.NA, index=self.table.index, dtype="str", name=column)
        return self.table[column].str.strip()

    def _with_point(self, cells: pd.Series[Any]) -> pd.Series[Any]:
        comma = self.columns.decimal == ","
        return cells.str.replace(",", ".", regex=False) if comma else cells

    def _rule_of_days(self, cells: pd.Series[Any]) -> str:
        if self.columns.dates == "YMD" and cells.str.fullmatch(r"\d\d?[./-]\d\d?[./-]\d{4}.*").any():
            return f"{_DAY}. Days before months need dates='DMY', months before days dates='MDY'"
        return _DAY

    def _check(self, cells: pd.Series[Any], values: pd.Series[Any], rule: str) -> None:
        """Add the first cell that is not blank but has no value, and the number of the others, to the problems."""
        wrong = np.flatnonzero(cells.notna() & values.isna())
        if not len(wrong):
            return
        where = row_place(self.path, wrong[0], **self.columns.reading)
        image = (
            "" if self.columns.image in self.absent else f", image {self.table[self.columns.image].iloc[wrong[0]]!r}"
        )
        more = f" {len(wrong) - 1:,} more cells of this column are wrong." if len(wrong) > 1 else ""
        self.problems.append(
            f"{where}{image}, column {cells.name!r}: {cells.iloc[wrong[0]]!r} means nothing: {rule}.{more}"
        )
