"""The images in a folder: DICOM by content, what systems leave behind, links, and what is told about the rest."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from xrv_core.datasets import find_images, load_image, write_dicom
from xrv_core.errors import PathMissing

PIXELS = np.arange(48, dtype=np.uint8).reshape(6, 8)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Images under names of every sort, and other files."""
    folder = tmp_path / "study"
    (folder / "sub").mkdir(parents=True)
    for name in ("IM000001", "scan.ima", "1.2.840.113619.2", "sub/a.dcm"):
        write_dicom(folder / "made.dcm", PIXELS)
        (folder / "made.dcm").rename(folder / name)
    for name in ("b.png", "c.PNG", "d.tif", "e.bmp", "f.gif", "g.jpg", "sub/h.jfif"):
        Image.fromarray(PIXELS).save(folder / name)
    Image.fromarray(PIXELS).save(folder / "unnamed", format="PNG")
    for name, content in {
        "._b.png": b"Mac OS X", "sub/._a.dcm": b"Mac OS X", ".DS_Store": b"x", "Thumbs.db": b"x", "DICOMDIR": b"x",
        "labels.csv": b"a,b\n", "README": b"read me", "sub/more.csv": b"a\n", "empty": b"", "__MACOSX/x.png": b"x",
    }.items():  # fmt: skip
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    return folder


def bare(path: Path, *, explicit: bool) -> bytes:
    """The DICOM file as some scanners send it: without preamble and group 0002."""
    import pydicom
    from pydicom.filebase import DicomBytesIO

    out = DicomBytesIO()
    out.is_little_endian, out.is_implicit_VR = True, not explicit
    pydicom.filewriter.write_dataset(out, pydicom.dcmread(path))
    return out.getvalue()


def test_every_readable_image_is_found_and_can_be_read(folder: Path) -> None:
    found = find_images(folder)
    names = [str(path.relative_to(folder)) for path in found.images]
    assert names == sorted([
        "1.2.840.113619.2", "IM000001", "b.png", "c.PNG", "d.tif", "e.bmp", "f.gif", "g.jpg", "scan.ima",
        "sub/a.dcm", "sub/h.jfif", "unnamed",
    ])  # fmt: skip
    for path in found.images:
        assert load_image(path).shape == (1, 6, 8), path


@pytest.mark.parametrize("explicit", [True, False])
def test_dicom_without_a_preamble(folder: Path, explicit: bool) -> None:
    content = bare(folder / "IM000001", explicit=explicit)
    assert content[:2] == b"\x08\x00"
    (folder / "IM000001").write_bytes(content)
    assert folder / "IM000001" in find_images(folder).images
    assert (load_image(folder / "IM000001") == load_image(folder / "scan.ima")).all()


def test_what_is_passed_over_is_counted_with_an_example_of_each_kind(folder: Path) -> None:
    found = find_images(folder)
    counts = {kind: len(files) for kind, files in found.passed_over.items()}
    assert counts == {
        "._* of macOS": 3, ".DS_Store": 1, "Thumbs.db": 1, "DICOMDIR": 1, ".csv": 2, "without a suffix": 2,
    }  # fmt: skip
    told = found.told()
    assert f"{folder}: 10 files passed over: 3 ._* of macOS (such as ._b.png), 2 .csv (such as labels.csv)" in told
    assert find_images(folder / "sub").told().count(",") == 1


def test_linked_folders_are_followed_once(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    Image.fromarray(PIXELS).save(tmp_path / "elsewhere" / "z.png")
    (folder / "link").symlink_to(tmp_path / "elsewhere")
    (folder / "sub" / "loop").symlink_to(folder)
    names = [str(path.relative_to(folder)) for path in find_images(folder, follow_symlinks=True).images]
    assert "link/z.png" in names
    assert len(names) == 13
    left = find_images(folder, except_below=tmp_path / "elsewhere", follow_symlinks=True).images
    assert [path.name for path in left].count("z.png") == 0
    assert len(left) == 12


def test_an_archive_in_the_folder_is_a_file_that_is_passed_over(folder: Path) -> None:
    with zipfile.ZipFile(folder / "more.zip", "w") as archive:
        archive.write(folder / "b.png", "inside/b.png")
    found = find_images(folder)
    assert all(path.is_file() for path in found.images)
    assert [path.name for path in found.passed_over[".zip"]] == ["more.zip"]


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(PathMissing, match="nosuch"):
        find_images(tmp_path / "nosuch")
