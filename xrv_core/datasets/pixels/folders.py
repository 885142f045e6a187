"""The images in a folder of mixed files: known by their content where their names do not say it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path

from xrv_core.datasets.pixels.images import is_dicom
from xrv_core.datasets.pixels.opening import READABLE, opened
from xrv_core.datasets.sources import walk
from xrv_core.errors import ArgumentError, ImagePathError, OverLimit, PathMissing, printable, reading

__all__ = ["FoundImages", "find_images", "image_suffixes"]

_HEAD = 132  # bytes that say whether a file is DICOM
_DICOM_SUFFIXES = (".dcm", ".dicom")
#: Files of operating systems, and the index of a DICOM medium, by the end of their names in lower case.
_NO_IMAGES = (".ds_store", "thumbs.db", "desktop.ini", "dicomdir")


@dataclass(frozen=True)
class FoundImages:
    """What ``find_images`` found.

    Attributes:
        folder: The folder.
        images: Paths of the images, sorted.
        passed_over: Paths of the other files by kind, such as ``"._*"`` or ``".csv"``, sorted.
    """

    folder: Path
    images: list[Path] = field(default_factory=list)
    passed_over: dict[str, list[Path]] = field(default_factory=dict)

    def told(self) -> str:
        """One line about what was passed over, with an example of each kind; "" where there is nothing."""
        kinds = sorted(self.passed_over.items(), key=lambda kind: (-len(kind[1]), kind[0]))
        named = ", ".join(f"{len(files)} {kind} (such as {files[0].name})" for kind, files in kinds)
        number = sum(map(len, self.passed_over.values()))
        return printable(f"{self.folder}: {number} file{'s' * (number > 1)} passed over: {named}." if number else "")


def find_images(folder: str | Path, *, except_below: Path | None = None, follow_symlinks: bool = False) -> FoundImages:
    """The images below ``folder`` that ``load_image`` can read.

    A file with the suffix of a readable kind is taken, and every other one whose content is DICOM (with a preamble or
    without) or of a readable kind, whatever its name: ``IM000001``, ``scan.ima``. Passed over are files that macOS
    and Windows leave behind (``._*``, ``.DS_Store``, ``Thumbs.db``), ``DICOMDIR``, and what is no image.

    Args:
        folder: The folder.
        except_below: A folder whose files are not looked at, such as the one that results are written to.
        follow_symlinks: Follow links that leave the folder, to each real folder once.

    Raises:
        PathMissing: There is no such folder.
        ImagePathError: A link to a folder, or to an image, leaves the folder.
        ArgumentError: The folder cannot be listed.
    """
    found, suffixes = FoundImages(Path(folder)), image_suffixes()
    if not found.folder.is_dir():
        raise PathMissing(f"{folder}: no such folder.")
    away = None if except_below is None else except_below.resolve()
    links: list[str] = []
    with reading(folder, ArgumentError, "Check its permissions."):
        files = sorted(found.folder / path for path in walk(found.folder, outside=None if follow_symlinks else links))
    for link in sorted(links):
        path = found.folder / link
        if link.endswith("/") or _no_image(path, Path(link), suffixes) is None:
            raise ImagePathError(
                f"{folder}: {link!r} is a link that leads out of the folder, which is not followed. If the images "
                "there are yours, pass follow_symlinks=True (--follow-symlinks), or name their own folder."
            )
    for path in files:
        if away is not None and path.resolve().is_relative_to(away):
            continue
        kind = _no_image(path, path.relative_to(found.folder), suffixes)
        if kind is None:
            found.images.append(path)
        else:
            found.passed_over.setdefault(kind, []).append(path)
    return found


def image_suffixes() -> frozenset[str]:
    """Suffixes of readable image files in lower case, such as ``.png`` and ``.dcm``."""
    from PIL import Image

    return frozenset([*_DICOM_SUFFIXES, *(s for s, form in Image.registered_extensions().items() if form in READABLE)])


def _no_image(path: Path, inside: Path, suffixes: Collection[str]) -> str | None:
    """The kind of a file that is no image; None for an image."""
    name = inside.name.lower()
    if name.startswith("._") or "__MACOSX" in inside.parts:
        return "._* of macOS"
    if name in _NO_IMAGES:
        return inside.name
    if inside.suffix.lower() in suffixes or _is_image(path):
        return None
    return inside.suffix.lower() if 1 < len(inside.suffix) <= 8 else "without a suffix"


def _is_image(path: Path) -> bool:
    try:
        with path.open("rb") as stream:
            if is_dicom(stream.read(_HEAD)):
                return True
            stream.seek(0)
            with opened(stream):
                return True
    except OverLimit:  # reading it tells more
        return True
    except Exception:  # whatever a header makes a decoder raise, the file is not one that can be read
        return False
