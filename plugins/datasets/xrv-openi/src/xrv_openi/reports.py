"""Read the XML reports of Open-i from NLMCXR_reports.tgz or its unpacked folder."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from xrv_core.assets import limit, within
from xrv_core.datasets import parse_xml
from xrv_core.errors import PathMissing, TableError, reading

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

_SECTIONS = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
COLUMNS = ("uid", "imageid", "mesh_major", "mesh_automatic", *map(str.lower, _SECTIONS))
_TERMS = ("major", "automatic")
_OPENERS: dict[bytes, Callable[..., Any]] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_AGAIN = "Download it again, and compare sizes or checksums with the source."


def read_reports(path: Path, owner: str) -> pd.DataFrame:
    """One row an image, in file order.

    Columns: ``uid`` (report), ``imageid``, ``mesh_major`` and ``mesh_automatic`` (terms joined by ``|``),
    and the report's ``comparison``, ``indication``, ``findings``, ``impression``.

    Args:
        path: The .tgz, which is read without unpacking, or the folder of .xml files.
        owner: Registry name of the dataset, for messages.

    Raises:
        PathMissing: ``path`` does not exist.
        TableError: There is no report with an image, the archive is damaged, or a report is not plain XML.
    """
    if not path.exists():
        raise PathMissing(f"{path}: no such file. Give the path of NLMCXR_reports.tgz of {owner!r}.")
    top = f"{path}/"
    documents = ((top + name, data) for name, data in _documents(path))
    rows = [row for name, data in documents for row in _rows(parse_xml(data, name, _AGAIN), name)]
    if not rows:
        raise TableError(f"{path}: no report with an image; {owner!r} needs at least one.")
    return pd.DataFrame(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every .xml file."""
    with reading(path, TableError, _AGAIN):
        if path.is_dir():
            for file in sorted(path.rglob("*.xml")):
                with reading(file, TableError, _AGAIN):
                    within("document", file.stat().st_size)
                    data = file.read_bytes()
                yield file.relative_to(path).as_posix(), data
            return
        with _Unpacked(path) as stream, tarfile.open(fileobj=stream, mode="r:") as archive:  # type: ignore[call-overload]
            for number, member in enumerate(archive, 1):
                within("members", number)
                file = archive.extractfile(member) if member.isreg() and member.name.endswith(".xml") else None
                if file is not None:
                    with reading(f"{path}/{member.name}", TableError, _AGAIN):
                        within("document", member.size)
                        data = file.read()
                    yield member.name, data


class _Unpacked:
    """The bytes of a .tar that may be packed, as far as the limits allow: tarfile unpacks also what it passes over."""

    def __init__(self, path: Path) -> None:
        with path.open("rb") as file:
            head, self._packed = file.read(6), max(path.stat().st_size, 1)
        self._piece = limit("document")
        self._far = min(limit("file"), max(self._piece, self._packed * limit("ratio")))
        opener = next((opener for magic, opener in _OPENERS.items() if head.startswith(magic)), open)
        self._stream = opener(path, "rb")
        self.tell, self.close = self._stream.tell, self._stream.close

    def seek(self, position: int, whence: int = 0) -> int:
        if position > self._far:
            within("file", position)
            within("ratio", position / self._packed)
        return int(self._stream.seek(position, whence))

    def read(self, size: int) -> bytes:
        if size > self._piece:
            within("document", size)
        return bytes(self._stream.read(size))

    def __enter__(self) -> _Unpacked:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _rows(report: Element, name: str) -> list[tuple[str | None, ...]]:
    """One row for each image of a report: the values of ``COLUMNS``."""
    uid, images = report.find("uId"), report.findall("parentImage")
    if uid is None or uid.get("id") is None:
        raise TableError(f"{name}: not a report of Open-i, because it has no <uId id=...>.")
    terms = ["|".join(part.text for part in report.findall(f"MeSH/{kind}") if part.text) for kind in _TERMS]
    sections = dict.fromkeys(_SECTIONS, "")
    for part in report.findall("MedlineCitation/Article/Abstract/AbstractText"):
        if (label := part.get("Label")) in sections:
            sections[label] = (part.text or "").strip()
    about = (*terms, *sections.values())
    with reading(name, TableError):
        within("document", len(images) * sum(map(len, about)))  # each image has them all
    return [(uid.get("id"), image.get("id"), *about) for image in images]
