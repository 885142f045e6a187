"""Read metadata tables, and check what they must have before anything is built on them."""

from __future__ import annotations

import contextlib
import csv
import itertools
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.contents import contents_of
from xrv_core.datasets.tables.csvfiles import SurplusCells, read_csv, records
from xrv_core.datasets.tables.frames import BLANK_WORDS, FramePath, as_in_csv, table_path
from xrv_core.errors import MissingColumns, MissingDependency, PathMissing, TableError

__all__ = ["COMMON_COLUMNS", "common_columns", "joined", "numbers_in", "read_table", "require_columns", "side_by_side"]

#: Columns that ``csv`` of every dataset has, whatever its source knows, and their types.
COMMON_COLUMNS: dict[str, Any] = {
    "patientid": "str",
    "view": "str",
    "offset_day_int": "Int64",
    "age_years": "float64",
    "sex": "str",
    "has_masks": "bool",
    "source_uid": "str",
}

_UNKNOWN = {"view": "UNKNOWN", "age_years": np.nan, "has_masks": False}
# What comes from parsing and unpacking a damaged file, or a zip with a password.
_UNREADABLE = (
    *(ValueError, LookupError, OSError, EOFError, RuntimeError, csv.Error),
    *(zipfile.BadZipFile, tarfile.TarError, lzma.LZMAError, zlib.error),
)


def read_table(
    path: str | Path | pd.DataFrame,
    *,
    needs: Iterable[str] = (),
    text: Iterable[str] = (),
    numbers: Iterable[str] = (),
    owner: str,
    expected: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV file (plain, gzip, bzip2, xz, Zstandard; in a zip or tar), a Parquet file or an .xlsx file.

    What a file is, is seen from its bytes and not from its name. A row may have blank cells after those of the header,
    and all rows may begin with a row number that the header does not name.

    Args:
        path: The file; or a DataFrame, which is read as if it were written into a CSV file.
        needs: Columns that must be there.
        text: Columns that hold texts, such as identifiers and findings: read as str, so that leading zeros and long
            numbers survive, and so that "NA" and "None" are texts. Elsewhere such words are blanks.
        numbers: Columns that hold numbers.
        owner: Registry name of the dataset, for messages.
        expected: The official name of the table, for messages.
        **options: What else ``pandas.read_csv`` should know, such as ``skiprows``, ``sep`` or ``encoding``.

    Returns:
        The rows, numbered from 0; for the place of a row in the file see ``row_place``.

    Raises:
        PathMissing: ``path`` does not exist.
        MissingDependency: It is a Parquet, .xlsx or .zst file, and the library that reads it is not installed.
        TableError: The file cannot be parsed or has no rows; a row has more values than the header has names; or a
            cell of ``numbers`` is neither blank nor a finite number.
        MissingColumns: Some of ``needs`` are not there.
    """
    path, needs = table_path(path), tuple(needs)
    if not (path.is_file() or isinstance(path, FramePath)):
        what = "is a folder" if path.is_dir() else "no such file"
        raise PathMissing(f"{path}: {what}. Give the path of {expected or 'the metadata table'} of {owner!r}.")
    table = _parsed(path, tuple(text), owner, expected, **options)
    if not {*needs} <= {*table.columns}:
        require_columns(table, needs, path, owner, expected)
    if table.empty:
        raise TableError(f"{path}: the table has a header but no rows; {owner!r} needs at least one.")
    for name in numbers:
        if name in table.columns and not pd.api.types.is_integer_dtype(table[name].dtype):
            table[name] = number_cells(table[name], path, **options)
    return table


def number_cells(cells: pd.Series[Any], path: Path | None, **options: Any) -> pd.Series[Any]:
    """The numbers in a column of a table that ``read_table`` has read from ``path``; NaN where a cell is blank.

    Raises:
        TableError: A cell is neither blank nor a finite number; the message names its place.
    """
    numbers = pd.to_numeric(cells, errors="coerce")
    wrong = np.abs(numbers.to_numpy(np.float64, na_value=np.nan)) == np.inf
    if not pd.api.types.is_numeric_dtype(cells.dtype):
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
    with contextlib.suppress(*_UNREADABLE, ImportError):
        kind, source = contents_of(path.read_bytes(), "", options.pop("encoding", ""))
        if kind == "CSV":
            line, _ = next(itertools.islice(records(source, **options), row + 1, None), (row + 2, []))
            return f"{path}, line {line}"
    return f"{path}, row {row + 1}"


def require_columns(table: pd.DataFrame, needs: Iterable[str], path: Path, owner: str, expected: str = "") -> None:
    """Raise MissingColumns that names every missing column of ``needs``."""
    missing = [name for name in needs if name not in table.columns]
    if missing:
        has = ", ".join(repr(str(c)) for c in table.columns[:12])
        more = f" and {len(table.columns) - 12} more" if len(table.columns) > 12 else ""
        wanted = f" Expected is {expected}." if expected else ""
        mark = next((mark for mark in ";\t|" if mark in str(table.columns[0])), "")
        if mark and len(table.columns) == 1:
            wanted += f" Its cells seem to be separated by {mark!r}, not by a comma: save it with commas."
        raise MissingColumns(
            f"{path}: {owner!r} needs the missing column{'s' * (len(missing) > 1)} "
            f"{', '.join(map(repr, missing))}; the table has {has}{more}.{wanted}"
        )


def common_columns(table: pd.DataFrame, values: Mapping[str, Any]) -> pd.DataFrame:
    """``table`` with the columns of ``COMMON_COLUMNS`` added in their types.

    Args:
        table: The source rows; its own columns stay.
        values: Some of ``COMMON_COLUMNS`` as Series or arrays of N values; what is left out is NA
            (view: "UNKNOWN", has_masks: False). ``source_uid`` must be given.

    Raises:
        TableError: A cell has another type, such as text where days are expected.
    """
    for name in values:
        if name not in COMMON_COLUMNS:
            raise TypeError(f"unknown common column {name!r}; the common columns are: {', '.join(COMMON_COLUMNS)}")
    rows = pd.RangeIndex(len(table))
    columns = {name: cells for name, cells in table.set_axis(rows).items() if name not in COMMON_COLUMNS}
    for name, dtype in COMMON_COLUMNS.items():
        given = values.get(name)
        if given is None:
            cells = pd.Series(_UNKNOWN.get(name, pd.NA), index=rows, dtype=dtype)
        else:  # with an index of its own, so that nothing is aligned by a stale one
            cells = pd.Series(np.asarray(given) if isinstance(given, list) else given)
            try:
                cells = cells.reset_index(drop=True).astype(dtype)
            except (ValueError, TypeError) as error:
                raise TableError(f"The column {name!r} needs cells of type {dtype}: {error}") from error
        if name == "view":
            cells = cells.fillna("UNKNOWN")
        if name == "sex" and not cells.isin(["M", "F", None]).all():
            cells = cells.where(cells.isin(["M", "F"]))
        columns[name] = cells
    return pd.DataFrame(columns, index=rows, copy=False)


def numbers_in(table: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float64]:
    """The numbers in K columns: ``[N, K]``; NaN where a cell is none."""
    return np.stack([pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64) for name in names], axis=1)


def joined(table: pd.DataFrame, more: pd.DataFrame, *, on: str, key: str) -> pd.DataFrame:
    """The columns of ``more`` beside each row of ``table``; blank where it has no such row.

    Args:
        table: N rows, numbered from 0.
        more: Of rows with the same key the first is taken; the key itself is left out.
        on: The key in ``table``.
        key: The key in ``more``.
    """
    codes, _ = pd.factorize(pd.concat([more[key], table[on]], ignore_index=True))
    first = np.full(codes.max(initial=0) + 2, -1)  # the last one is of blank keys, whose code is -1
    first[codes[: len(more)][::-1]] = np.arange(len(more))[::-1]
    first[-1] = -1
    at, more = first[codes[len(more) :]], more.drop(columns=key)
    found = more.reindex(at) if -1 in at else more.take(at)
    return side_by_side(table, found.reset_index(drop=True))


def side_by_side(*tables: pd.DataFrame) -> pd.DataFrame:
    """The columns of tables of the same rows, none of which is copied."""
    columns = {name: column for table in tables for name, column in table.items()}
    return pd.DataFrame(columns, index=tables[0].index, copy=False)


def _parsed(path: Path, text: Sequence[str], owner: str, expected: str, **options: Any) -> pd.DataFrame:
    """The table at ``path``, which exists; for arguments and errors see ``read_table``."""
    kind = "CSV"
    try:
        if isinstance(path, FramePath):
            table = as_in_csv(path.frame, text)
        else:
            kind, source = contents_of(path.read_bytes(), expected, options.pop("encoding", ""))
            table = read_csv(source, text, **options) if kind == "CSV" else _READ[kind](source().read(), text, options)
    except UnicodeDecodeError as error:
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        raise TableError(
            f"{path}, line {line}: cannot be read as {error.encoding.upper()} text for {owner!r} (byte 0x{byte:02X}). "
            "It may be Windows-1252 (Latin-1): save it as UTF-8, or open it as 'table' with encoding='cp1252'."
        ) from error
    except ImportError as error:
        raise MissingDependency(f"{path}: {_NEEDS[kind]}") from error
    except SurplusCells as error:
        raise TableError(f"{path}, {error}") from error
    except _UNREADABLE as error:
        what = "an Excel" if kind == "Excel" else f"a {kind}"
        raise TableError(f"{path}: cannot be read as {what} table for {owner!r}: {error}.") from error
    return table


def _read_parquet(data: bytes, text: Sequence[str], options: Mapping[str, Any]) -> pd.DataFrame:
    return as_in_csv(pd.read_parquet(BytesIO(data)), text)


def _read_excel(data: bytes, text: Sequence[str], options: Mapping[str, Any]) -> pd.DataFrame:
    """The one sheet of a workbook that has cells."""
    rows = options.get("skiprows")
    sheets = pd.read_excel(BytesIO(data), sheet_name=None, keep_default_na=False, na_values=[""], skiprows=rows)
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.empty}
    if len(filled) > 1:
        raise ValueError(f"it has {len(filled)} sheets ({', '.join(map(repr, filled))}). Save the right one as CSV")
    return as_in_csv(next(iter(filled.values()), pd.DataFrame()), text)


_READ = {"Parquet": _read_parquet, "Excel": _read_excel}
_NEEDS = {
    "CSV": "tables packed by Zstandard are read by zstandard: pip install zstandard",
    "Parquet": "Parquet tables are read by pyarrow: pip install pyarrow",
    "Excel": "it is an Excel workbook. Save it as CSV, or install what reads it: pip install openpyxl",
}
