"""Read the XML reports of Open-i from NLMCXR_reports.tgz or its unpacked folder."""

from __future__ import annotations

import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
from lxml import etree

from xrv_core.errors import PathMissing, TableError

_SECTIONS = ("COMPARISON", "INDICATION", "FINDINGS", "IMPRESSION")
COLUMNS = ("uid", "imageid", "mesh_major", "mesh_automatic", *map(str.lower, _SECTIONS))
_PARTS = etree.XPath(
    "uId[1] | parentImage | MeSH/major | MeSH/automatic | MedlineCitation/Article/Abstract/AbstractText"
)
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
    parser = etree.XMLParser(
        encoding="utf-8",
        resolve_entities=False,
        no_network=True,
        remove_comments=True,
        remove_pis=True,
        remove_blank_text=True,
    )
    top = f"{path}/"
    documents = ((top + name, data) for name, data in _documents(path))
    rows = [row for name, data in documents for row in _rows(_parse(data, name, parser), name)]
    if not rows:
        raise TableError(f"{path}: no report with an image; {owner!r} needs at least one.")
    return pd.DataFrame(dict(zip(COLUMNS, zip(*rows, strict=True), strict=True)))


def _documents(path: Path) -> Iterator[tuple[str, bytes]]:
    """Name and bytes of every .xml file."""
    if path.is_dir():
        for file in sorted(path.rglob("*.xml")):
            yield file.relative_to(path).as_posix(), file.read_bytes()
        return
    try:
        with tarfile.open(path) as archive:
            for member in archive:
                file = archive.extractfile(member) if member.name.endswith(".xml") else None
                if file is not None:
                    yield member.name, file.read()
    except (tarfile.TarError, EOFError, OSError, zlib.error) as error:
        raise TableError(f"{path}: damaged archive ({error}). {_AGAIN}") from error


def _parse(data: bytes, name: str, parser: etree.XMLParser) -> etree._Element:
    """The root of a report.

    Entities can make a document grow without limit or read other files. They need a document type declaration,
    which no report has, so a document with one is refused before parsing. All documents are read as UTF-8, so that
    another encoding cannot hide a declaration.
    """
    if b"<!DOCTYPE" in data:
        raise TableError(f"{name}: has a document type declaration, which no report of Open-i has, so it was not read.")
    try:
        return etree.fromstring(data, parser)
    except etree.XMLSyntaxError as error:
        raise TableError(f"{name}: not a readable report ({error}). {_AGAIN}") from error


def _rows(report: etree._Element, name: str) -> Iterator[tuple[str | None, ...]]:
    """One row for each image of a report: the values of ``COLUMNS``."""
    uid, images = None, []
    terms: dict[str, list[str]] = {"major": [], "automatic": []}
    sections = dict.fromkeys(_SECTIONS, "")
    for part in _PARTS(report):
        if part.tag == "parentImage":
            images.append(part.get("id"))
        elif part.tag == "uId":
            uid = part.get("id")
        elif part.tag == "AbstractText":
            if (label := part.get("Label")) in sections:
                sections[label] = (part.text or "").strip()
        elif part.text:
            terms[part.tag].append(part.text)
    if uid is None:
        raise TableError(f"{name}: not a report of Open-i, because it has no <uId id=...>.")
    about = ("|".join(terms["major"]), "|".join(terms["automatic"]), *sections.values())
    return ((uid, image, *about) for image in images)
