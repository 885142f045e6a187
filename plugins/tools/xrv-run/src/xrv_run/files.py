"""The image files that a command line names."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from xrv_core.cli import echo
from xrv_core.errors import ArgumentError, PathMissing

__all__ = ["check_weights", "named_images", "short_path"]


def named_images(
    paths: Sequence[str], *, except_below: Path | None = None, follow_symlinks: bool = False
) -> list[tuple[Path, Path]]:
    """The image files that ``paths`` name, each with its path inside the folder that was named (a file: its name).

    A folder stands for all images below it, see ``xrv_core.datasets.find_images``; what is passed over there is
    counted on stderr.

    Args:
        paths: Files and folders.
        except_below: A folder whose images are passed over inside the others, such as the one written to.
        follow_symlinks: Follow links that leave a folder.

    Raises:
        PathMissing: A path that does not exist.
        ImagePathError: A link to a folder or an image that leaves a folder.
        ArgumentError: A folder without any image.
    """
    for path in paths:
        if not Path(path).exists():
            raise PathMissing(f"{path}: no such file or folder.")
    found: list[tuple[Path, Path]] = []
    for path in map(Path, paths):
        if path.is_dir():
            found += [(file, file.relative_to(path)) for file in _below(path, except_below, follow_symlinks)]
        else:
            found.append((path, Path(path.name)))
    return found


def _below(folder: Path, except_below: Path | None, follow_symlinks: bool) -> list[Path]:
    from xrv_core.datasets import find_images, image_suffixes

    there = find_images(folder, except_below=except_below, follow_symlinks=follow_symlinks)
    if told := there.told():
        echo(told, err=True)
    if not there.images:
        looked = ", ".join(sorted(image_suffixes()))
        raise ArgumentError(f"{folder}: no image in this folder (looked for DICOM under any name, and for {looked}).")
    return there.images


def check_weights(weights: str) -> None:
    """Tell a weights file that is not there before torch is loaded.

    Raises:
        PathMissing: There is no such file.
    """
    if weights != "default" and not Path(weights).expanduser().is_file():
        raise PathMissing(f"--weights {weights}: no such file. Give the path of a weights file.")


def short_path(file: Path, width: int = 40) -> str:
    """A long path without its middle: the end tells files apart, and the beginning says where they are."""
    text = str(file)
    start = (width - 1) // 3
    return text if len(text) <= width else f"{text[:start]}…{text[start + 1 - width :]}"
