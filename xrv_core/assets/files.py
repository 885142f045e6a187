"""Helpers for all files: write a file as a whole, and hash it. Standard library only."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

__all__ = ["replacing", "sha256_of"]


def sha256_of(source: Path | Any) -> str:
    """The sha256 of a file, or of an open binary stream from its position on."""
    with source.open("rb") if isinstance(source, Path) else nullcontext(source) as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Write a file so that others see the old one or the new one, and never half of it.

    The block writes to the path that it gets, in the folder of ``path``. When the block ends, the bytes are
    flushed to the disk and the new file takes the place and the permissions of ``path``. If the block
    raises, ``path`` stays as it is and the new file is deleted.
    """
    new = path.with_name(f".{path.name}.{os.getpid()}.{threading.get_ident()}.new")
    try:
        yield new
        with new.open("rb+") as stream:
            os.fsync(stream.fileno())
        if path.exists():
            new.chmod(path.stat().st_mode & 0o7777)
        new.replace(path)
    finally:
        new.unlink(missing_ok=True)
