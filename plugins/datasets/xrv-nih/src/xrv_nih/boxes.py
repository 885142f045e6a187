"""Read BBox_List_2017.csv."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xrv_core import DatasetSpec
from xrv_core.datasets import grouped, numbers_in, read_table, row_place
from xrv_core.errors import TableError

_PLACE = ("x", "y", "width", "height")
_COLUMNS = {"image": "str", "label": "str", **dict.fromkeys(_PLACE, "float64")}
_BOX = ["Bbox [x", "y", "w", "h]"]  # the official header is "Bbox [x,y,w,h]", without quotes


#: Of no box.
NO_BOXES = pd.DataFrame({name: pd.Series(dtype=kind) for name, kind in _COLUMNS.items()})


def read_boxes(path: Path, spec: DatasetSpec) -> pd.DataFrame:
    """A row a box: ``image``, ``label``, ``x``, ``y``, ``width``, ``height``."""
    needs, name = ["Image Index", "Finding Label", *_BOX], "BBox_List_2017.csv"
    table = read_table(path, needs=needs, text=needs[:2], owner=spec.name, expected=name)[needs]
    table["Finding Label"] = table["Finding Label"].replace("Infiltrate", "Infiltration")
    numbers = numbers_in(table, _BOX)
    good = table["Finding Label"].isin(spec.pathologies) & (numbers >= [0, 0, 1, 1]).all(axis=1)
    for line in table.index[~good]:
        raise TableError(
            f"{row_place(path, line)}: a box needs a label of {spec.name!r}, a place and a size of at least one pixel; "
            f"this one is of {table['Finding Label'][line]!r} on {table['Image Index'][line]!r}."
        )
    names = {"image": table["Image Index"].astype("str"), "label": table["Finding Label"].astype("str")}
    return pd.DataFrame({**names, **dict(zip(_PLACE, numbers.T, strict=True))})


def by_image(table: pd.DataFrame) -> dict[str, dict[str, list[tuple[float, ...]]]]:
    """Boxes ``(x, y, width, height)`` by image name, then by label."""
    boxes = map(tuple, table[[*_PLACE]].to_numpy().tolist())
    labelled = grouped(table["image"], zip(table["label"], boxes, strict=True))
    return {image: grouped(*zip(*pairs, strict=True)) for image, pairs in labelled.items()}
