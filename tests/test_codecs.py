"""Folders and files beside the user's script that have the names of codecs."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from pydicom.uid import (
    JPEG2000Lossless,
    JPEGBaseline8Bit,
    JPEGExtended12Bit,
    JPEGLosslessSV1,
    RLELossless,
)

from tests.dicom_files import dicom_file, picture

SCRIPT = """
import sys
from pathlib import Path
from xrv_core.datasets import load_image
from xrv_core.errors import XrvError
for path in sorted(Path("images").iterdir()):
    try:
        print(path.stem, "read", load_image(path).shape, flush=True)
    except XrvError as error:
        print(path.stem, type(error).__name__, error, flush=True)
assert "dl" not in sys.modules
"""
SYNTAXES = {
    "baseline": JPEGBaseline8Bit,
    "extended": JPEGExtended12Bit,
    "lossless": JPEGLosslessSV1,
    "jpeg2000": JPEG2000Lossless,
    "rle": RLELossless,
}
BODIES = {
    "folder": None,
    "empty": "",
    "AttributeError": "import sys; sys.nothing",
    "OSError": "raise OSError('libfoo.so: cannot open')",
}


def run(folder: Path, script: str = SCRIPT) -> str:
    (folder / "script.py").write_text(script)
    done = subprocess.run([sys.executable, "script.py"], cwd=folder, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


def put(folder: Path, name: str, body: str | None) -> None:
    (folder / name).mkdir()
    if body is None:
        (folder / name / "notes.txt").touch()
    else:
        (folder / name / "__init__.py").write_text(body)


@pytest.fixture
def work(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    for name, syntax in SYNTAXES.items():
        bits = 8 if name == "baseline" else 12
        values = picture(2**bits - 1).astype("u1" if bits == 8 else "u2")
        (tmp_path / "images" / f"{name}.dcm").write_bytes(dicom_file(values, syntax, stored=bits))
    return tmp_path


@pytest.mark.parametrize("body", ["folder", "AttributeError"])
def test_a_folder_called_dl_breaks_nothing(work: Path, body: str) -> None:
    put(work, "dl", BODIES[body])
    assert run(work).count("read (1, 40, 48)") == 5


@pytest.mark.parametrize(
    ("name", "lost"),
    [("gdcm", "lossless"), ("openjpeg", ""), ("rle", ""), ("imagecodecs", "extended"), ("libjpeg", "")],
)
@pytest.mark.parametrize("body", ["empty", "OSError"])
def test_one_broken_codec_leaves_the_others(work: Path, name: str, lost: str, body: str) -> None:
    put(work, name, BODIES[body])
    lines = dict(line.split(" ", 1) for line in run(work).splitlines())
    unread = {image for image, text in lines.items() if not text.startswith("read (1, 40, 48)")}
    assert unread == ({lost} if lost else set())
    for image in unread:
        assert f"{name} cannot be imported" in lines[image]
        assert str(work / name / "__init__.py") in lines[image]
        assert "rename it" in lines[image]
        assert "pip install" in lines[image]


def test_a_pydicom_of_the_users_is_named(work: Path) -> None:
    put(work, "pydicom", "import sys; sys.nothing")
    text = run(work)
    assert text.count("MissingDependency") == 5
    assert str(work / "pydicom" / "__init__.py") in text


def test_gzip_and_image_hashes(tmp_path: Path) -> None:
    for name in ("isal", "imagehash"):
        put(tmp_path, name, "import sys; sys.nothing")
    script = """
import gzip
from pathlib import Path
from xrv_core.datasets.tables.gunzip import crc32, open_gzip
from xrv_core.datasets.leakage.duplicates import image_hashes
Path("a.gz").write_bytes(gzip.compress(b"text"))
print(open_gzip(Path("a.gz")).read(), crc32(b"text"))
try:
    image_hashes([])
except Exception as error:
    print(type(error).__name__, error)
"""
    text = run(tmp_path, script)
    assert "b'text' 999008199" in text
    assert "MissingDependency near_duplicates needs ImageHash" in text
    assert str(tmp_path / "imagehash" / "__init__.py") in text
