"""A miniature's images: pack them, damage them, and restore them."""

from __future__ import annotations

import shutil
import tarfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from xrv_core.testing.common.results import NotApplicable

__all__ = ["Images", "Victim", "redrawn"]

_IMAGES = (".png", ".jpg", ".jpeg", ".dcm", ".dicom", ".tif", ".tiff", ".bmp", ".gif")


@dataclass(frozen=True)
class Victim:
    """An image file that some item needs, and what happened without it.

    Attributes:
        name: Path below the root.
        error: The error that was raised, if any.
        rows: Number of items.
    """

    name: str
    error: Exception | None
    rows: int


class Images:
    """A copy of the files of ``imgpath`` as a folder.

    Args:
        imgpath: A folder or an archive.
        folder: Folder of the copy and of archives made from it.

    Attributes:
        root: The copy.
    """

    def __init__(self, imgpath: Path, folder: Path) -> None:
        self.root = folder / (imgpath.name if imgpath.is_dir() else "unpacked")
        if imgpath.is_dir():
            shutil.copytree(imgpath, self.root)
        elif zipfile.is_zipfile(imgpath):
            with zipfile.ZipFile(imgpath) as archive:
                archive.extractall(self.root)  # noqa: S202  # zipfile keeps it in the folder
        else:
            with tarfile.open(imgpath) as archive:
                archive.extractall(self.root, filter="data")  # the filter keeps it in the folder

    def names(self) -> list[str]:
        """Paths below the root of files with the suffix of an image, else of all files."""
        files = sorted(p.relative_to(self.root).as_posix() for p in self.root.rglob("*") if p.is_file())
        return [name for name in files if name.lower().endswith(_IMAGES)] or files

    def packed(self, kind: str, top: str = "") -> Path:
        """All files in a new archive.

        Args:
            kind: "zip" or "tar".
            top: Top folder of the archive, with a slash; empty for none.
        """
        path = self.root.parent / f"{top.rstrip('/') or 'flat'}.{kind}"
        files = sorted(p for p in self.root.rglob("*") if p.is_file())
        with zipfile.ZipFile(path, "w") if kind == "zip" else tarfile.open(path, "w") as archive:
            add = archive.write if isinstance(archive, zipfile.ZipFile) else archive.add
            for file in files:
                add(file, top + file.relative_to(self.root).as_posix())
        return path

    @contextmanager
    def changed(self, name: str, data: bytes | None) -> Iterator[None]:
        """Replace the bytes of one file, or remove it (None), and restore it."""
        path = self.root / name
        before = path.read_bytes()
        try:
            if data is None:
                path.unlink()
            else:
                path.write_bytes(data)
            yield
        finally:
            path.write_bytes(before)


def redrawn(data: bytes, low: float, high: float) -> bytes:
    """An image file in the same format with its grey values scaled to a part of the possible range.

    Args:
        data: The file.
        low: New value of black, in 0..1 of the possible range.
        high: New value of white; ``high < low`` gives a negative.

    Raises:
        NotApplicable: Pillow cannot read the image.
    """
    from PIL import Image

    try:
        image: Image.Image = Image.open(BytesIO(data))
        kind, deep = image.format, image.mode.startswith("I;16")
        grey = np.asarray(image if deep else image.convert("L")).astype(np.float64)
    except OSError:
        raise NotApplicable("Pillow cannot read the miniature's images, so they cannot be redrawn") from None
    top = 65535 if deep else 255
    values = np.round((low + grey / top * (high - low)) * top).astype(np.uint16 if deep else np.uint8)
    out = BytesIO()
    options = {"quality": 95} if kind == "JPEG" else {}
    Image.fromarray(values).save(out, format=kind, **options)
    return out.getvalue()
