"""Read test_list.txt, the official list of test images."""

from __future__ import annotations

from pathlib import Path

from xrv_core.errors import PathMissing, TableError

__all__ = ["read_list"]


def read_list(path: Path, owner: str) -> list[str]:
    """File names, one on each line.

    Raises:
        PathMissing: The file does not exist.
        TableError: The file is not text, or a line is not the name of a PNG.
    """
    if not path.is_file():
        raise PathMissing(f"{path}: no such file. Give the path of test_list.txt of {owner!r}.")
    try:
        lines = path.read_text("utf-8").split()
    except UnicodeDecodeError as error:
        raise TableError(f"{path}: not a text file. Give the official test_list.txt of {owner!r}.") from error
    for number, line in enumerate(lines, start=1):
        if not line.endswith(".png"):
            raise TableError(f"{path}, line {number}: {line[:60]!r} is not a PNG name, such as '00000003_000.png'.")
    return lines
