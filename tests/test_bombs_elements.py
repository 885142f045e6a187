"""Small files that ask for much: JSON, COCO, run lengths, polygons, XML and archives of reports are refused early.

One process opens all of them, so that its memory can be measured.
"""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SECONDS, MEGABYTES = 2.0, 300

CHILD = r"""
import json, re, sys, time
from pathlib import Path
from xrv_core.datasets import coco_rle_mask, parse_xml, read_json, shapes_mask, siim_rle_mask
from xrv_core.errors import XrvError
from xrv_objectcxr.annotations import read_shapes
from xrv_openi.reports import read_reports

folder = Path(sys.argv[1])
tree = "<a><b>c</b></a>"
parse_xml(tree.encode(), "warm")
def coco(path):
    found = read_json(path, "toy").value
    coco_rle_mask(found, (64, 64), where=str(path))
def siim(path):
    siim_rle_mask(path.read_text(), where=str(path))
def shapes(path):
    drawn = read_shapes(path.read_text(), str(path))
    try:
        shapes_mask(drawn, (2000, 2000))
    except XrvError as error:
        raise type(error)(f"{path} {error}")
readers = {
    "json": lambda path: read_json(path, "toy"), "coco": coco, "siim": siim, "shapes": shapes,
    "xml": lambda path: parse_xml(path.read_bytes(), str(path)), "tgz": lambda path: read_reports(path, "openi"),
}
def memory(key):
    return int(re.search(key + r":\s+(\d+)", Path("/proc/self/status").read_text())[1]) / 1024
for path in sorted(folder.iterdir()):
    Path("/proc/self/clear_refs").write_text("5")  # the highest memory so far is forgotten
    before, start = memory("VmRSS"), time.process_time()
    try:
        readers[path.suffix[1:]](path)
        said = "nothing"
    except XrvError as error:
        said = f"{type(error).__name__}: {error}"
    except BaseException as error:
        said = f"untyped {type(error).__name__}: {error}"
    print(json.dumps([path.name, said[:400], time.process_time() - start, memory('VmHWM') - before]), flush=True)
"""

#: Each file, and what its error says.
BOMBS: dict[str, tuple[Callable[[], bytes], str]] = {
    "deep.json": (lambda: b"[" * 5_000_000, "XRV_MAX_DEPTH"),
    "lists.json": (lambda: b"[" + b"[]," * 8_000_000 + b"1]", "XRV_MAX_ELEMENTS"),
    "objects.json": (lambda: b"[" + b'{"a":0},' * 3_000_000 + b"1]", "XRV_MAX_ELEMENTS"),
    "large.json": (lambda: b'"' + b"a" * 34_000_000 + b'"', "XRV_MAX_ANNOTATION_BYTES"),
    "unended.json": (lambda: b'"' + b'\\"' * 8_000_000, "cannot be read"),
    "twice.json": (lambda: b"{" + b"".join(b'"%d":1,' % n for n in range(200_000)) + b'"199999":2}', "twice"),
    "digits.json": (lambda: b"9" * 20_000_000, "cannot be read"),
    "size.coco": (lambda: _rle([100_000, 100_000], [10**10]), "XRV_MAX_PIXELS"),
    "sum.coco": (lambda: _rle([1000, 1000], [10**12]), "sum"),
    "negative.coco": (lambda: _rle([-1000, -1000], [10**6]), "'size'"),
    "digits.coco": (lambda: b'{"size": [9, 9], "counts": [%s, %s]}' % (b"9" * 4300, b"9" * 4300), "cannot be read"),
    "packed.coco": (lambda: _rle([1000, 1000], "1" * 5_000_000), "XRV_MAX_ELEMENTS"),
    "sum.siim": (lambda: b"0 999999999 " * 1000, "more than the image"),
    "many.siim": (lambda: b"0 0 " * 3_000_000, "XRV_MAX_ELEMENTS"),
    "corners.shapes": (lambda: b"2 " + b"1 2 3 9 " * 100_000, "XRV_MAX_CORNERS"),
    "ellipses.shapes": (lambda: b"1 0 0 2000 2000;" * 4_000, "XRV_MAX_PIXELS"),
    "far.shapes": (lambda: b"2 0 0 1e308 -1e308 5 5", "not an annotation"),
    "laughs.xml": (lambda: b"<!DOCTYPE a [%s]><a>&z;</a>" % b'<!ENTITY z "&y;&y;">', "document type"),
    "outside.xml": (lambda: b'<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>', "document type"),
    "deep.xml": (lambda: b"<a>" * 400_000 + b"</a>" * 400_000, "XRV_MAX_DEPTH"),
    "many.xml": (lambda: b"<a>" + b"<b/>" * 3_000_000 + b"</a>", "XRV_MAX_ELEMENTS"),
    "large.xml": (lambda: b'<a b="' + b"c" * 20_000_000 + b'"/>', "XRV_MAX_DOCUMENT_BYTES"),
    "member.tgz": (lambda: _packed(_head("a.xml", 1 << 31), 1 << 26), "XRV_MAX_DOCUMENT_BYTES"),
    "passed-over.tgz": (lambda: _packed(_head("a.bin", 1 << 30), 1 << 30, _head("a.xml", 0)), "XRV_MAX_RATIO"),
    "header.tgz": (lambda: _packed(_head("a", 1 << 30, tarfile.XHDTYPE), 1 << 30), "XRV_MAX_DOCUMENT_BYTES"),
    "members.tgz": (lambda: _packed(_head("a.bin", 0) * 300_000, 0), "XRV_MAX_"),
    "images.tgz": (lambda: _report(b'<parentImage id="a"/>' * 100_000, b"b" * 1_000_000), "XRV_MAX_DOCUMENT_BYTES"),
    "links.tgz": (lambda: _packed(_head("a.xml", 0, tarfile.SYMTYPE, "a.xml"), 0), "no report"),
}


def _rle(size: list[int], counts: Any) -> bytes:
    return json.dumps({"size": size, "counts": counts}).encode()


def _head(name: str, size: int, kind: bytes = tarfile.REGTYPE, link: str = "") -> bytes:
    info = tarfile.TarInfo(name)
    info.size, info.type, info.linkname = size, kind, link
    return info.tobuf(tarfile.GNU_FORMAT)


def _packed(before: bytes, zeros: int, after: bytes = b"") -> bytes:
    """A .tgz with so many zeros in the middle, made of a gzip file for each 16 MiB."""
    block = gzip.compress(bytes(1 << 24), 1)
    return gzip.compress(before, 1) + block * (zeros >> 24) + gzip.compress(after + bytes(1024), 1)


def _report(images: bytes, terms: bytes) -> bytes:
    text = b'<eCitation><uId id="a"/>%s<MeSH><major>%s</major></MeSH></eCitation>' % (images, terms)
    return gzip.compress(_head("a.xml", len(text)) + text + bytes(-len(text) % 512 + 1024), 1)


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, str, float, float]]:
    """File, what was said, seconds and megabytes of each bomb."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, (content, _) in BOMBS.items():
        (folder / name).write_bytes(content())
    done = subprocess.run([sys.executable, "-c", CHILD, folder], capture_output=True, text=True, timeout=120)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(rows) == len(BOMBS), done.stdout + done.stderr
    return {name: (folder / name, *more) for name, *more in rows}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused(name: str, opened: dict[str, tuple[Path, str, float, float]]) -> None:
    path, said, seconds, megabytes = opened[name]
    assert said.startswith("TableError: ") or (path.suffix == ".shapes" and said.startswith("OverLimit: ")), said
    assert str(path) in said
    assert BOMBS[name][1] in said
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


def test_no_member_of_an_archive_is_written_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from xrv_openi.reports import read_reports

    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    text = b'<eCitation><uId id="a"/><parentImage id="b"/></eCitation>'
    members = [(n, text) for n in ("../out.xml", "/tmp/xrv-out.xml", "a/../../out.xml", "a\x1b[2J\n.xml")]
    body = b"".join(_head(n, len(t)) + t + bytes(-len(t) % 512) for n, t in members)
    (tmp_path / "in/a.tgz").write_bytes(gzip.compress(body + bytes(1024)))
    assert len(read_reports(tmp_path / "in/a.tgz", "openi")) == 4
    assert sorted(p.name for p in tmp_path.rglob("*")) == ["a.tgz", "in"]
    assert not Path("/tmp/xrv-out.xml").exists()
