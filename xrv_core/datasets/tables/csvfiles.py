"""Parse CSV files, and find out which line of a file a row is."""

from __future__ import annotations

import csv
from collections.abc import Collection, Iterable, Iterator
from io import TextIOWrapper
from typing import Any

import pandas as pd

from xrv_core.assets import within
from xrv_core.datasets.tables.contents import Open
from xrv_core.datasets.tables.frames import BLANK_WORDS

__all__ = ["SurplusCells", "read_csv", "records"]

_SMALL, _FIRST_ROWS = 100_000, 50  # bytes of a table that is soon read in any way


class SurplusCells(ValueError):
    """A row has more values than the header has names; the message begins with its line."""


def read_csv(source: Open, text: Collection[str], **options: Any) -> pd.DataFrame:
    """The rows of a CSV file in UTF-8, numbered from 0, with the columns of ``text`` as str.

    Where the first row is longer than the header, pandas takes the first cells of all rows for names of the rows,
    without a word. Here only row numbers are; blank cells at the end are left out.

    Args:
        source: Opens the file.
        text: As for ``read_table``.
        **options: For ``pandas.read_csv``.

    Raises:
        SurplusCells: A row has a value for which the header has no name.
        ValueError, csv.Error: It cannot be parsed.
    """
    with source() as file:  # pandas takes minutes for a header of millions of names
        for _ in range(options.get("skiprows", 0) + 1):
            first = file.readline()
    if len(first) > _SMALL:
        within("columns", first.count(options.get("sep", ",").encode()) + 1)
    try:
        columns = pd.read_csv(source(), nrows=0, index_col=False, on_bad_lines="skip", **options).columns.tolist()
        pd.read_csv(source(), header=None, nrows=2, dtype=str, **options)  # a longer first row is an error so
        return _as_text_where_needed(source, columns, text, **options)
    except pd.errors.ParserError as error:
        if "Expected" not in str(error):  # "Expected 3 fields in line 7, saw 4"
            raise
    except UnicodeDecodeError:
        source().read().decode()  # raises it again, with the place in the whole file
        raise
    before = ["\0"] if _has_row_numbers(source, **options) else []
    names = {"names": [*before, *columns], "usecols": columns, "header": 0, "index_col": False}
    return _as_text_where_needed(source, columns, text, **names, **options)


def records(source: Open, **options: Any) -> Iterator[tuple[int, list[str]]]:
    """Number of the first line and cells of each row that is not blank, the header first; arguments as ``read_csv``."""
    reader = csv.reader(_lines(source, options.get("sep", ",")), delimiter=options.get("sep", ","))
    for _ in range(options.get("skiprows", 0)):
        next(reader)
    line = reader.line_num + 1
    for cells in reader:
        if len(cells) > 1 or "".join(cells).strip():
            yield line, cells
        line = reader.line_num + 1


def _lines(source: Open, separator: str) -> Iterator[str]:
    """The lines of a text, none with more separators than columns are read."""
    for line in TextIOWrapper(source(), "utf-8-sig", newline=""):
        if len(line) > _SMALL:
            within("columns", line.count(separator) + 1)
        yield line


def _has_row_numbers(source: Open, **options: Any) -> bool:
    """Whether rows that are longer than the header begin with a row number; else their last cells are blank."""
    rows = records(source, **options)
    _, header = next(rows)
    width, wrong = len(header), ""
    lengths, firsts, full = set(), [], True
    for line, cells in rows:
        lengths.add(len(cells))
        firsts.append(cells[0])
        value = next((cell for cell in cells[width:] if cell.strip()), None)
        full &= value is not None
        if value is not None and not wrong:
            wrong = (
                f"line {line}: the row has {len(cells)} values, but the header has {width} names; the first value too "
                f"many is {value!r}. Compare the file with its source."
            )
    if wrong and not (header[0].strip() and lengths == {width + 1} and _are_row_numbers(firsts, full)):
        raise SurplusCells(wrong)
    return bool(wrong)


def _are_row_numbers(cells: list[str], any_start: bool) -> bool:
    """Whether cells are 0 or 1 to their number, in any order; or increase from any start, as of some of the rows."""
    if not all(cell.isdecimal() and cell == str(int(cell)) for cell in cells):
        return False
    numbers = [int(cell) for cell in cells]
    if len({*numbers}) < len(numbers):
        return False
    return max(numbers) - len(numbers) < (min(numbers) == 1) or (any_start and numbers == sorted(numbers))


def _as_text_where_needed(source: Open, columns: list[str], text: Collection[str], **options: Any) -> pd.DataFrame:
    """Pandas takes twice as long for texts if it is asked for text, so in a big file only other columns are."""
    blank = {name: [""] if name in text else BLANK_WORDS for name in columns}
    more = {"na_values": blank, "keep_default_na": False, "low_memory": False, **options}
    if len(source().read(_SMALL + 1)) <= _SMALL:
        small: pd.DataFrame = pd.read_csv(source(), dtype=dict.fromkeys(text, str), **more)
        return small
    others = _not_text(_parsed(source, (), nrows=_FIRST_ROWS, **more), text)
    table = _parsed(source, others, **more)
    return _parsed(source, text, **more) if _not_text(table, set(text).difference(others)) else table


def _parsed(source: Open, text: Iterable[str], **options: Any) -> pd.DataFrame:
    table: pd.DataFrame = pd.read_csv(source(), dtype=dict.fromkeys(text, str), **options)
    return table


def _not_text(table: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that are columns of something else than texts."""
    return [name for name in names if name in table.columns and not isinstance(table[name].dtype, pd.StringDtype)]
