"""A table in memory, given where the path of a file may be given; and its columns as a CSV file would give them."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.errors import ArgumentError

__all__ = ["BLANK_WORDS", "FramePath", "as_in_csv", "table_path"]

#: What means a blank to ``pandas.read_csv``. In columns that hold texts only "" does: a patient may be called NA.
BLANK_WORDS = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN"),
    *("<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null"),
)


class FramePath(type(Path())):  # type: ignore[misc]  # Path itself has no subclasses before Python 3.12
    """The path of no file, but of a ``frame``, so that all who name the table by its path need not know."""

    frame: pd.DataFrame

    def is_file(self, **_: Any) -> bool:
        return False

    def exists(self, **_: Any) -> bool:
        return False


def table_path(given: object) -> Path:
    """The path of a table, which is the path of a file or a DataFrame; a DataFrame is never changed.

    Raises:
        ArgumentError: It is something else.
    """
    if isinstance(given, FramePath):
        return given
    if isinstance(given, pd.DataFrame):
        path = FramePath("DataFrame")
        path.frame = given.copy(deep=False)  # pandas copies what is written to
        return path
    try:
        return Path(given).expanduser()  # type: ignore[arg-type]
    except TypeError as error:
        raise ArgumentError(
            f"{type(given).__name__} is no table: give the path of its file, or a DataFrame."
        ) from error


def as_in_csv(table: pd.DataFrame, text: Collection[str]) -> pd.DataFrame:
    """The columns as they would be read from a CSV file of the table, with ``text`` as str.

    Raises:
        ValueError: Two columns have one name.
    """
    names = [name for name in table.index.names if name is not None and name not in table.columns]
    table = table.reset_index(names) if names else table
    labels = [str(label) for label in table.columns]
    if len({*labels}) < len(labels):
        raise ValueError(f"two of its columns are called {next(n for n in labels if labels.count(n) > 1)!r}")
    columns = (_as_in_csv(table.iloc[:, i], name in text) for i, name in enumerate(labels))
    return pd.DataFrame(dict(zip(labels, columns, strict=True))).reset_index(drop=True)


def _as_in_csv(cells: pd.Series[Any], is_text: bool) -> pd.Series[Any]:
    kind: Any = cells.dtype
    if is_text:
        if pd.api.types.is_float_dtype(kind) and (cells.dropna() % 1 == 0).all() and not cells.abs().max() > 2**53:
            cells = cells.astype("Int64")  # integers become floats where there are blanks
        elif pd.api.types.is_object_dtype(kind):  # of objects, a float among integers is one of them
            cells = cells.map(lambda cell: int(cell) if isinstance(cell, float) and cell % 1 == 0 else cell)
        cells = cells.astype("str")
        return cells.mask(cells == "")
    if pd.api.types.is_numeric_dtype(kind) and not isinstance(kind, np.dtype):
        return cells.astype("float64" if cells.hasnans else kind.numpy_dtype)
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_datetime64_any_dtype(kind):
        return cells
    cells = cells.astype("str")
    cells = cells.mask(cells.isin(BLANK_WORDS))
    numbers = pd.to_numeric(cells, errors="coerce")
    return numbers if numbers.count() == cells.count() else cells
