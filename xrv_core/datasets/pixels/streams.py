"""What a compressed pixel stream says of itself: its size and depth, and where it ends."""

from __future__ import annotations

import struct
from typing import Any, NamedTuple

from xrv_core.assets import within
from xrv_core.datasets.pixels.opening import check_scans
from xrv_core.errors import ImageError

__all__ = ["EXPORT", "checked_rle", "checked_stream"]

EXPORT = "Export the image again, or correct the header."
_PADDING = b"\0\xff "
_AGAIN = "Download or copy it again, and compare sizes or checksums with the source."

# JPEG markers: start of a frame (JPEG and JPEG-LS), start of a scan, other markers before a scan
_FRAMES, _SCAN = {*range(0xC0, 0xD0), 0xF7} - {0xC4, 0xC8, 0xCC}, 0xDA
_OTHERS = {0xC4, _SCAN, 0xDB, 0xDD, *range(0xE0, 0xF0), 0xF8, 0xFE}
_CODING, _CODING_OF_ONE = b"\xff\x52", b"\xff\x53"
_JPEG, _CODESTREAM, _TILE_PART, _END = b"\xff\xd8", b"\xff\x4f\xff\x51", b"\xff\x90", b"\xff\xd9"


class _Stream(NamedTuple):
    bits: int
    rows: int
    columns: int
    samples: int
    end: int


def checked_stream(stream: bytes, dataset: Any, name: str, *, strict: bool = False) -> tuple[bytes, int]:
    """A JPEG, JPEG-LS or JPEG 2000 stream without the padding after its end, and its bits a sample.

    Args:
        stream: One frame.
        dataset: The header of the DICOM file.
        name: The file's name for errors.
        strict: Also refuse what gdcm may not survive.

    Raises:
        ImageError: Data is missing, or the stream and the header disagree about size, samples or depth.
        ValueError: The stream is of another kind.
        OverLimit: Decoding it would take very long, or very much memory, for its pixels.
    """
    kind = "JPEG" if stream.startswith(_JPEG) else "JPEG 2000"
    found = _jpeg(stream, strict) if kind == "JPEG" else _jpeg2000(stream)
    if found is None:
        raise ImageError(f"{name}: the {kind} stream is cut short. {_AGAIN}")
    shape, wanted = found[1:4], (dataset.Rows, dataset.Columns, dataset.SamplesPerPixel)
    allocated, stored = dataset.BitsAllocated, dataset.BitsStored
    facts = ""
    if shape != wanted:
        only = slice(2 if shape[2] == wanted[2] else 3)
        facts = f"the {kind} stream is of shape {shape[only]}, but the header says {wanted[only]}"
    elif found.bits > allocated or found.bits <= 8 < stored or (strict and not _gdcm_survives(found.bits, dataset)):
        facts = f"the {kind} stream has {found.bits} bits, but the header says {stored} of {allocated}"
    if facts:
        raise ImageError(f"{name}: {facts}; header and pixels disagree. {EXPORT}")
    return stream[: found.end], found.bits


def checked_rle(stream: bytes, dataset: Any, name: str) -> bytes:
    """An RLE stream (PS3.5, annex G) without the padding after its end; raises as ``checked_stream``."""
    number, *starts = struct.unpack("<16L", stream[:64].ljust(64, b"\0"))
    wanted = dataset.SamplesPerPixel * dataset.BitsAllocated // 8
    size = dataset.Rows * dataset.Columns
    if number != wanted or number > 15:
        raise ImageError(
            f"{name}: the RLE stream has {number} segments, but the header says {wanted}; header and pixels "
            f"disagree. {EXPORT}"
        )
    ends = [*starts[1:number], len(stream)]
    for start, end in zip(starts, ends, strict=False):
        place, count = _unpacked(stream, start, end, size)
        if place > end or count < size:
            raise ImageError(
                f"{name}: the RLE stream has {count} pixels, but the header says {dataset.Rows, dataset.Columns}: it "
                f"is cut short, or header and pixels disagree. {_AGAIN}"
            )
        if count != size or stream[place:end].strip(_PADDING):
            raise ImageError(
                f"{name}: the RLE stream has more than the {size} pixels of {dataset.Rows, dataset.Columns}, which the "
                f"header says; header and pixels disagree. {EXPORT}"
            )
    return stream[:place]


def _unpacked(stream: bytes, place: int, end: int, size: int) -> tuple[int, int]:
    """Where the packets of ``size`` bytes end, and how many bytes they hold."""
    count = 0
    while count < size and place < end:
        head = stream[place]
        if head < 128:
            count += head + 1
            place += head + 2
        else:
            count += 257 - head if head > 128 else 0
            place += 2 if head > 128 else 1
    return place, count


def _gdcm_survives(bits: int, dataset: Any) -> bool:
    return dataset.BitsAllocated in (8, 16) and dataset.BitsStored >= min(bits, 8)


def _jpeg(stream: bytes, strict: bool) -> _Stream | None:
    """None if data is missing."""
    found: tuple[int, int, int, int] | None = None
    place, marker = 2, 0
    while marker != _SCAN and len(stream) >= place + 4 and stream[place] == 0xFF:
        marker, length = stream[place + 1], int.from_bytes(stream[place + 2 : place + 4], "big")
        body = stream[place + 4 : place + 2 + length]
        if marker == 0xFF:  # a fill byte
            length = -1
        elif marker in _FRAMES and len(body) >= 6:
            if found is not None:
                raise ValueError("the JPEG stream declares its size twice")
            found = struct.unpack(">BHHB", body[:6])
        elif strict and (marker not in _OTHERS or (body[:5] == b"JFIF\0" and body[5] != 1)):
            raise ValueError(f"the pixel stream holds {stream[place : place + 12].hex()}")
        place += 2 + length
    check_scans(stream)
    end = stream.find(_END, place)  # a scan has no such bytes
    if marker != _SCAN or found is None or end < 0:
        return None
    bits, rows, columns, samples = found
    return _Stream(bits, rows, columns, samples, end + 2)


def _check_blocks(coding: bytes, precincts: bool, pixels: int) -> None:
    """Raise OverLimit if a JPEG 2000 stream has so many code blocks or precincts that their list fills the memory.

    Args:
        coding: The number of resolutions, and what follows it in a COD or COC marker (ISO 15444-1, table A.20).
        precincts: Whether sizes of precincts follow.
        pixels: How many pixels the image has.
    """
    levels, wide, high = coding[0] + 1, coding[1] & 15, coding[2] & 15
    within("blocks", 4 / 3 * pixels / 2 ** (wide + high + 4))
    for level, size in enumerate(coding[5 : 5 + levels] if precincts else b""):
        within("blocks", pixels / 4 ** (levels - 1 - level) / 2 ** ((size & 15) + (size >> 4)))


def _jpeg2000(stream: bytes) -> _Stream | None:
    """None if data is missing. The codestream may be in a JP2 file; all of every tile must be there."""
    start = stream.find(_CODESTREAM)
    if start < 0:
        raise ValueError(f"the pixel stream begins with {stream[:12].hex()}, which is no JPEG 2000")
    if len(stream) < start + 43:
        return None
    width, height, left, top, tile_w, tile_h, tile_x, tile_y, samples, depth = struct.unpack(
        ">8IHB", stream[start + 8 : start + 43]
    )
    place, marker = start + 2, stream[start + 2 : start + 4]
    while len(marker) == 2 and marker != _TILE_PART:
        if marker in (_CODING, _CODING_OF_ONE):
            at = place + (9 if marker == _CODING else 6) + (marker != _CODING and samples > 256)
            _check_blocks(stream[at : at + 38], bool(stream[place + 4] & 1), width * height)
        place += 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
        marker = stream[place : place + 2]
    tiles = -((tile_x - width) // (tile_w or 1)) * -((tile_y - height) // (tile_h or 1))
    missing = set(range(min(tiles, 65535)))
    while stream[place : place + 2] == _TILE_PART and len(stream) >= place + 12:
        tile, length = struct.unpack(">HI", stream[place + 4 : place + 10])
        end = place + length if length else stream.find(_END, place)  # 0: up to the end
        if not place + 12 <= end <= len(stream):
            break
        missing.discard(tile)
        place = end
    if missing or stream[place : place + 2] == _TILE_PART:
        return None
    return _Stream((depth & 127) + 1, height - top, width - left, samples, len(stream))
