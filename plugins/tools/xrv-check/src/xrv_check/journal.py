"""Images checked so far, on disk, so that an interrupted check can continue."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from xrv_core.datasets import RowFile

__all__ = ["Journal", "Seen"]


@dataclass(frozen=True, slots=True)
class Seen:
    """One image that was read; ``error`` says why it cannot be decoded, or is empty."""

    path: str
    size: int
    mtime_ns: int
    sha256: str
    error: str


class Journal(RowFile):
    """Images already read: one line of JSON for each; the first line says what is being checked. See ``RowFile``.

    Args:
        path: The file; it is created if it does not exist.
        about: What is being checked.
    """

    def __init__(self, path: Path, about: Mapping[str, str]) -> None:
        super().__init__(path, about, head=True, take=self._take, noun="check")
        self._seen: dict[str, Seen] = {}

    def see(self, one: Seen) -> None:
        """Add an image."""
        self.add(asdict(one))

    def known(self, path: str, size: int, mtime_ns: int) -> Seen | None:
        """The entry of an image, if the file has not changed since."""
        one = self._seen.pop(path, None)
        return one if one and (one.size, one.mtime_ns) == (size, mtime_ns) else None

    def _take(self, row: dict[str, Any]) -> None:
        one = Seen(**row)
        if [type(value) for value in row.values()] != [str, int, int, str, str]:
            raise TypeError("row")
        self._seen[one.path] = one
