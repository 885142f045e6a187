"""A file of rows that is written row by row, and continued where a run broke off."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

from xrv_core.assets import alone, writing
from xrv_core.datasets.tables.spreadsheets import raw_cell, safe_cell
from xrv_core.errors import ArgumentError, XrvError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["RowFile", "csv_line"]

#: Seconds after which rows are flushed to the disk itself: a killed process loses none, a power cut those since then.
_FLUSH = 1.0


class RowFile:
    """Rows of a long run, in a file that is only ever appended to. A killed run loses nothing that it has added.

    A .csv file begins with its columns; any other has one JSON object a line. In each row, or in the first line alone
    (``head``), ``about`` says what the rows are of: rows of something else are never continued. A last row that was
    cut in the middle is removed, any other damage is an error. While the file is open, no other process can open it.

    So a run that takes hours can go on where it stopped::

        done = {}
        with RowFile(out, {"model": name, "weights": sha256}, take=lambda row: done.update({row["file"]: row})) as rows:
            for file in files:
                if file not in done:
                    rows.add({"file": file, "value": compute(file)})

    Args:
        path: The file.
        about: Names and texts that tell one run from another, such as the model and its options.
        columns: Of a .csv file, before those of ``about``; its cells are texts, written as ``safe_cell`` says.
        head: Whether a first line says ``about``, and not each row.
        take: Gets each row that is there already, before the block begins. KeyError, TypeError and ValueError mean
            that it is no row of such a run.
        noun: What such a run is called in messages.

    Raises:
        ArgumentError: On entering the block: the file holds something else, another process writes it, or it cannot
            be written.
    """

    def __init__(
        self,
        path: Path,
        about: Mapping[str, str],
        *,
        columns: Sequence[str] = (),
        head: bool = False,
        take: Callable[[dict[str, Any]], object] = lambda row: None,
        noun: str = "run",
    ) -> None:
        self.path, self.about, self._take, self._noun = path, dict(about), take, noun
        self._columns = [*columns, *about] if columns else []
        self._head = b""
        if self._columns:
            self._head = csv_line(self._columns).encode()
        elif head:
            self._head = _json_line(self.about)
        self._size, self._flushed = 0, monotonic()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            try:
                with writing(self.path):
                    stack.enter_context(alone(self.path))
                    self._stream = stack.enter_context(io.FileIO(self.path, "a+"))
            except XrvError:
                raise
            except OSError as error:
                raise self._unwritable(error) from error
            self._continue()
            self._closing = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written was told before
            os.fsync(self._stream.fileno())
        self._closing.close()

    def add(self, *rows: Mapping[str, Any]) -> None:
        """Append rows; they are in the file when this returns.

        Raises:
            WriteError: The disk is full.
        ArgumentError: The file cannot be written. In both cases it ends with the row before these.
        """
        each = {} if self._head and not self._columns else self.about
        whole = [{**row, **each} for row in rows]
        lines = [
            csv_line(row[c] for c in self._columns).encode() if self._columns else _json_line(row) for row in whole
        ]
        self._append(b"".join(lines))

    def remove(self) -> None:
        """Delete the file, whose rows are no longer needed."""
        self.path.unlink(missing_ok=True)

    def _append(self, content: bytes) -> None:
        try:
            with writing(self.path):
                rest = memoryview(content)
                while rest:
                    rest = rest[self._stream.write(rest) or 0 :]
                if monotonic() - self._flushed > _FLUSH:
                    os.fsync(self._stream.fileno())
                    self._flushed = monotonic()
        except BaseException as error:
            with suppress(OSError):
                self._stream.truncate(self._size)  # nothing is ever added to half a row
            if isinstance(error, OSError) and not isinstance(error, XrvError):
                raise self._unwritable(error) from error
            raise
        self._size += len(content)

    def _continue(self) -> None:
        """Take over the whole rows of an earlier run."""
        begin = self._head or b'{"file": '
        with self.path.open("rb") as stream:
            for line, record in _records(stream, quoted=bool(self._columns)):
                if not record.endswith(b"\n"):
                    if not self._size and not begin.startswith(record) and not record.startswith(begin):
                        raise self._foreign(line)
                    break
                if self._size or not self._head:
                    self._row(line, record)
                elif record != self._head:
                    raise self._other_head(record)
                self._size += len(record)
        self._stream.truncate(self._size)
        if not self._size:
            self._append(self._head)

    def _row(self, line: int, record: bytes) -> None:
        try:
            text = record.decode()
            if self._columns:
                (cells,) = csv.reader(io.StringIO(text, newline=""))
                row = dict(zip(self._columns, map(raw_cell, cells), strict=True))
            else:
                row = json.loads(text)
                row.keys()
            if not self._head or self._columns:
                for key, value in self.about.items():
                    if row[key] != value:
                        raise self._other(f"line {line} has {key} {row[key]!r}")
            self._take(row)
        except ArgumentError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            raise self._foreign(line) from None

    def _other_head(self, record: bytes) -> ArgumentError:
        if not self._columns:
            with suppress(ValueError, AttributeError, RecursionError):
                told = json.loads(record)
                for key in [*self.about, *told]:
                    if told.get(key) != self.about.get(key) and self.about.keys() & told.keys():
                        return self._other(f"line 1 has {key} {told.get(key)!r}")
        return self._foreign(1)

    def _other(self, difference: str) -> ArgumentError:
        return ArgumentError(
            f"{self.path} belongs to another {self._noun} ({difference}), so it is not continued. "
            "Give another --out, or remove the file."
        )

    def _foreign(self, line: int) -> ArgumentError:
        return ArgumentError(
            f"{self.path}, line {line}: not a row of this {self._noun}, so the file is not continued. "
            "Give another --out, or remove the file."
        )

    def _unwritable(self, error: OSError) -> ArgumentError:
        return ArgumentError(f"{self.path} cannot be written ({error.strerror or error}). Give another --out.")


def csv_line(cells: Iterable[Any]) -> str:
    """A line of a CSV file: the cells as ``safe_cell`` says, and quoted where a reader would end the line in them."""
    line = io.StringIO()
    csv.writer(line, lineterminator="\r\n").writerow([safe_cell(cell) for cell in cells])  # so that \\r is quoted, too
    return line.getvalue()[:-2].encode(errors="backslashreplace").decode() + "\n"  # a file name may be no UTF-8


def _json_line(row: Mapping[str, Any]) -> bytes:
    return (json.dumps(row) + "\n").encode()


def _records(stream: Any, *, quoted: bool) -> Iterator[tuple[int, bytes]]:
    """The line where each record begins, and its bytes; in a quoted record a line may end within quotes."""
    parts: list[bytes] = []
    inside = False
    for number, line in enumerate(stream, 1):
        parts.append(line)
        inside ^= quoted and line.count(b'"') % 2 == 1
        if not inside:
            yield number - len(parts) + 1, b"".join(parts)
            parts = []
    if parts:  # cut within quotes
        yield number - len(parts) + 1, b"".join(parts).removesuffix(b"\n")
