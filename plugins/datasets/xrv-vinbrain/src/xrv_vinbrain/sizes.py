"""Read the sizes of the DICOM images, for resized copies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from xrv_core.assets import limit
from xrv_core.datasets import distinct_rows, read_table, require_columns, row_place
from xrv_core.errors import TableError


def read_sizes(path: Path, images: Sequence[str], owner: str) -> dict[str, tuple[int, int]]:
    """``(height, width)`` by image, for all ``images``."""
    expected = "a table with image_id and height, width or dim0, dim1"
    size = ("height", "width", "dim0", "dim1")
    table = read_table(path, needs=("image_id",), text=("image_id",), numbers=size, owner=owner, expected=expected)
    names = ["height", "width"] if "height" in table else ["dim0", "dim1"]
    require_columns(table, names, path, owner, expected)
    table = distinct_rows(table[["image_id", *names]], "image_id", where=path)
    sizes = table[names].apply(pd.to_numeric, errors="coerce")
    for row in table.index[~((sizes >= 1).all(axis=1) & (sizes.prod(axis=1) <= limit("pixels")))]:
        raise TableError(
            f"{row_place(path, row)}: {table['image_id'][row]!r} needs a height and width of 1 or more, and at most "
            f"{limit('pixels'):,} pixels (XRV_MAX_PIXELS)."
        )
    found = dict(zip(table["image_id"], map(tuple, sizes.astype(int).to_numpy().tolist()), strict=True))
    missing = [image for image in images if image not in found]
    if missing:
        raise TableError(
            f"{path}: the sizes of {len(missing)} of {len(images)} images are missing; the first is {missing[0]!r}. "
            "Give the table that came with the images, or omit sizes."
        )
    return found
