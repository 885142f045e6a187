"""Rows that a table has twice: equal ones count once, and rows that contradict each other are told apart."""

from __future__ import annotations

import posixpath
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.index import Index
from xrv_core.errors import TableError, logger

__all__ = ["NO_REPEATS", "ON_DUPLICATES", "distinct_index", "distinct_rows"]

_log = logger(__name__)

#: What may be done about rows of one image that contradict each other.
ON_DUPLICATES = ("error", "first")
#: Of a table that has no image twice: see ``Index.repeats``.
NO_REPEATS = pd.DataFrame({"key": [], "first": [], "again": [], "differs": []}).astype(
    {"key": "str", "first": "int64", "again": "int64", "differs": "str"}
)
_NUMBERS_OF_ROWS = "Unnamed: "  # what pandas calls a column without a name: mostly the row numbers of an exported frame


def distinct_rows(table: pd.DataFrame, key: str, *, where: object, on_duplicates: str = "error") -> pd.DataFrame:
    """The first row of each key; rows without a key stay.

    Args:
        table: N rows, whose index counts the rows of the file from 0.
        key: The column that must be unique.
        where: What to call the table in messages: its path.
        on_duplicates: "error", or "first" to take the first of rows that contradict each other.

    Raises:
        TableError: Two rows of one key differ; the message names their lines.
    """
    found = _repeats(table, table[key], table.index)
    if on_duplicates == "error":
        _refuse(found, where)
    for of, first, again, differs in found[found["differs"] != ""].iloc[:1].itertuples(index=False):
        _log.warning(
            "%s: %r has lines that differ in %s: %d is taken, not %d", where, of, differs, first + 2, again + 2
        )
    return table if found.empty else table[~table.index.isin(found["again"])]


def distinct_index(index: Index, *, by_name: bool, where: object, on_duplicates: str) -> Index:
    """The first row of each image, with ``Index.repeats``, which tells of the others.

    Args:
        index: Its ``images`` are all known.
        by_name: The base name of an image identifies it, wherever it lies.
        where: See ``distinct_rows``.
        on_duplicates: See ``distinct_rows``.

    Raises:
        TableError: Two rows of one image differ, in their cells or in their labels.
    """
    rows = np.arange(len(index.images)) if index.rows is None else index.rows
    index, images = index._replace(rows=None), index.images
    if by_name and images.str.contains("/", regex=False).any():
        images = images.str.rpartition("/")[2]
    odd = images.str.contains("//", regex=False) | images.str.contains("./", regex=False)
    images = images.mask(odd, images[odd].map(posixpath.normpath)) if odd.any() else images
    if not images.duplicated().any():
        return index
    names = index.pathologies or [f"label {number}" for number in range(index.labels.shape[1])]
    labels = pd.DataFrame(index.labels, columns=names).drop(columns=index.csv.columns, errors="ignore")
    found = _repeats(pd.concat([index.csv.drop(columns="source_uid"), labels], axis=1), images, rows)
    if on_duplicates == "error":
        _refuse(found, where)
    return index.take(np.flatnonzero(~images.duplicated()))._replace(repeats=found)


def _repeats(table: pd.DataFrame, key: pd.Series[Any], rows: Any) -> pd.DataFrame:
    """A row for each repeated one: its ``key``; ``first`` and ``again``, their rows; ``differs``, names of columns."""
    at = np.flatnonzero(key.duplicated() & key.notna())
    codes, known = pd.factorize(key)
    firsts = np.zeros(len(known) + 1, dtype=np.intp)  # the last one is of blank keys, whose code is -1
    firsts[codes[::-1]] = np.arange(len(key))[::-1]
    first = firsts[codes[at]]
    differs = np.full(len(at), "", dtype=object)
    for name, cells in table.items() if len(at) else ():
        if not str(name).startswith(_NUMBERS_OF_ROWS):
            other = ~_equal(cells.iloc[first], cells.iloc[at])
            differs[other] = differs[other] + np.where(differs[other] == "", "", ", ") + repr(str(name))
    number = np.asarray(rows)
    return pd.DataFrame(
        {
            "key": key.iloc[at].reset_index(drop=True).astype("str"),
            "first": number[first].astype(np.int64),
            "again": number[at].astype(np.int64),
            "differs": pd.Series(differs, dtype="str"),
        }
    )


def _equal(one: pd.Series[Any], other: pd.Series[Any]) -> NDArray[np.bool_]:
    if one.dtype == object:  # lists, for one
        one, other = one.map(repr), other.map(repr)
    one, other = one.reset_index(drop=True), other.reset_index(drop=True)
    same: NDArray[np.bool_] = ((one == other).fillna(False) | (one.isna() & other.isna())).to_numpy(bool)
    return same


def _refuse(found: pd.DataFrame, where: object) -> None:
    """Raise for the first of the rows that contradict each other."""
    differing = found[found["differs"] != ""]
    for key, first, again, differs in differing.itertuples(index=False):
        more = f" ({len(differing)} rows of the table contradict an earlier one)" if len(differing) > 1 else ""
        raise TableError(
            f"{where}, lines {first + 2} and {again + 2}: both are of {key!r}, but they differ in {differs}{more}. "
            'Remove the wrong line, or pass on_duplicates="first" to take the first one.'
        )
