"""Read a big CSV file of texts with Arrow, where that is certain to give what ``pandas.read_csv`` gives.

It takes half the time, because no text becomes a Python object; where most columns are numbers it would take longer.
Arrow splits the file. What a column is, pandas says: the first rows tell which are texts, and for the others numbers
are read where both read them alike, else pandas reads each distinct text. What the two split differently is left to
pandas: records of uneven length, lone carriage returns, NUL, rows that start with a blank, a text without end.
"""

from __future__ import annotations

import csv
import io
import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.assets import content_sha256
from xrv_core.datasets.tables.gunzip import open_gzip
from xrv_core.datasets.tables.texts import Later, LateTexts, Where, in_arrow, text_dtype
from xrv_core.errors import TableError

__all__ = ["read_texts", "read_with_arrow"]

#: What pandas takes for a missing value, see ``pandas.read_csv``.
NA = (
    *("", "#N/A", "#N/A N/A", "#NA", "-1.#IND", "-1.#QNAN", "-NaN", "-nan", "1.#IND", "1.#QNAN", "<NA>", "N/A", "NA"),
    *("NULL", "NaN", "None", "n/a", "nan", "null"),
)
_BIG = 5_000_000  # bytes of a file; others are soon read in any case
_WORDY = 200  # bytes of text in a row
_FIRST_ROWS = 100
_BLOCK = 1 << 20  # bytes
_LONG = 19  # digits, from which pandas may take a column of integers for text with no blanks in it
_DIGITS = 15  # of which pandas and Arrow make the same float: the one next to the decimal number


class _Unsure(Exception):
    """Arrow might give something else than pandas, or take longer."""


def read_with_arrow(path: Path, text: Iterable[str], now: Iterable[str] | None = None) -> pd.DataFrame | None:
    """What ``pandas.read_csv(path, dtype=dict.fromkeys(text, str), low_memory=False)`` gives.

    Args:
        path: A .csv or .csv.gz file.
        text: Columns to read as str.
        now: Columns that are needed at once: other texts are read when somebody looks at them. None: all.

    Returns:
        None where that is not certain, would take longer, or where there is no pyarrow: then pandas reads, or says what
        is wrong.
    """
    if not path.name.lower().endswith((".csv", ".csv.gz")) or path.stat().st_size < _BIG:
        return None
    try:
        import pyarrow as pa
        import pyarrow.csv
    except ImportError:
        return None
    if not in_arrow(pd.Series(["a"]).dtype):  # by options of pandas
        return None
    try:
        sha256 = content_sha256(path)
        with _opened(path) as file:
            return _table(file, frozenset(text), None if now is None else (path, sha256, frozenset(now)))
    except (_Unsure, pa.ArrowException, ValueError, OSError, EOFError, zlib.error):
        return None


def read_texts(path: Path, names: Sequence[str]) -> pd.DataFrame:
    """The columns of texts that ``read_with_arrow`` left for later.

    Raises:
        TableError: They cannot be read.
    """
    import pyarrow as pa

    try:
        with _opened(path) as file:
            header = file.head.partition(b"\n")[0].removesuffix(b"\r").decode().split(",")
            table = _split(file, dict.fromkeys(header, pa.large_string()), names)
    except (_Unsure, pa.ArrowException, ValueError, OSError, EOFError, zlib.error) as error:
        raise TableError(f"{path}: its columns {', '.join(map(repr, names))} cannot be read: {error}") from error
    return pd.DataFrame({name: text_dtype().__from_arrow__(table[name]) for name in names}, copy=False)


@contextmanager
def _opened(path: Path) -> Iterator[_Checked]:
    with open_gzip(path) if path.name.lower().endswith(".gz") else path.open("rb") as file:
        yield _Checked(file)


class _Checked(io.RawIOBase):
    """The bytes of ``file``, with a line end at the end; _Unsure where pandas treats some in a way of its own.

    Attributes:
        head: The first of them.
    """

    def __init__(self, file: Any) -> None:
        self._file = file
        self._last = b"\n"
        self.head: bytes = file.read(_BLOCK)
        self._left: bytes = self.head

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk: bytes = self._left or self._file.read(size)
        self._left = b""
        if not chunk and self._last == b"\r":
            raise _Unsure
        if not chunk:  # a text that never ends now is one that ends with a line
            chunk, self._last = b"" if self._last == b"\n" else b"\n", b"\n"
            return chunk
        if self._last == b"\r" or b"\r" in chunk:
            whole = b"\r" + chunk if self._last == b"\r" else chunk
            if whole.count(b"\r") != whole.count(b"\r\n") + whole.endswith(b"\r"):
                raise _Unsure
        if b"\0" in chunk:
            raise _Unsure
        self._last = chunk[-1:]
        return chunk


def _table(file: _Checked, text: frozenset[str], later: tuple[Path, str, frozenset[str]] | None) -> pd.DataFrame:
    import pyarrow as pa

    first = _first_rows(file.head, text)
    kinds = zip(first.columns.tolist(), first.dtypes, strict=True)
    types: dict[str, Any] = {name: pa.large_string() if kind == text_dtype() else pa.string() for name, kind in kinds}
    late: tuple[str, ...] = ()
    if later is not None:  # the ends are looked at in any case
        late = tuple(n for n in [*types][1:-1] if types[n] == pa.large_string() and n not in later[2])
    table = _split(file, types, [name for name in types if name not in late])
    _refuse_ends(table)
    columns: dict[str, Any] = dict.fromkeys(types)
    for name, column in zip(table.column_names, table.columns, strict=True):
        is_text = column.type == pa.large_string()
        columns[name] = text_dtype().__from_arrow__(column) if is_text else _numbers(column)
    if later is not None:
        place = Later.at(str(later[0].absolute()), later[1], len(table), late)
        columns.update({name: LateTexts.of(Where(place, name)) for name in late})
    return pd.DataFrame(columns, copy=False)


def _split(file: _Checked, types: dict[str, Any], names: Sequence[str]) -> Any:
    """The columns ``names`` of a file in Arrow; ``types`` are those of all its columns."""
    import pyarrow as pa
    import pyarrow.csv as pc

    return pc.read_csv(
        pa.PythonFile(file, "r"),
        read_options=pc.ReadOptions(use_threads=False, block_size=_BLOCK, skip_rows=1, column_names=list(types)),
        parse_options=pc.ParseOptions(newlines_in_values=True),
        convert_options=pc.ConvertOptions(
            column_types=types, include_columns=names, null_values=NA, strings_can_be_null=True
        ),
    )


def _first_rows(head: bytes, text: frozenset[str]) -> pd.DataFrame:
    """The first rows as pandas reads them. What is text in them is text in the whole file."""
    header, _, _ = head.partition(b"\n")
    names = header.removesuffix(b"\r").decode().split(",")
    if head[:1] in (b"\xef", b" ", b"\t", b"\r", b"\n", b"") or b'"' in header or len({*names}) < len(names):
        raise _Unsure
    # one more than is looked at, so that none of those is cut short
    rows = pd.read_csv(io.BytesIO(head), dtype=str, nrows=_FIRST_ROWS + 1, keep_default_na=False)
    if len(rows) <= _FIRST_ROWS or len(rows.columns) != len(names) or not isinstance(rows.index, pd.RangeIndex):
        raise _Unsure
    lines = io.StringIO()
    rows[:_FIRST_ROWS].to_csv(lines, index=False)
    lines.seek(0)
    first = pd.read_csv(lines, dtype=dict.fromkeys(text, str), low_memory=False)
    cells = {name: rows[name].tolist() for name in first if first[name].dtype == text_dtype()}
    if sum(len(cell) for name in cells for cell in cells[name]) < _WORDY * len(rows):
        raise _Unsure
    is_long = re.compile(rf"\s*[+-]?\d{{{_LONG},}}\s*").fullmatch
    if any(is_long(cell) for name in cells if name not in text for cell in cells[name]):
        raise _Unsure
    return first


def _numbers(column: Any) -> Any:
    """A column that starts with numbers, or with nothing."""
    import pyarrow as pa
    import pyarrow.compute as pc

    whole = _cast(column, b"-0123456789", pa.int64())
    if whole is not None:
        return whole
    longest = pc.max(pc.binary_length(column)).as_py() or 0
    decimal = _cast(column, b"-.0123456789", pa.float64()) if longest <= _DIGITS else None
    if decimal is not None:
        return decimal
    if column.null_count and longest >= _LONG:
        raise _Unsure
    return _distinct(column.combine_chunks())


def _cast(column: Any, letters: bytes, kind: Any) -> Any:
    """The numbers of a column that is written with these bytes, in memory of their own; None where they are none."""
    import pyarrow as pa

    if not _is_written_with(column, letters):
        return None
    try:
        values = column.cast(kind).to_numpy()  # whole ones with blanks become floats
    except pa.ArrowInvalid:
        return None
    return values if values.flags.writeable else values.copy()


def _is_written_with(column: Any, letters: bytes) -> bool:
    """Whether there is no other byte in the texts of a column."""
    for texts in column.chunks:
        _, ends, data = texts.buffers()
        if data is not None:
            first, last = np.frombuffer(ends, np.int32)[[texts.offset, texts.offset + len(texts)]]
            if bytes(memoryview(data)[first:last]).translate(None, letters):
                return False
    return True


def _distinct(column: Any) -> Any:
    """What pandas makes of the distinct texts of a column, in the order in which it meets them."""
    import pyarrow as pa

    coded = column.dictionary_encode()
    texts = coded.dictionary.to_pylist()
    blank = [""] if column.null_count else []
    lines = io.StringIO(newline="")
    csv.writer(lines, quoting=csv.QUOTE_ALL).writerows([text] for text in (*texts, *blank))
    lines.seek(0)
    values = pd.read_csv(lines, header=None, low_memory=False)[0]
    if len(values) != len(texts) + len(blank):
        raise _Unsure
    if values.dtype == text_dtype():
        return text_dtype().__from_arrow__(column.cast(pa.large_string()))
    at = coded.indices.fill_null(len(texts)).to_numpy()
    return pd.Series(values.to_numpy()[at], dtype=values.dtype)


def _refuse_ends(table: Any) -> None:
    """_Unsure where a row starts with a blank, or the last ends with a line: pandas may find a text without end."""
    import pyarrow.compute as pc

    if any(pc.any(pc.starts_with(table.column(0), blank)).as_py() for blank in (" ", "\t")):
        raise _Unsure
    if not len(table) or str(table.column(table.num_columns - 1)[-1]).endswith("\n"):
        raise _Unsure
