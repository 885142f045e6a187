"""Images checked so far, on disk, so that an interrupted check can continue."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from xrv_core.errors import ArgumentError


@dataclass(frozen=True)
class Seen:
    """One image that was read; ``error`` says why it cannot be decoded, or is empty."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    error: str


class Journal:
    """Images already read. One line of JSON for each; the first line says what is being checked.

    Args:
        path: The file; it is created if it does not exist.
        about: What is being checked.

    Raises:
        ArgumentError: ``path`` belongs to another check.
    """

    def __init__(self, path: Path, about: Mapping[str, Any]) -> None:
        self.path = path
        self.seen: dict[str, Seen] = {}
        lines = path.read_text(encoding="utf-8").split("\n") if path.is_file() else []
        complete = lines[:-1]  # a line without a newline is incomplete
        if complete and json.loads(complete[0]) != dict(about):
            raise ArgumentError(f"{path} belongs to another check ({complete[0]}). Delete it, or choose another --out.")
        for line in complete[1:]:
            one = Seen(**json.loads(line))
            self.seen[one.path] = one
        self._file: IO[str] = path.open("w", encoding="utf-8")
        self._line(dict(about))
        for one in self.seen.values():
            self._line(asdict(one))

    def add(self, one: Seen) -> None:
        """Add an image and write it to disk."""
        self.seen[one.path] = one
        self._line(asdict(one))
        self._file.flush()

    def known(self, path: str, size: int, mtime_ns: int) -> Seen | None:
        """The entry of an image, if the file has not changed since."""
        one = self.seen.get(path)
        return one if one and (one.size, one.mtime_ns) == (size, mtime_ns) else None

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        """Close the file, and remove it if the check is complete."""
        self._file.close()
        if kind is None:
            self.path.unlink()

    def _line(self, content: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(content) + "\n")
