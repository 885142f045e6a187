"""The folder that a command writes: written elsewhere and moved into place as a whole."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xrv_core.assets.files.whole import alone, aside, beside, writing
from xrv_core.errors import ArgumentError, XrvError, tell

__all__ = ["ResultFolder"]


@dataclass(frozen=True)
class ResultFolder:
    """A folder of results.

    Attributes:
        given: The path as the user gave it, for messages.
        noun: What the folder holds, such as "evaluation".
        files: Every file that such a folder may hold; a folder with other files is never replaced.
        overwrite: Whether an earlier one is replaced.
    """

    given: str | Path
    noun: str
    files: Collection[str]
    overwrite: bool = False

    @property
    def path(self) -> Path:
        """The folder, absolute."""
        return Path(self.given).expanduser().absolute()

    def check(self) -> Path:
        """``path``, if it can be written. Call it before the long work starts.

        Raises:
            ArgumentError: It is a file, cannot be written, holds something that must not be replaced, or another
                process writes it.
            WriteError: The disk is full.
        """
        with self._place():
            return self.path

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A new folder to write to. It becomes ``path`` when the block ends without an error.

        Another process that writes to ``path`` meanwhile is refused. ``path`` holds the earlier results or the new
        ones, each whole. Some disks cannot exchange two folders in one step: there a run that is killed between two
        steps leaves the earlier results beside ``path``, and the next run puts them back and says so.

        Raises:
            ArgumentError, WriteError: As ``check``, before the block and after it.
        """
        with self._place() as fresh:
            yield fresh
            self._refuse()  # somebody may have put a file there since
            for file in fresh.iterdir():
                with file.open("rb+") as stream:
                    os.fsync(stream.fileno())
            _swap(fresh, self.path)

    @contextmanager
    def _place(self) -> Iterator[Path]:
        folder, ready = self.path, False
        try:
            with writing(folder):
                folder.parent.mkdir(parents=True, exist_ok=True)
                with alone(folder), aside(folder) as hidden:
                    _recover(folder)
                    self._refuse()
                    fresh = hidden / "new"
                    fresh.mkdir()
                    ready = True
                    yield fresh
        except XrvError:
            raise
        except OSError as error:
            if ready:
                raise
            raise ArgumentError(
                f"out={str(self.given)!r} cannot be written ({error.strerror}). Give another folder."
            ) from error

    def _refuse(self) -> None:
        """Refuse what must not be replaced."""
        folder, out = self.path, f"out={str(self.given)!r}"
        if folder.exists() and not folder.is_dir():
            raise ArgumentError(f"{out} is a file: give a folder.")
        present = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
        foreign = [name for name in present if name not in self.files]
        if foreign and self.overwrite:
            article = "an" if self.noun[0] in "aeiou" else "a"
            raise ArgumentError(
                f"{out} holds {foreign[0]!r}, which is not a file of {article} {self.noun}, so the folder is not "
                "replaced. Give another folder."
            )
        if present and not self.overwrite:
            raise ArgumentError(
                f"{out} is not empty (it holds {present[0]!r}). "
                f"Give a new folder, or overwrite=True (--overwrite) to replace an earlier {self.noun}."
            )


def _swap(fresh: Path, folder: Path) -> None:
    """Put ``fresh`` where ``folder`` is; if that fails, ``folder`` stays unchanged."""
    earlier = beside(folder, "xrv-earlier")
    if not folder.exists():
        fresh.rename(folder)
    elif not _exchange(fresh, folder):
        try:
            folder.rename(earlier)
            fresh.rename(folder)
        except BaseException:
            _recover(folder)
            raise
    shutil.rmtree(earlier, ignore_errors=True)


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two folders in one step; False where the system or the disk has no such step."""
    call = getattr(ctypes.CDLL(None), "renameat2", None) if sys.platform == "linux" else None
    return call is not None and call(-100, os.fsencode(one), -100, os.fsencode(other), 2) == 0


def _recover(folder: Path) -> None:
    """Put earlier results back that a killed run left beside ``folder``."""
    earlier = beside(folder, "xrv-earlier")
    if earlier.exists() and not folder.exists():
        earlier.rename(folder)
        tell(f"A run ended while it replaced {folder}. Its earlier results are back.")
