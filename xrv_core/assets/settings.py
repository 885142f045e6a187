"""Limits: how large a file, and what is in it, may be; each can be raised by an environment variable."""

from __future__ import annotations

import os
from typing import IO, NamedTuple

from xrv_core.errors import ArgumentError, OverLimit

__all__ = ["LIMITS", "Limit", "json_within", "limit", "read_within", "unpacked_within", "within"]

_CHUNK, _EARLY = 1 << 20, 64 << 20  # the ratio of a file that is small when it is unpacked means nothing


class Limit(NamedTuple):
    """A limit.

    Attributes:
        variable: The environment variable that sets another number.
        most: The number if it is not set.
        unit: What is counted, such as "pixels".
    """

    variable: str
    most: int
    unit: str


#: By name. An honest file of this field is far below each.
LIMITS = {
    "pixels": Limit("XRV_MAX_PIXELS", 178_956_970, "pixels"),  # of one image, as Pillow's own limit
    "file": Limit("XRV_MAX_FILE_BYTES", 4 << 30, "bytes"),  # a file in an archive, a packed table: what is unpacked
    "ratio": Limit("XRV_MAX_RATIO", 100, "times the bytes that it is packed in"),  # beyond 64 MiB
    "document": Limit("XRV_MAX_DOCUMENT_BYTES", 16 << 20, "bytes"),  # an XML report, a registry, a header
    "annotations": Limit("XRV_MAX_ANNOTATION_BYTES", 32 << 20, "bytes"),  # a JSON file of a dataset
    "elements": Limit("XRV_MAX_ELEMENTS", 1_000_000, "elements"),  # objects, lists and texts of JSON; of XML
    "members": Limit("XRV_MAX_MEMBERS", 20_000, "members"),  # of an archive of reports
    "corners": Limit("XRV_MAX_CORNERS", 10_000, "corners"),  # of the shapes drawn on one image
    "registry": Limit("XRV_MAX_REGISTRY_BYTES", 1 << 20, "bytes"),  # of a lab: 1,500 versions
    "depth": Limit("XRV_MAX_DEPTH", 100, "levels of nesting"),  # of JSON, TOML, XML, pickles
    "objects": Limit("XRV_MAX_OBJECTS", 1_000_000, "objects"),  # of a pickle of weights, of the header of a model file
    "cells": Limit("XRV_MAX_CELLS", 200_000_000, "cells"),  # of a Parquet file or a sheet; blank ones count
    "columns": Limit("XRV_MAX_COLUMNS", 20_000, "columns"),  # of a table
    "frames": Limit("XRV_MAX_FRAMES", 10_000, "frames"),  # of one image file
    "scans": Limit("XRV_MAX_SCANS", 100, "scans"),  # of a JPEG, each over all of its pixels; as libtiff's own limit
    "blocks": Limit("XRV_MAX_BLOCKS", 1_000_000, "code blocks"),  # of a JPEG 2000 stream
    "files": Limit("XRV_MAX_FILES", 1_000_000, "files"),  # of an archive of images
}


def limit(name: str) -> int:
    """The limit of this name; ArgumentError if its environment variable is no positive whole number."""
    variable, most, unit = LIMITS[name]
    given = os.environ.get(variable, "").strip().replace("_", "")
    if not given:
        return most
    if not given.isdecimal() or not int(given):
        raise ArgumentError(f"{variable} is {given!r}: set it to the most {unit} that may be read.")
    return int(given)


def within(name: str, number: float) -> None:
    """Raise OverLimit, which says how to raise the limit, if ``number`` is beyond the limit of this name."""
    variable, most, unit = LIMITS[name]
    if variable in os.environ:
        most = limit(name)
    if number > most:
        raise OverLimit(
            f"has {number:,.0f} {unit}, and at most {most:,} are read. If you trust the file, set {variable} to a "
            "larger number."
        )


def json_within(text: bytes) -> None:
    """Raise OverLimit if a JSON text has more values than the limit of objects."""
    within("objects", sum(map(text.count, (b",", b"[", b"{"))))


def read_within(stream: IO[bytes], packed: int, name: str = "file") -> bytes:
    """All bytes of a stream that unpacks ``packed`` bytes; as soon as ``unpacked_within`` says, OverLimit."""
    chunks, count = [], 0
    while chunk := stream.read(_CHUNK):
        count += len(chunk)
        unpacked_within(count, packed, name)
        chunks.append(chunk)
    return b"".join(chunks)


def unpacked_within(count: int, packed: int, name: str = "file") -> None:
    """Raise OverLimit if ``count`` bytes are beyond the limit ``name``, or too many for the ``packed`` bytes."""
    within(name, count)
    if count > _EARLY:
        within("ratio", count / max(packed, 1))
