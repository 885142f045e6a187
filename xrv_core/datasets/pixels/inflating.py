"""Parse DICOM files, of which a deflated one is unpacked within our limits."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import IO, Any

from xrv_core.assets import unpacked_within

__all__ = ["read_dataset"]

_DEFLATED, _EXPLICIT = b"1.2.840.10008.1.2.1.99", b"1.2.840.10008.1.2.1\0\0\0"
_PIECE = 1 << 16  # bytes, which inflate to 64 MiB at most


def read_dataset(stream: IO[bytes], **options: Any) -> Any:
    """The dataset of a DICOM file; ``pydicom.dcmread`` would inflate a deflated one to whatever size it has.

    Args:
        stream: The file.
        **options: As of ``pydicom.dcmread``.

    Raises:
        OverLimit: The file inflates to too many bytes, or to too many for its size.
        Exception: Whatever pydicom raises for a damaged file.
    """
    import pydicom
    from pydicom.filereader import read_preamble

    read_preamble(stream, force=True)
    meta = pydicom.filereader.read_dataset(stream, False, True, stop_when=lambda tag, *_: tag.group != 2)
    if meta.get("TransferSyntaxUID") == _DEFLATED.decode():
        end = stream.tell()
        stream.seek(0)
        head = stream.read(end).replace(_DEFLATED, _EXPLICIT)
        stream = BytesIO(head + _inflated(stream.read()))
    stream.seek(0)
    return pydicom.dcmread(_Sized(stream), **options)


class _Sized:
    """A file that is not read to its end at once, as pydicom does to inflate it: no header gets round the above."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._read, self.seek, self.tell = stream.read, stream.seek, stream.tell

    def read(self, size: int) -> bytes:
        return self._read(size)


def _inflated(data: bytes) -> bytes:
    inflater, pieces, count = zlib.decompressobj(-zlib.MAX_WBITS), [], 0
    for place in range(0, len(data), _PIECE):
        pieces.append(inflater.decompress(data[place : place + _PIECE]))
        count += len(pieces[-1])
        unpacked_within(count, place + _PIECE)
    if not inflater.eof:
        raise ValueError("its deflated data is cut short")
    return b"".join(pieces)
