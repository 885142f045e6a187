"""Open image files with Pillow within our limits: what a file says of itself is checked before memory is taken."""

from __future__ import annotations

import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any

from xrv_core.assets import limit, within

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

__all__ = ["COUNTS", "FILMS", "READABLE", "check_scans", "large_images", "opened"]

#: Pillow's names of the kinds that are read. Others run an interpreter (EPS) or have no fixed value range (FITS).
READABLE = ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP")
#: Kinds whose frames are made of all frames before them.
FILMS = ("PNG", "GIF", "WEBP")
_lock = threading.Lock()


def opened(stream: IO[bytes]) -> ImageFile:
    """The image of a file, its pixels not yet decoded; ``Image.open``, but with our limit of pixels, not Pillow's.

    Raises:
        PIL.UnidentifiedImageError: The file is of no readable kind, or too damaged to be known.
        OverLimit: It has too many pixels.
    """
    from PIL import Image, UnidentifiedImageError

    if not Image.OPEN.keys() >= set(READABLE):
        Image.init()
    head = stream.read(16)
    for kind in READABLE:
        factory, accept = Image.OPEN[kind]
        if accept is not None and (not (known := accept(head)) or isinstance(known, str)):  # a text is a warning
            continue
        stream.seek(0)
        try:
            image = factory(stream, "")
        except (SyntaxError, IndexError, TypeError, struct.error):  # as Image.open: perhaps it is of another kind
            continue
        within("pixels", image.width * image.height)
        return image
    raise UnidentifiedImageError


def check_scans(stream: bytes) -> None:
    """Raise OverLimit if a JPEG has so many scans that decoding it would take minutes."""
    within("scans", stream.count(b"\xff\xda"))


@contextmanager
def large_images() -> Iterator[None]:
    """Let Pillow's decoders, which ask for its global limit themselves, go as far as ours, in the block only."""
    from PIL import Image

    with _lock:
        before = Image.MAX_IMAGE_PIXELS
        Image.MAX_IMAGE_PIXELS = limit("pixels")
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = before


def _gif_frames(data: bytes, most: int) -> int:
    """The frames of a GIF, counted up to one more than ``most``."""

    def table(flags: int) -> int:  # bytes of a colour table
        return 3 << (flags & 7) + 1 if flags & 0x80 else 0

    place, count = 13 + table(data[10]), 0
    while count <= most and place + 10 < len(data) and (kind := data[place : place + 1]) != b";":
        if kind not in b"!,":  # passed over, as Pillow does
            place += 1
            continue
        count += kind == b","
        place += 2 if kind == b"!" else 11 + table(data[place + 9])
        while place < len(data) and data[place]:
            place += data[place] + 1
        place += 1
    return count


def _tiff_frames(data: bytes, most: int) -> int:
    """The directories of a TIFF, counted up to one more than ``most``."""
    order: Any = "little" if data[:2] == b"II" else "big"
    start, head, entry, width = (8, 8, 20, 8) if 43 in data[2:4] else (4, 2, 12, 4)
    seen: set[int] = set()
    while len(seen) <= most:
        at = int.from_bytes(data[start : start + width], order)
        if not at or at in seen:
            break
        seen.add(at)
        start = at + head + entry * int.from_bytes(data[at : at + head], order)
    return len(seen)


#: Kinds whose frames Pillow counts by looking at each of them, and how to count them faster.
COUNTS = {"GIF": _gif_frames, "TIFF": _tiff_frames}
