"""Read gzip files, and take checksums, with ISA-L, which takes a quarter of the time, where it is installed."""

from __future__ import annotations

import gzip
import zlib
from pathlib import Path
from typing import IO, Any

__all__ = ["crc32", "open_gzip"]


def open_gzip(path: Path | IO[bytes]) -> gzip.GzipFile:
    """An open file of the bytes in a gzip file; damage is an OSError, EOFError or zlib.error when it is read."""
    try:
        from isal import igzip
    except Exception:  # also a broken ISA-L, or a folder `isal` beside the script
        return gzip.open(path)
    reader: gzip.GzipFile = igzip.open(path)
    return reader


def crc32(data: Any, value: int = 0) -> int:
    """As ``zlib.crc32``."""
    try:
        from isal import isal_zlib
    except Exception:
        return zlib.crc32(data, value)
    return int(isal_zlib.crc32(data, value))
