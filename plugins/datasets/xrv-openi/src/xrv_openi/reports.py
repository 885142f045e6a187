"""Read the reports of Open-i: one XML file each, in NLMCXR_reports.tgz or in its unpacked folder."""

from __future__ import annotations

import gzip
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree  # the documents are checked before it sees them

import pandas as pd

from xrv_core.errors import PathMissing, TableError

_SECTIONS = {"COMPARISON": "comparison", "INDICATION": "indication", "FINDINGS": "findings", "IMPRESSION": "impression"}
_BLOCK = 512  # bytes, of a tar archive
_AGAIN = "Download it again, and compare sizes or checksums with the source."


def read_reports(path: Path, owner: str) -> pd.DataFrame:
    """One row an image, in the order of the files.

    Columns: ``uid`` (report), ``imageid``, ``mesh_major`` and ``mesh_automatic`` (terms as written,
    joined by ``|``), and the report's ``comparison``, ``indication``, ``findings``, ``impression``.

    Args:
        path: The .tgz, never unpacked, or the folder of .xml files.
        owner: Registry name of the dataset, for messages.

    Raises:
        PathMissing: There is nothing at ``path``.
        TableError: It holds no report with an image, is damaged, or a report is no plain XML.
    """
    if not path.exists():
        raise PathMissing(f"{path}: no such file. Give the path of NLMCXR_reports.tgz of {owner!r}.")
    rows = [row for name, data in _documents(path) for row in _rows(_parse(data, f"{path}/{name}"), f"{path}/{name}")]
    if not rows:
        raise TableError(f"{path}: no report with an image in it; {owner!r} needs at least one.")
    return pd.DataFrame(rows)


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every .xml file."""
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    quick = _plain_files(path)
    if quick is not None:
        yield from ((name, data) for name, data in quick if name.endswith(".xml"))
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.endswith(".xml") else None
                if file is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise TableError(f"{path}: damaged archive ({error}). {_AGAIN}") from error


def _plain_files(path: Path) -> list[tuple[str, bytes]] | None:
    """Names and bytes of the files of a .tar.gz whose entries are all plain, as the published one's are.

    That is what tarfile gives in four times the time; None where an archive has anything else in it, or is damaged.
    """
    try:
        with gzip.open(path) as file:
            data = file.read()
        files, at = [], 0
        while (head := data[at : at + _BLOCK]).strip(b"\0"):
            size = int(head[124:136].strip(b"\0 "), 8)
            checksum = int(head[148:156].strip(b"\0 "), 8)
            at += _BLOCK
            plain = head[156:157] in (b"0", b"5", b"\0") and not head[345:500].strip(b"\0")
            intact = checksum == sum(head[:148]) + sum(b" " * 8) + sum(head[156:])
            if not plain or not intact or not 0 <= size <= len(data) - at:
                return None
            if head[156:157] != b"5":
                files.append((head[:100].rstrip(b"\0").decode("ascii"), data[at : at + size]))
            at += -(-size // _BLOCK) * _BLOCK
    except (ValueError, OSError, EOFError, zlib.error):
        return None
    return files or None


def _parse(data: bytes, name: str) -> ElementTree.Element:
    """The root of a report.

    Entities, and with them documents that grow without end or read other files, can only be declared
    in a document type declaration. Reports have none, so a document with one is refused unread; it is
    decoded here, so that no other encoding can hide one.
    """
    try:
        text = data.decode("utf-8-sig")
        if "<!DOCTYPE" in text:
            raise TableError(
                f"{name}: has a document type declaration, which no report of Open-i has: it was not read."
            )
        return ElementTree.fromstring(text)  # noqa: S314
    except (UnicodeDecodeError, ElementTree.ParseError) as error:
        raise TableError(f"{name}: not a readable report ({error}). {_AGAIN}") from error


def _rows(report: ElementTree.Element, name: str) -> Iterator[dict[str, Any]]:
    """One row for each image of a report."""
    uid = report.find("uId")
    if uid is None or "id" not in uid.attrib:
        raise TableError(f"{name}: not a report of Open-i: it has no <uId id=...>.")
    mesh = {f"mesh_{kind}": _joined(report.iterfind(f"MeSH/{kind}")) for kind in ("major", "automatic")}
    sections = dict.fromkeys(_SECTIONS.values(), "")
    for text in report.iterfind("MedlineCitation/Article/Abstract/AbstractText"):
        if text.get("Label") in _SECTIONS:
            sections[_SECTIONS[text.get("Label", "")]] = (text.text or "").strip()
    for image in report.iterfind("parentImage"):
        yield {"uid": uid.attrib["id"], "imageid": image.get("id"), **mesh, **sections}


def _joined(nodes: Iterator[ElementTree.Element]) -> str:
    return "|".join(node.text for node in nodes if node.text)
