"""Read gzip files with ISA-L, which takes a quarter of the time, where it is installed."""

from __future__ import annotations

import gzip
from pathlib import Path

__all__ = ["open_gzip"]


def open_gzip(path: Path) -> gzip.GzipFile:
    """An open file of the bytes in ``path``; damage is an OSError, EOFError or zlib.error when it is read."""
    try:
        from isal import igzip
    except ImportError:
        return gzip.open(path)
    reader: gzip.GzipFile = igzip.open(path)
    return reader
