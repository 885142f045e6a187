"""Read metadata tables, and check what they must have before anything is built on them."""

from __future__ import annotations

import contextlib
import lzma
import zipfile
import zlib
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.gunzip import open_gzip
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
_SMALL, _FIRST_ROWS = 100_000, 50  # bytes of a file that is soon read in any way
# What pandas lets through from parsing and unpacking a damaged file.
_UNREADABLE = (ValueError, OSError, EOFError, zipfile.BadZipFile, lzma.LZMAError, zlib.error)


def read_table(
    path: str | Path,
    *,
    needs: Iterable[str] = (),
    text: Iterable[str] = (),
    owner: str,
    expected: str = "",
    **options: Any,
) -> pd.DataFrame:
    """Read a CSV file (plain, .gz, .bz2, .xz, .zip with one member, .zst) or a Parquet file (.parquet).

    Args:
        path: The file.
        needs: Columns that must be there.
        text: Columns that hold identifiers: read as str, so that leading zeros and long numbers survive.
        owner: Registry name of the dataset, for messages.
        expected: The official name of the table, for messages.
        **options: What else ``pandas.read_csv`` should know, such as ``skiprows`` or ``sep``.

    Raises:
        PathMissing: ``path`` does not exist.
        MissingDependency: It is a Parquet file, and pyarrow is not installed.
        TableError: The file cannot be parsed or has no rows.
        MissingColumns: Some of ``needs`` are not there.
    """
    path, needs, text = Path(path), tuple(needs), tuple(text)
    if not path.is_file():
        what = "is a folder" if path.is_dir() else "no such file"
        raise PathMissing(f"{path}: {what}. Give the path of {expected or 'the metadata table'} of {owner!r}.")
    kind = "Parquet" if path.suffix.lower() == ".parquet" else "CSV"
    try:
        if kind == "Parquet":
            table = _read_parquet(path, text)
        elif options or path.stat().st_size <= _SMALL:
            table = _parsed(path, text, **options)
        else:
            table = _parsed_as_text_where_needed(path, text)
    except _UNREADABLE as error:
        raise TableError(f"{path}: cannot be read as a {kind} table for {owner!r}: {error}") from error
    require_columns(table, needs, path, owner, expected)
    if table.empty:
        raise TableError(f"{path}: the table has a header but no rows; {owner!r} needs at least one.")
    return table


def require_columns(table: pd.DataFrame, needs: Iterable[str], path: Path, owner: str, expected: str = "") -> None:
    """Raise MissingColumns that names every missing column of ``needs``."""
    missing = [name for name in needs if name not in table.columns]
    if missing:
        has = ", ".join(repr(str(c)) for c in table.columns[:12])
        more = f" and {len(table.columns) - 12} more" if len(table.columns) > 12 else ""
        wanted = f" Expected is {expected}." if expected else ""
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


def _parsed_as_text_where_needed(path: Path, text: tuple[str, ...]) -> pd.DataFrame:
    """A big CSV file: pandas takes twice as long for texts if it is asked for text, so only other columns are."""
    others = _not_text(_parsed(path, (), nrows=_FIRST_ROWS), text)
    table = _parsed(path, others)
    return _parsed(path, text) if _not_text(table, set(text).difference(others)) else table


def _parsed(path: Path, text: Iterable[str], **options: Any) -> pd.DataFrame:
    gzipped = path.name.lower().endswith(".gz") and not path.name.lower().endswith(".tar.gz")
    with open_gzip(path) if gzipped else contextlib.nullcontext(path) as source:
        table: pd.DataFrame = pd.read_csv(source, dtype=dict.fromkeys(text, str), low_memory=False, **options)
    return table


def _not_text(table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are columns of something else than texts."""
    return [name for name in names if name in table.columns and not isinstance(table[name].dtype, pd.StringDtype)]


def _read_parquet(path: Path, text: Iterable[str]) -> pd.DataFrame:
    """A Parquet file; the columns of ``text`` as they would be written in a CSV file."""
    try:
        table = pd.read_parquet(path)
    except ImportError as error:
        raise MissingDependency(f"{path}: Parquet tables are read by pyarrow: pip install pyarrow") from error
    for name in {*text} & {*table.columns}:
        column = table[name]
        if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
            column = column.astype("Int64")  # integers become floats where there are blanks
        table[name] = column.astype("str")
    return table
