"""The file of predictions that a run writes row by row, and continues where an earlier run broke off."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from xrv_core.datasets import RowFile
from xrv_core.errors import ArgumentError, PathMissing

__all__ = ["ResultFile", "check_result_path"]

_SUFFIXES = (".csv", ".jsonl")


class ResultFile(RowFile):
    """A .csv or .jsonl file with one row an image, see ``RowFile``.

    Args:
        path: The file.
        names: What is predicted, in order.
        about: What every row says about its origin, such as the model and its weights.

    Attributes:
        done: The images that have a row, as the row names them.

    Raises:
        ArgumentError: As ``RowFile``, or the name has another suffix.
        PathMissing: The folder does not exist.
    """

    def __init__(self, path: Path, names: Sequence[str], about: Mapping[str, str]) -> None:
        check_result_path(path)
        self.done: set[str] = set()
        self._names, self._table = list(names), path.suffix.lower() == ".csv"
        columns = ["file", *names] if self._table else []
        super().__init__(path, about, columns=columns, take=self._known, noun=f"run of {about['model']}")

    def is_done(self, file: Path) -> bool:
        """Whether an image has a row."""
        return _escaped(str(file)) in self.done

    def add_values(self, *rows: tuple[Path, Mapping[str, float]]) -> None:
        """Append rows: files and their values by name."""
        self.add(*({"file": str(file), **self._values(values)} for file, values in rows))

    def _values(self, values: Mapping[str, float]) -> dict[str, Any]:
        if self._table:
            return {name: f"{values[name]:.6f}" for name in self._names}
        return {"predictions": dict(values)}

    def _known(self, row: dict[str, Any]) -> None:
        values = row if self._table else row["predictions"]
        if not self._table and list(values) != self._names:
            raise KeyError("predictions")
        for name in self._names:
            float(values[name])
        if not isinstance(row["file"], str):
            raise TypeError("file")
        self.done.add(_escaped(row["file"]))


def _escaped(file: str) -> str:
    """The name of a file as a .csv file has it, whose texts are UTF-8."""
    return file.encode(errors="backslashreplace").decode()


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
