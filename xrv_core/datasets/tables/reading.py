"""Read metadata tables, and check what they must have before anything is built on them."""

from __future__ import annotations

import hashlib
import re
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.assets import content_sha256, read_within, within
from xrv_core.datasets.tables.cells import age_in_years, number_cells
from xrv_core.datasets.tables.contents import Open, contents_of
from xrv_core.datasets.tables.csvfiles import SurplusCells, read_csv
from xrv_core.datasets.tables.days import dates_in
from xrv_core.datasets.tables.frames import BLANK_WORDS, FramePath, as_in_csv, table_path
from xrv_core.errors import HashMismatch, MissingColumns, MissingDependency, PathMissing, TableError, XrvError, reading

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


def read_table(
    path: str | Path | pd.DataFrame,
    *,
    needs: Iterable[str] = (),
    text: Iterable[str] = (),
    numbers: Iterable[str] = (),
    dates: Iterable[str] = (),
    ages: Iterable[str] = (),
    owner: str,
    expected: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV file (plain, gzip, bzip2, xz, Zstandard; in a zip or tar), a Parquet file or an .xlsx file.

    Its bytes say what it is, not its name. A row may have blank cells after those of the header, and all rows may begin
    with a row number that the header does not name.

    Args:
        path: The file; or a DataFrame, which is read as if it were written into a CSV file.
        needs: Columns that must be there.
        text: Columns that hold texts: read as str, so that leading zeros survive and "NA" is a text, not a blank.
        numbers: Columns that hold numbers: int64, or float64 with NaN where a cell is blank.
        dates: Columns that ``dates_in`` can read. The cells stay as they are in the file.
        ages: Columns that ``age_in_years`` can read, likewise.
        owner: Registry name of the dataset, for messages.
        expected: The official name of the table, for messages.
        **options: What else ``pandas.read_csv`` should know, such as ``skiprows``, ``sep`` or ``encoding``.

    Returns:
        The rows, numbered from 0; for the place of a row in the file see ``row_place``.

    Raises:
        PathMissing: ``path`` does not exist.
        MissingDependency: The library that reads such a file is not installed.
        TableError: The file cannot be read or is beyond a limit; or a row or cell is not as declared.
        MissingColumns: Some of ``needs`` are not there.
    """
    path, needs = table_path(path), tuple(needs)
    if not (path.is_file() or isinstance(path, FramePath)):
        what = "is a folder" if path.is_dir() else "no such file"
        raise PathMissing(f"{path}: {what}. Give the path of {expected or 'the metadata table'} of {owner!r}.")
    with reading(path, TableError):
        table = _parsed(path, (*text,), owner, expected, options)
        if not {*needs} <= {*table.columns}:
            require_columns(table, needs, path, owner, expected)
        if table.empty:
            raise TableError(f"{path}: the table has a header but no rows; {owner!r} needs at least one.")
        for name in table.columns.intersection([*numbers], sort=False):
            if table[name].dtype != np.int64:
                table[name] = number_cells(table[name], path, **options)
        for check, names in ((dates_in, dates), (age_in_years, ages)):
            for name in table.columns.intersection([*names], sort=False):
                check(table[name], path, **options)
    return table


def _parsed(path: Path, text: Sequence[str], owner: str, expected: str, options: dict[str, Any]) -> pd.DataFrame:
    """The table at ``path``, which is there; ``encoding`` is taken out of ``options``."""
    kind = "CSV"
    try:
        if isinstance(path, FramePath):
            return as_in_csv(path.frame, text)
        data = path.read_bytes()
        if path.with_name(f".{path.name}.json").is_file():  # of a fetched file
            _refuse_rot(path, data)
        kind, source = contents_of(data, expected, options.pop("encoding", ""))
        read: Any = _READ.get(kind, read_csv)
        table: pd.DataFrame = read(source, text, **options)
    except (XrvError, MemoryError, RecursionError):
        raise
    except Exception as error:
        raise _unreadable(path, owner, kind, error) from error
    return table


def _refuse_rot(path: Path, data: bytes) -> None:
    """Raise HashMismatch if ``fetch`` found other bytes, though neither size nor time of the file differ."""
    if content_sha256(path) != hashlib.sha256(data).hexdigest():
        raise HashMismatch(
            f"{path}: its bytes have changed since it was fetched, but its size and its time have not: the disk may "
            "be failing. Delete the file, and fetch it again."
        )


def _unreadable(path: Path, owner: str, kind: str, error: Exception) -> XrvError:
    if isinstance(error, ImportError):
        return MissingDependency(f"{path}: {_NEEDS[kind]}")
    if isinstance(error, SurplusCells):
        return TableError(f"{path}, {error}")
    if isinstance(error, UnicodeDecodeError):
        line, byte = error.object.count(b"\n", 0, error.start) + 1, error.object[error.start]
        return TableError(
            f"{path}, line {line}: cannot be read as {error.encoding.upper()} text for {owner!r} (byte 0x{byte:02X}). "
            "It may be Windows-1252 (Latin-1): save it as UTF-8, or open it as 'table' with encoding='cp1252'."
        )
    what = "an Excel" if kind == "Excel" else f"a {kind}"
    return TableError(f"{path}: cannot be read as {what} table for {owner!r}: {error or type(error).__name__}.")


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
            cells = cells.mask(cells.isin(BLANK_WORDS)).fillna("UNKNOWN")
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
    at, more = first[codes[len(more) :]], more.drop(columns=key).reset_index(drop=True)
    found = more.reindex(at) if -1 in at else more.take(at)
    return side_by_side(table, found.reset_index(drop=True))


def side_by_side(*tables: pd.DataFrame) -> pd.DataFrame:
    """The columns of tables of the same rows, none of which is copied."""
    columns = {name: column for table in tables for name, column in table.items()}
    return pd.DataFrame(columns, index=tables[0].index, copy=False)


def _read_parquet(source: Open, text: Sequence[str], **_: Any) -> pd.DataFrame:
    import pyarrow.parquet as pq

    with source() as file:
        data = file.read()
    about = pq.ParquetFile(BytesIO(data)).metadata
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    chunks = [group.column(i) for group in groups for i in range(group.num_columns)]
    within("columns", about.num_columns)
    within("file", sum(chunk.total_uncompressed_size for chunk in chunks))
    within("cells", max(about.num_rows * about.num_columns, sum(chunk.num_values for chunk in chunks)))
    table = pq.read_table(BytesIO(data), read_dictionary=about.schema.to_arrow_schema().names)
    within("file", sum(map(_text_bytes, table.columns)))
    return as_in_csv(pd.read_parquet(BytesIO(data)), text)


def _text_bytes(column: Any) -> int:
    """How many bytes the texts of a column take that repeats few distinct ones."""
    import pyarrow as pa
    import pyarrow.compute as pc

    if not pa.types.is_dictionary(column.type):
        return 0
    return sum(pc.sum(pc.binary_length(c.dictionary).cast("int64").take(c.indices)).as_py() or 0 for c in column.chunks)


def _read_excel(source: Open, text: Sequence[str], *, skiprows: int | None = None, **_: Any) -> pd.DataFrame:
    """The one sheet of a workbook that has cells."""
    with source() as file, zipfile.ZipFile(file) as archive:
        for info in archive.infolist():
            with archive.open(info) as member:
                xml = read_within(member, info.compress_size)
            if info.filename.startswith("xl/worksheets/"):
                within("cells", _extent(xml))
    sheets = pd.read_excel(source(), sheet_name=None, keep_default_na=False, na_values=[""], skiprows=skiprows)
    filled = {name: sheet for name, sheet in sheets.items() if not sheet.empty}
    if len(filled) > 1:
        raise ValueError(f"it has {len(filled)} sheets ({', '.join(map(repr, filled))}). Save the right one as CSV")
    return as_in_csv(next(iter(filled.values()), pd.DataFrame()), text)


def _extent(xml: bytes) -> int:
    """Rows times columns of a sheet, which become cells even where they are blank: those of its farthest cells."""
    rows = max((int(row) for row in re.findall(rb"""\br\s*=\s*["'][A-Z]{0,3}(\d{1,9})["']""", xml)), default=0)
    names = {*re.findall(rb"""\br\s*=\s*["']([A-Z]{1,3})\d""", xml)}
    columns = max((reduce(lambda n, letter: 26 * n + letter - 64, name, 0) for name in names), default=0)
    return rows * columns


_READ = {"Parquet": _read_parquet, "Excel": _read_excel}
_NEEDS = {
    "CSV": "tables packed by Zstandard are read by zstandard: pip install zstandard",
    "Parquet": "Parquet tables are read by pyarrow: pip install pyarrow",
    "Excel": "it is an Excel workbook. Save it as CSV, or install what reads it: pip install openpyxl",
}
