"""Every file below a folder."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

__all__ = ["walk"]


def walk(root: Path, *, skip: Callable[[str], object] = lambda _: False) -> Iterator[str]:
    """Paths of all files below ``root``, relative to it; linked folders are followed, each real folder once.

    Args:
        root: The folder.
        skip: Whether to leave out files and folders of this name.

    Raises:
        PermissionError: A folder cannot be listed.
    """
    tops = {os.path.realpath(root)}
    todo = [("", os.path.realpath(root))]
    links: list[tuple[str, str]] = []
    while todo or links:
        prefix, folder = todo.pop() if todo else links.pop()
        with os.scandir(folder) as entries:
            for entry in entries:
                if skip(entry.name):
                    continue
                path = prefix + entry.name
                if entry.is_dir(follow_symlinks=False):
                    if entry.path not in tops:
                        todo.append((f"{path}/", entry.path))
                elif entry.is_dir():
                    real = os.path.realpath(entry.path)
                    if not any(real == top or real.startswith(f"{top}/") for top in tops):
                        tops.add(real)
                        links.append((f"{path}/", real))
                elif entry.is_file():
                    yield path
