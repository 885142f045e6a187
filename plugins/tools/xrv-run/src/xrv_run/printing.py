"""Numbers by name for each file, on stdout as soon as they are there: as a table, as CSV or as JSON."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from xrv_core.cli import echo, print_table
from xrv_core.datasets import csv_line
from xrv_core.errors import printable
from xrv_run.files import short_path

if TYPE_CHECKING:
    from typing import Self

    from xrv_run.running import Run

__all__ = ["Printed", "Table"]


class Table:
    """Aligned columns, row by row; the widths are known before.

    Args:
        heads: Titles.
        widths: The least width of each column.
        right: Numbers of the right-aligned ones.
    """

    def __init__(self, heads: Sequence[str], widths: Sequence[int], right: Sequence[int] = ()) -> None:
        self._heads: Sequence[str] | None = heads
        self._widths, self._right = [max(len(h), w) for h, w in zip(heads, widths, strict=True)], right

    def add(self, *cells: object) -> None:
        """Print a row, and the head before the first one."""
        if self._heads is not None:
            echo(self._line([printable(head) for head in self._heads]), dim=True)
            self._heads = None
        echo(self._line([printable(cell) for cell in cells]))

    def _line(self, cells: Sequence[str]) -> str:
        pairs = enumerate(zip(cells, self._widths, strict=True))
        return "  ".join(c.rjust(w) if i in self._right else c.ljust(w) for i, (c, w) in pairs).rstrip()


class Printed:
    """Prints rows of files and their numbers. As a context it ends the document, also after an error.

    Args:
        form: "json", "csv" or "table".
        about: "model", "note", and what else JSON says once for all files.
        names: Of the numbers.
        files: All that are asked for.
        run: Knows which files fail.
        heads: Titles of names and numbers in the table of a single file.
        unit: Of the numbers, for the table of several files.
        key: What the numbers are called in JSON.
    """

    def __init__(
        self,
        form: str,
        about: Mapping[str, str],
        names: Sequence[str],
        files: Sequence[Path],
        run: Run,
        *,
        heads: tuple[str, str],
        unit: str = "",
        key: str = "predictions",
    ) -> None:
        self._form, self._about, self._names, self._key, self._heads = form, dict(about), list(names), key, heads
        self._run = run
        self._single = len(files) == 1
        self._rows = 0
        width = max((len(printable(short_path(file))) for file in files), default=0)
        titles = [f"{n} ({unit})" if unit else n for n in names]
        self._table = Table(["FILE", *titles], [width, *[5] * len(titles)], range(1, len(titles) + 1))

    def __enter__(self) -> Self:
        if self._form == "csv":
            self._csv(["file", *self._names, "model", "note"])
        elif self._form == "json":
            click.echo(json.dumps({**self._about, "files": []}, indent=2).removesuffix("]\n}"), nl=False)
        return self

    def add(self, *rows: tuple[Path, Mapping[str, float]]) -> None:
        """Print the numbers of some files."""
        for file, values in rows:
            if self._form == "json":
                self._json(json.dumps({"file": str(file), self._key: dict(values)}, indent=2))
            elif self._form == "csv":
                last = [self._about["model"], self._about["note"]]
                self._csv([str(file), *(f"{values[n]:.6f}" for n in self._names), *last])
            elif self._single:
                ranked = sorted(values.items(), key=lambda item: -item[1])
                print_table(self._heads, [(n, f"{p:.3f}") for n, p in ranked], right=(1,))
            else:
                self._table.add(short_path(file), *(f"{values[n]:.3f}" for n in self._names))
            self._rows += 1
        sys.stdout.flush()

    def __exit__(self, *_: object) -> None:
        if self._form != "json":
            return
        more: dict[str, object] = {}
        if self._run.failed:
            more["failed"] = [{"file": file, "error": error} for file, error in self._run.failed]
        if self._run.interrupted:
            more["interrupted"] = True
        tail = json.dumps(more, indent=2).removeprefix("{\n").removesuffix("\n}")
        click.echo(("\n  " if self._rows else "") + ("],\n" + tail if more else "]") + "\n}")

    def _json(self, entry: str) -> None:
        click.echo((",\n" if self._rows else "\n") + textwrap.indent(entry, "    "), nl=False)

    def _csv(self, cells: Sequence[str]) -> None:
        shown = map(printable, cells) if sys.stdout.isatty() else cells  # a program gets the names as they are
        sys.stdout.write(csv_line(shown))
