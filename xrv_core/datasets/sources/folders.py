"""The files below a folder, and the bytes of one."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from xrv_core.assets import within
from xrv_core.errors import ImageError, reading

__all__ = ["read_file", "walk"]


def walk(
    root: Path, *, skip: Callable[[str], object] = lambda _: False, outside: list[str] | None = None
) -> Iterator[str]:
    """Paths of all files below ``root``, relative to it; linked folders are followed, each real folder once.

    Args:
        root: The folder.
        skip: Whether to leave out files and folders of this name.
        outside: If given, links that leave the root are not followed, and their paths are put here; that of a folder
            ends with a slash.

    Raises:
        OSError: A folder cannot be listed.
    """
    top = os.path.realpath(root)
    tops, todo, inside = {top}, [("", top)], os.path.join(top, "")  # noqa: PTH118  # with one slash at the end
    links: list[tuple[str, str]] = []
    while todo or links:
        prefix, folder = todo.pop() if todo else links.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if skip(entry.name):
                    continue
                path, linked = prefix + entry.name, entry.is_symlink()
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in tops:
                        todo.append((f"{path}/", entry.path))
                elif linked and os.path.isdir(entry.path):  # noqa: PTH112  # False if it leads nowhere, or to itself
                    real = os.path.realpath(entry.path)
                    if any(real == one or real.startswith(f"{one}/") for one in tops):
                        continue
                    if outside is None:
                        tops.add(real)
                        links.append((f"{path}/", real))
                    else:
                        outside.append(f"{path}/")
                elif os.path.isfile(entry.path) if linked else entry.is_file():  # noqa: PTH113
                    if linked and outside is not None and not os.path.realpath(entry.path).startswith(inside):
                        outside.append(path)
                    else:
                        yield path


def read_file(path: Path) -> bytes:
    """The bytes of a file; ImageError if it cannot be read, or is larger than ``XRV_MAX_FILE_BYTES``."""
    try:
        with path.open("rb") as stream:
            within("file", os.fstat(stream.fileno()).st_size)
            return stream.read()
    except BaseException:
        with reading(path, ImageError, "Check the file, its disk and its permissions."):
            raise
