"""A run over many files: its progress, the files that fail, Ctrl-C, and the exit code."""

from __future__ import annotations

import csv
import errno
import sys
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from xrv_core.assets import aside, replacing
from xrv_core.cli import echo
from xrv_core.datasets import csv_line
from xrv_core.errors import ImageError, XrvError

if TYPE_CHECKING:
    from typing import Self

__all__ = ["ERROR", "INTERRUPTED", "PARTIAL", "Run", "failed_path"]

#: Exit codes: nothing was done, some files failed, Ctrl-C.
ERROR, PARTIAL, INTERRUPTED = 1, 3, 130
_HEAD = ["file", "error"]
_SHOWN = 20  # failed files that stderr names, where a list has them all


class Run:
    """Goes over files, and ends in an exit code whatever happens to some of them.

    As a context it shows a bar on stderr where that is a terminal. Ctrl-C ends the block without a traceback; other
    errors pass. Each failed file is named on stderr at once.

    Args:
        files: How many there are.
        there: How many of them are done already.
        strict: Whether the first file that fails ends the run.
        failed_list: A .csv file for the files that fail. It is there after the run only if some do.
        unit: What they are, for the bar.
        goes_on: Whether the same command, given again, goes on where this one stops.

    Attributes:
        done: How many files have a result.
        failed: Files and why they have none.
        interrupted: Whether Ctrl-C ended the run.
    """

    def __init__(
        self,
        files: int,
        *,
        there: int = 0,
        strict: bool = False,
        failed_list: Path | None = None,
        unit: str = "image",
        goes_on: bool = False,
    ) -> None:
        self.files, self.done, self.strict, self.failed_list, self.goes_on = files, there, strict, failed_list, goes_on
        self.failed: list[tuple[str, str]] = []
        self._unread, self._unit = 0, unit
        self.interrupted = False

    def __enter__(self) -> Self:
        from tqdm import tqdm

        if self.failed_list:
            with suppress(OSError), aside(self.failed_list):
                pass  # it takes away what a killed run left there, also if no list is written now
        self._bar = tqdm(
            total=self.files, initial=self.done, unit=self._unit, file=sys.stderr, disable=not sys.stderr.isatty()
        )
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> bool:
        self._bar.close()
        self.interrupted = isinstance(error, KeyboardInterrupt)
        if isinstance(error, OSError) and error.errno == errno.EPIPE:  # `xrv predict ... | head -1`
            return False
        self._write_list()
        if error is not None or self.failed:
            self._sum_up()
        return self.interrupted

    def finished(self, count: int = 1) -> None:
        """Files that have a result."""
        self.done += count
        self._bar.update(count)

    def fail(self, file: str | Path, error: XrvError) -> None:
        """A file that has none.

        Raises:
            XrvError: ``error``, if the run is strict.
        """
        self.failed.append((str(file), str(error)))  # the error itself would keep the pixels in memory
        self._unread += isinstance(error, ImageError)
        self._bar.update()
        if self.strict:
            raise error
        if self.failed_list and len(self.failed) > _SHOWN:
            return
        with self._bar.external_write_mode(file=sys.stderr):
            echo(f"Error: {error}", err=True)

    @property
    def code(self) -> int:
        """The exit code."""
        if self.interrupted:
            return INTERRUPTED
        return (PARTIAL if self.done else ERROR) if self.failed else 0

    def _sum_up(self) -> None:
        if self.failed and self.files > 1:
            what = "could not be read" if self._unread == len(self.failed) else "failed"
            echo(f"{len(self.failed)} of {self.files} files {what}.", err=True)
            if self.failed_list:
                echo(f"They are listed in {self.failed_list}.", err=True)
        missing = self.files - self.done - len(self.failed)
        if missing or self.interrupted:
            again = " Give the same command again to go on." if self.goes_on else ""
            how = "Interrupted" if self.interrupted else "Stopped"
            echo(f"{how}: {self.done} of {self.files} files are done.{again}", err=True)

    def _write_list(self) -> None:
        path = self.failed_list
        if path is None or not (self.failed or _is_list(path)):
            return
        if not self.failed:
            path.unlink()
            return
        try:
            with replacing(path) as new, new.open("w", newline="", encoding="utf-8") as stream:
                stream.writelines(map(csv_line, [_HEAD, *self.failed]))
        except OSError as error:  # the end of the run is told even so
            echo(f"Error: {error}", err=True)


def failed_path(out: Path) -> Path:
    """Where the files that failed are listed: ``found.failed.csv`` for ``found.csv`` or ``found.jsonl``."""
    return out.with_name(f"{out.stem}.failed.csv")


def _is_list(path: Path) -> bool:
    """Whether this is a list of an earlier run, and not a file of the user."""
    if not path.is_file():
        return False
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        return next(csv.reader(stream), None) == _HEAD
