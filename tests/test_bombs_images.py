"""Small files that declare, or unpack to, far more than they are: refused in two seconds, and without their memory.

A process of its own reads small files, so that what is imported does not count, and then each bomb; it measures the
processor's seconds and the memory above that before.
"""

from __future__ import annotations

import io
import json
import os
import struct
import subprocess
import sys
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from pydicom.dataset import Dataset
from pydicom.encaps import encapsulate, get_frame
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.dicom_files import dicom_file, picture
from xrv_core.assets import limit
from xrv_core.datasets import ImageSource, decode_image, load_image
from xrv_core.errors import ArgumentError, ImageError

SECONDS, MEGABYTES = 2.0, 300
GREY = picture(255).astype("u1")
SCRIPT = """
import json, resource, sys, time, warnings
from pathlib import Path
warnings.simplefilter("ignore")
from xrv_core.datasets import ImageSource, dicom_headers, load_image
from xrv_core.errors import XrvError

def read(path, name):
    if path.endswith((".zip", ".tar")):
        return ImageSource(path).read(name)
    if name == "header":
        folder, _, file = path.rpartition("/")
        return dicom_headers(ImageSource(folder), [file], ["PatientAge"])
    return load_image(path)

def peak():  # of this program; ru_maxrss also counts the one that started it
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024

def fresh():  # from now on, the peak is that of what follows
    Path("/proc/self/clear_refs").write_text("5")
    return peak()

good, *bombs = json.load(sys.stdin)
for path, name in good:
    read(path, name)
for path, name in bombs:
    before, start, error = fresh(), time.process_time(), ""
    try:
        read(path, name)
    except XrvError as own:
        error = f"{type(own).__name__}: {own}"
    except BaseException as other:
        error = f"untyped {type(other).__name__}: {other}"
    print(json.dumps([time.process_time() - start, peak() - before, error]), flush=True)
"""


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(side: int, *more: bytes, bits: int = 8) -> bytes:
    """A black PNG of ``side`` squared pixels, whose rows are really there."""
    packer, rows = zlib.compressobj(9), bytes(1 + side * bits // 8)
    pixels = b"".join(packer.compress(rows) for _ in range(side)) + packer.flush()
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + b"".join(more) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def saved(kind: str, pixels: np.ndarray = GREY, **options: object) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def jpeg_of(side: int) -> bytes:
    """A JPEG whose frame header declares another size."""
    data = saved("JPEG")
    at = data.index(b"\xff\xc0") + 5
    return data[:at] + struct.pack(">HH", side, side) + data[at + 4 :]


def scans(count: int) -> bytes:
    """A progressive JPEG with one scan again and again."""
    data = saved("JPEG", np.zeros((4000, 4000), np.uint8), progressive=True)
    last = data.rindex(b"\xff\xc4")
    return data[:last] + data[last:-2] * count + data[-2:]


def gif(frames: int) -> bytes:
    one = b",\0\0\0\0\x01\0\x01\0\0" + b"\x02\x02D\x01\0"
    return b"GIF89a" + struct.pack("<HHBBB", 1, 1, 0x80, 0, 0) + bytes(6) + one * frames + b";"


def tiff(side: int, pages: int = 1, packed: int = 1, **more: tuple[int, int, int]) -> bytes:
    """Directories of tags, one after the other; ``t322=(3, 1, 8)`` adds a tag by its type, count and value."""
    tags = {256: (4, 1, side), 257: (4, 1, side), 258: (3, 1, 8), 259: (3, 1, packed), 262: (3, 1, 1), 273: (4, 1, 8)}
    tags |= {277: (3, 1, 1), 278: (4, 1, side), 279: (4, 1, 64), **{int(t[1:]): value for t, value in more.items()}}
    entries = b"".join(struct.pack("<HHII", tag, *value) for tag, value in sorted(tags.items()))
    head = struct.pack("<H", len(tags)) + entries
    ends = [8 + (len(head) + 4) * (page + 1) for page in range(pages - 1)] + [0]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(head + struct.pack("<I", end) for end in ends) + bytes(64)


def huge_webp() -> bytes:
    data = saved("WEBP", np.stack([GREY] * 3, -1), lossless=True)
    bits = int.from_bytes(data[21:25], "little") & ~(2**28 - 1) | (2**28 - 1)  # both sides less one
    return data[:21] + bits.to_bytes(4, "little") + data[25:]


def sized(**tags: int) -> Callable[[Dataset], None]:
    """Declare other numbers in the header of a DICOM file."""
    return lambda ds: [setattr(ds, name, value) for name, value in tags.items()] and None


def huge_stream(ds: Dataset) -> None:
    """Header and stream of a JPEG both declare 65,500 rows and columns."""
    stream = bytearray(get_frame(ds.PixelData, 0, number_of_frames=1))
    at = next(stream.index(bytes([0xFF, m])) for m in (0xC0, 0xC1, 0xC3, 0xF7) if bytes([0xFF, m, 0]) in stream) + 5
    stream[at : at + 4] = struct.pack(">HH", 65500, 65500)
    ds.PixelData = encapsulate([bytes(stream)])
    ds["PixelData"].is_undefined_length = True
    ds.Rows = ds.Columns = 65500


def tiny_blocks(side: int) -> bytes:
    """A JPEG 2000 stream of code blocks of 4 x 4 pixels, all of them empty."""

    def mark(number: int, body: bytes) -> bytes:
        return bytes([0xFF, number]) + struct.pack(">H", len(body) + 2) + body

    size = struct.pack(">H8IH3B", 0, side, side, 0, 0, side, side, 0, 0, 1, 7, 1, 1)
    coding = bytes([0, 0, 0, 1, 0, 0, 0, 0, 0, 1])  # no levels, blocks of 2 ** (0 + 2) squared
    packets = bytes(16)
    tile = mark(0x90, struct.pack(">HIBB", 0, 14 + len(packets), 0, 1)) + b"\xff\x93" + packets
    return b"\xff\x4f" + mark(0x51, size) + mark(0x52, coding) + mark(0x5C, bytes([0x40, 64])) + tile + b"\xff\xd9"


def blocks(ds: Dataset) -> None:
    ds.PixelData, ds.Rows, ds.Columns = encapsulate([tiny_blocks(13000)]), 13000, 13000
    ds["PixelData"].is_undefined_length = True


def deflated(megabytes: int) -> bytes:
    """A deflated DICOM file with a private element of nothing but zeros before its pixels."""

    def edit(ds: Dataset) -> None:
        ds.add_new((0x0009, 0x0010), "LO", "BOMB")
        ds.add_new((0x0009, 0x1001), "OB", bytes(megabytes << 20))

    return dicom_file(GREY, DeflatedExplicitVRLittleEndian, edit=edit)


IMAGES: dict[str, Callable[[], bytes]] = {
    "png of 400 million pixels": lambda: png(20000),
    "png of 4 billion pixels of one bit": lambda: png(64000, bits=1),
    "png with a text of 200 MB": lambda: png(8, chunk(b"zTXt", b"k\0\0" + zlib.compress(bytes(200 << 20)))),
    "png with a profile of 200 MB": lambda: png(8, chunk(b"iCCP", b"k\0\0" + zlib.compress(bytes(200 << 20)))),
    "jpeg of 65,500 squared": lambda: jpeg_of(65500),
    "jpeg of 4,000 scans": lambda: scans(4000),
    "gif of 65,535 squared": lambda: b"GIF89a" + struct.pack("<HHBBB", 65535, 65535, 0, 0, 0) + gif(1)[19:],
    "gif of a million frames": lambda: gif(1_000_000),
    "tiff of 65,500 squared": lambda: tiff(65500),
    "tiff of 200,000 pages": lambda: tiff(4, pages=200_000),
    "tiff of a strip of 4 GB": lambda: tiff(64, packed=5, t278=(4, 1, 2**31), t279=(4, 1, 2**32 - 16)),
    "tiff of tiles of 60,000 squared": lambda: tiff(
        64, packed=5, t322=(4, 1, 59984), t323=(4, 1, 59984), t324=(4, 1, 8), t325=(4, 1, 64)
    ),
    "bmp of 60,000 squared": lambda: saved("BMP")[:18] + struct.pack("<ii", 60000, 60000) + saved("BMP")[26:],
    "webp of 16,384 squared": huge_webp,
}


HUGE = sized(Rows=65500, Columns=65500)
DICOM: dict[str, Callable[[], bytes]] = {
    "dicom of 65,500 squared": lambda: dicom_file(GREY, edit=HUGE),
    "dicom rle of 65,500 squared": lambda: dicom_file(GREY, RLELossless, edit=HUGE),
    "dicom jpeg of 65,500 squared": lambda: dicom_file(GREY, JPEGBaseline8Bit, edit=huge_stream),
    "dicom jpeg extended of 65,500 squared": lambda: dicom_file(GREY, JPEGExtended12Bit, edit=huge_stream),
    "dicom jpeg lossless of 65,500 squared": lambda: dicom_file(GREY, JPEGLosslessSV1, edit=huge_stream),
    "dicom jpeg-ls of 65,500 squared": lambda: dicom_file(GREY, JPEGLSLossless, edit=huge_stream),
    "dicom jpeg 2000 of 65,500 squared": lambda: dicom_file(GREY, JPEG2000Lossless, edit=HUGE),
    "dicom jpeg 2000 of tiny blocks": lambda: dicom_file(GREY, JPEG2000Lossless, edit=blocks),
    "dicom of 2 billion frames": lambda: dicom_file(GREY, edit=sized(NumberOfFrames=2_000_000_000)),
    "dicom deflated to 400 MB": lambda: deflated(400),
}


def zipped(path: Path, data: bytes, files: int = 1) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(files):
            archive.writestr("a.png" if not number else f"{number}.png", data)
    return path


def lying(path: Path, data: bytes, declared: int) -> None:
    """A .zip whose table of contents declares another size of what is packed."""
    whole = zipped(path, data).read_bytes()
    at = whole.rindex(b"PK\x01\x02") + 24
    path.write_bytes(whole[:at] + struct.pack("<I", declared) + whole[at + 4 :])


def overlapping(path: Path) -> None:
    """A .zip with a thousand names for one packed file."""
    whole = zipped(path, bytes(9 << 20)).read_bytes()
    at, end = whole.rindex(b"PK\x01\x02"), whole.rindex(b"PK\5\6")
    names = b"".join(whole[at:end].replace(b"a.png", b"%05d" % n) for n in range(1000)) + whole[at:end]
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 1001, 1001, len(names), at, 0)
    path.write_bytes(whole[:at] + names + tail)


def many(path: Path) -> None:
    """A .zip of two million names, as its table of contents says."""
    whole = zipped(path, b"x").read_bytes()
    at, end = whole.rindex(b"PK\x01\x02"), whole.rindex(b"PK\5\6")
    names = whole[at:end] * 2_000_000
    tail = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, 65535, 65535, len(names), at, 0)
    path.write_bytes(whole[:at] + names + tail)


def tarred(path: Path, kind: bytes, size: int) -> None:
    """A .tar whose one member declares ``size`` bytes, in a file that seems to have them."""
    info = tarfile.TarInfo("a.png")
    info.type, info.size = kind, size
    path.write_bytes(info.tobuf(tarfile.GNU_FORMAT))
    os.truncate(path, size + 10240)


ARCHIVES: dict[str, tuple[str, Callable[[Path], object]]] = {
    "a member that declares 500 MB": ("bomb.zip", lambda path: zipped(path, bytes(500 << 20))),
    "a member that declares 10 bytes": ("bomb.zip", lambda path: lying(path, bytes(500 << 20), 10)),
    "a member that declares 4 GB": ("bomb.zip", lambda path: lying(path, bytes(1 << 20), 2**32 - 2)),
    "files that overlap": ("bomb.zip", overlapping),
    "two million files": ("bomb.zip", many),
    "a tar member of 100 GB": ("bomb.tar", lambda path: tarred(path, tarfile.REGTYPE, 100 << 30)),
    "a tar header of 100 GB": ("bomb.tar", lambda path: tarred(path, tarfile.XHDTYPE, 100 << 30)),
    "a tar name of 100 GB": ("bomb.tar", lambda path: tarred(path, tarfile.GNUTYPE_LONGNAME, 100 << 30)),
}


def sparse(path: Path) -> None:
    path.write_bytes(saved("PNG"))
    os.truncate(path, 100 << 30)


KINDS = [*IMAGES, *DICOM, "dicom header", *ARCHIVES, "a file of 100 GB"]
Measured = tuple[float, float, str, str]


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Measured]:
    """By kind: seconds, megabytes above what the process took before, the error, and the path of the bomb."""
    folder = tmp_path_factory.mktemp("bombs")
    for name, data in (("good.png", saved("PNG")), ("good.dcm", dicom_file(GREY))):
        (folder / name).write_bytes(data)
    zipped(folder / "good.zip", saved("PNG"))
    good = [("good.png", ""), ("good.dcm", ""), ("good.dcm", "header"), ("good.zip", "a.png")]
    bombs: dict[str, tuple[Path, str]] = {}
    for number, (kind, data) in enumerate((IMAGES | DICOM).items()):
        bombs[kind] = folder / f"{number}{'.dcm' if kind in DICOM else '.img'}", ""
        bombs[kind][0].write_bytes(data())
    bombs["dicom header"] = bombs["dicom deflated to 400 MB"][0], "header"
    for number, (kind, (file, make)) in enumerate(ARCHIVES.items()):
        bombs[kind] = folder / f"{number}{file}", "a.png"
        make(bombs[kind][0])
    bombs["a file of 100 GB"] = folder / "sparse.png", ""
    sparse(folder / "sparse.png")
    asked = [[(str(folder / file), name) for file, name in good], *((str(path), name) for path, name in bombs.values())]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(asked), capture_output=True, text=True, timeout=300, cwd=folder
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    found = {kind: (*line, str(path)) for (kind, (path, _)), line in zip(bombs.items(), lines, strict=False)}
    for kind, (seconds, megabytes, error, _) in found.items():
        print(f"{kind:45}{seconds:7.2f} s{megabytes:7.0f} MB  {error.replace(str(folder), '')[:110]}")
    assert set(found) == set(KINDS), done.stderr  # the process has not died on the way
    return found


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="memory is measured by Linux's /proc")
@pytest.mark.parametrize("kind", KINDS)
def test_a_bomb_is_refused(measured: dict[str, Measured], kind: str) -> None:
    seconds, megabytes, error, path = measured[kind]
    assert error.startswith(("ImageError", "ArgumentError")), error
    assert path in error
    assert seconds < SECONDS
    assert megabytes < MEGABYTES


# -- limits can be raised, and others keep theirs

FORMATS = {
    **{kind: saved(kind) for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF")},
    "WEBP": saved("WEBP", np.stack([GREY] * 3, -1), lossless=True),
    "TIFF lzw": saved("TIFF", compression="tiff_lzw"),
    "DICOM": dicom_file(GREY),
    **{syntax.name: dicom_file(GREY, syntax) for syntax in (JPEGBaseline8Bit, RLELossless, JPEG2000Lossless)},
}


@pytest.mark.parametrize("kind", FORMATS)
def test_our_limit_of_pixels_counts_and_not_that_of_pillow(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    before = decode_image(FORMATS[kind], "x")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 100)  # fails at 200
    assert np.array_equal(decode_image(FORMATS[kind], "x"), before)
    assert Image.MAX_IMAGE_PIXELS == 100
    monkeypatch.setenv("XRV_MAX_PIXELS", "1_000")
    with pytest.raises(ImageError, match=r"^x has 1,920 pixels.*1,000.*XRV_MAX_PIXELS"):
        decode_image(FORMATS[kind], "x")
    monkeypatch.setenv("XRV_MAX_PIXELS", "1920")
    assert np.array_equal(decode_image(FORMATS[kind], "x"), before)


@pytest.mark.parametrize(
    ("variable", "make"),
    [
        ("XRV_MAX_FRAMES", lambda: dicom_file(np.concatenate([GREY] * 4), edit=sized(Rows=40, NumberOfFrames=4))),
        ("XRV_MAX_FRAMES", lambda: saved("TIFF", save_all=True, append_images=[Image.fromarray(GREY)] * 3)),
        (
            "XRV_MAX_FRAMES",
            lambda: saved("GIF", save_all=True, append_images=[Image.fromarray(GREY // n) for n in (2, 3, 4)]),
        ),
        (
            "XRV_MAX_FRAMES",
            lambda: saved("PNG", save_all=True, append_images=[Image.fromarray(GREY // n) for n in (2, 3, 4)]),
        ),
        ("XRV_MAX_SCANS", lambda: saved("JPEG", progressive=True)),
    ],
)
def test_other_limits_are_set_by_their_variables(
    variable: str, make: Callable[[], bytes], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    path = tmp_path / "x.img"
    path.write_bytes(make())
    load_image(path, frame=0)
    monkeypatch.setenv(variable, "3")
    with pytest.raises(ImageError, match=variable):
        load_image(path, frame=0)


def test_limits_of_archives_are_set_by_their_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", bytes(1000), files=3)
    monkeypatch.setenv("XRV_MAX_FILE_BYTES", "999")
    with pytest.raises(ImageError, match=r"x\.zip, 'a\.png'.*XRV_MAX_FILE_BYTES"):
        ImageSource(path).read("a.png")
    monkeypatch.setenv("XRV_MAX_FILES", "2")
    with tarfile.open(tmp_path / "x.tar", "w") as archive:
        for number in range(4):
            archive.addfile(tarfile.TarInfo(f"{number}.png"), io.BytesIO())
    with pytest.raises(ArgumentError, match="XRV_MAX_FILES"):
        ImageSource(tmp_path / "x.tar")


def test_the_limits_are_those_of_honest_images() -> None:
    assert limit("pixels") == 2 * (1024**3 // 4 // 3)  # where Pillow fails
    assert dicom_file(GREY, ExplicitVRLittleEndian)
