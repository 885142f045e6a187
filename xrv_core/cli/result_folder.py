"""The folder that a command writes: written elsewhere and moved into place as a whole."""

from __future__ import annotations

import tempfile
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xrv_core.errors import ArgumentError

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
            ArgumentError: It is a file, cannot be written, or holds something that must not be replaced.
        """
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
        try:
            folder.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}."):
                pass
        except OSError as error:
            raise ArgumentError(f"{out} cannot be written ({error.strerror}). Give another folder.") from error
        return folder

    @contextmanager
    def fresh(self) -> Iterator[Path]:
        """A new folder to write to. It becomes ``path`` when the block ends without an error.

        Raises:
            ArgumentError: As ``check``, before the block and after it.
        """
        folder = self.check()
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
            fresh = Path(aside) / "new"
            fresh.mkdir()
            yield fresh
            self.check()  # another process may have written there since
            _swap(fresh, folder, Path(aside) / "old")


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    """Put ``fresh`` where ``folder`` is; if that fails, ``folder`` stays unchanged."""
    replaces = folder.exists()
    if replaces:
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if replaces:
            old.rename(folder)
        raise
