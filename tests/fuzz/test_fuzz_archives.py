"""Damaged archives and plain files as images: every error is ours and names the archive or the file."""

from __future__ import annotations

import io
import tarfile
import zipfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from mutations import cases, damaged, untyped
from PIL import Image

from xrv_core.datasets import ImageSource, decode_image, find_images
from xrv_core.datasets.pixels import images
from xrv_core.errors import ImageError


def png() -> bytes:
    out = BytesIO()
    Image.fromarray(np.arange(48, dtype=np.uint8).reshape(6, 8)).save(out, "PNG")
    return out.getvalue()


def zipped(method: int) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        for number in range(3):
            archive.writestr(f"folder/{number}.png", png())
        link = zipfile.ZipInfo("folder/link.png")
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "0.png")
    return out.getvalue()


def tarred(form: int) -> bytes:
    out = BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as archive:
        for name in ("folder/0.png", "folder/é.png", f"folder/{'long' * 40}.png"):
            info = tarfile.TarInfo(name)
            info.size = len(png())
            archive.addfile(info, io.BytesIO(png()))
        link = tarfile.TarInfo("folder/link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "0.png"
        archive.addfile(link)
    return out.getvalue()


SEEDS = {
    "stored.zip": zipped(zipfile.ZIP_STORED),
    "deflated.zip": zipped(zipfile.ZIP_DEFLATED),
    "gnu.tar": tarred(tarfile.GNU_FORMAT),
    "pax.tar": tarred(tarfile.PAX_FORMAT),
}


def read(path: Path) -> None:
    source = ImageSource(path)
    for name in source.names()[:5]:
        decode_image(source.read(name), f"{path}/{name}")


def test_the_seeds_are_read(tmp_path: Path) -> None:
    for name, data in SEEDS.items():
        (tmp_path / name).write_bytes(data)
        read(tmp_path / name)
    assert len(ImageSource(tmp_path).names()) == 20  # with the archives themselves


@pytest.mark.filterwarnings("ignore")
def test_damaged_archives(tmp_path: Path) -> None:
    failures = []
    for seed in cases(0.02):
        name, data = list(SEEDS.items())[seed % len(SEEDS)]
        (tmp_path / name).write_bytes(damaged(data, seed))
        calls = (lambda n=name: read(tmp_path / n), lambda: read(tmp_path), lambda: find_images(tmp_path))
        failures += [f"seed {seed}, {name}: {fault}" for call in calls if (fault := untyped(call, tmp_path))]
        (tmp_path / name).unlink()
    assert not failures, (len(failures), failures[:5])


class Panic(BaseException):
    """As the panic of a codec that is written in Rust."""


@pytest.mark.parametrize(
    "cause", [Panic("index out of range"), MemoryError(), RecursionError(), OSError(5, "Input/output")]
)
def test_whatever_a_decoder_raises_names_the_file(cause: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise cause

    monkeypatch.setattr(images, "_samples", fails)
    assert untyped(lambda: decode_image(png(), "a/x.png"), "a/x.png") == ""
    with pytest.raises(ImageError, match=r"^a/x\.png"):
        decode_image(png(), "a/x.png")


@pytest.mark.parametrize("users", [KeyboardInterrupt, SystemExit])
def test_the_user_can_stop_a_decoder(users: type[BaseException], monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object, **__: object) -> None:
        raise users

    monkeypatch.setattr(images, "_samples", fails)
    with pytest.raises(users):
        decode_image(png(), "x.png")


def test_a_codec_of_dicom_that_panics_is_an_image_error(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydicom.pixels import get_decoder
    from pydicom.uid import RLELossless

    from tests.dicom_files import dicom_file

    def panics(*_: object, **__: object) -> None:
        raise Panic("range end index 66 out of range for slice of length 64")

    data = dicom_file(np.arange(48, dtype="u1").reshape(6, 8), RLELossless)
    monkeypatch.setattr(type(get_decoder(RLELossless)), "as_array", panics)
    with pytest.raises(ImageError, match=r"^x\.dcm: .*Panic: range end"):
        decode_image(data, "x.dcm")
