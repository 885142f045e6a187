"""A file of predictions that is written row by row, and continued where a run broke off."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from xrv_core.errors import ArgumentError, PathMissing

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ResultFile", "check_result_path"]

_SUFFIXES = (".csv", ".jsonl")
_FILE = "file"


class ResultFile:
    """A .csv or .jsonl file with one row an image.

    A row is on the disk before the next image is read. A run that broke off is continued: a row that was cut in the
    middle is removed, and images that have a row are not asked for again.

    Args:
        path: The file.
        names: What is predicted, in order.
        about: What every row says about its origin, such as the model and its weights. A file in which a row says
            something else is not continued.

    Attributes:
        done: The images that have a row.

    Raises:
        ArgumentError: The name has another suffix, or the file has other columns or other rows.
        PathMissing: The folder does not exist.
    """

    def __init__(self, path: Path, names: Sequence[str], about: Mapping[str, str]) -> None:
        self.path, self.names, self.about = path, list(names), dict(about)
        self.done: set[str] = set()
        check_result_path(path)
        self._is_csv = path.suffix.lower() == ".csv"
        self._size = 0
        if path.exists():
            self._continue(path.read_bytes())

    def __enter__(self) -> Self:
        try:
            self._stream = self.path.open("ab")
        except OSError as error:
            raise ArgumentError(f"{self.path} cannot be written ({error.strerror}). Give another --out.") from error
        self._stream.truncate(self._size)
        if self._is_csv and not self._size:
            self._write([self._csv([_FILE, *self.names, *self.about])])
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._stream.close()

    def add(self, rows: Iterable[tuple[Path, Mapping[str, float]]]) -> None:
        """Append rows: files and their values by name."""
        lines = []
        for file, values in rows:
            if self._is_csv:
                cells = [str(file), *(f"{values[name]:.6f}" for name in self.names), *self.about.values()]
                lines.append(self._csv(cells))
            else:
                lines.append(json.dumps({_FILE: str(file), "predictions": dict(values), **self.about}) + "\n")
        self._write(lines)

    def _write(self, lines: Iterable[str]) -> None:
        self._stream.write("".join(lines).encode("utf-8", "surrogateescape"))
        self._stream.flush()
        os.fsync(self._stream.fileno())

    def _csv(self, cells: Sequence[str]) -> str:
        line = io.StringIO()
        csv.writer(line, lineterminator="\n").writerow(cells)
        return line.getvalue()

    def _continue(self, content: bytes) -> None:
        """Take over the whole rows of an earlier run."""
        whole = content[: content.rfind(b"\n") + 1]
        self._size = len(whole)
        lines = whole.decode("utf-8", "surrogateescape")
        if not lines:
            return
        for number, row in self._rows(lines):
            other = [f"{key} {row.get(key)!r}" for key, value in self.about.items() if row.get(key) != value]
            if other:
                raise ArgumentError(
                    f"{self.path}, line {number}: this file was written with {other[0]}, so it is not continued. "
                    "Give another --out, or remove the file."
                )
            self.done.add(row[_FILE])

    def _rows(self, lines: str) -> Iterable[tuple[int, dict[str, Any]]]:
        if self._is_csv:
            reader = csv.reader(io.StringIO(lines, newline=""))
            head = next(reader)
            if head != [_FILE, *self.names, *self.about]:
                raise self._foreign(1)
            for cells in reader:
                if len(cells) != len(head):
                    raise self._foreign(reader.line_num)
                yield reader.line_num, dict(zip(head, cells, strict=True))
            return
        for number, line in enumerate(lines.splitlines(), 1):
            try:
                row = json.loads(line)
                if list(row["predictions"]) != self.names or not isinstance(row[_FILE], str):
                    raise KeyError(_FILE)
            except (ValueError, KeyError, TypeError):
                raise self._foreign(number) from None
            yield number, row

    def _foreign(self, line: int) -> ArgumentError:
        return ArgumentError(
            f"{self.path}, line {line}: not a row of predictions of {self.about.get('model', 'this model')}, so the "
            "file is not continued. Give another --out, or remove the file."
        )


def check_result_path(path: Path) -> None:
    """Tell a path that cannot be written before anything is computed; raises as ``ResultFile``."""
    if path.suffix.lower() not in _SUFFIXES:
        raise ArgumentError(f"--out {path}: the name of the file ends in {' or '.join(_SUFFIXES)}.")
    if path.is_dir():
        raise ArgumentError(f"--out {path} is a folder: give a file, such as {path / 'predictions.csv'}.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise ArgumentError(f"--out {path} cannot be written. Give another --out.")
