"""Read boxes in COCO's JSON layout."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xrv_core.datasets import JsonElement
from xrv_core.errors import TableError

#: ``(x, y, width, height)``.
Box = tuple[float, ...]
Boxes = dict[str, dict[str, list[Box]]]


def read_coco(found: JsonElement, labels: tuple[str, ...]) -> tuple[pd.DataFrame, Boxes]:
    """The table of images, with a list of boxes as ``bbox``; and the boxes by file name and category.

    Args:
        found: The content of the JSON file.
        labels: The allowed categories.

    Raises:
        TableError: The file is not in this layout, or an annotation is not a box on a known image.
    """
    categories: dict[int | str, str] = {}
    for entry in found.member("categories").entries():
        _add(categories, entry, name := entry.member("name").text())
        if name not in labels:
            raise TableError(f"{entry.where}: unknown category {name!r}. There are: {', '.join(labels)}.")
    names: dict[int | str, str] = {}
    rows = [_image(entry, names) for entry in found.member("images").entries()]
    if not rows:
        raise TableError(f"{found.where}: it has no images. Compare the file with its source.")
    boxes: Boxes = {}
    drawn: dict[str, list[Box]] = {}
    for entry in found.member("annotations").entries():
        image = _known(names, entry.member("image_id"), "an image")
        category = _known(categories, entry.member("category_id"), "a category")
        box = _box(entry.member("bbox"))
        boxes.setdefault(image, {}).setdefault(category, []).append(box)
        drawn.setdefault(image, []).append(box)
    images = pd.DataFrame(rows)
    images["bbox"] = [drawn.get(name, []) for name in images["file_name"]]
    return images, boxes


def _image(entry: JsonElement, names: dict[int | str, str]) -> dict[str, Any]:
    """A row of the table of images; what the release adds to an image stays in it if it is one value."""
    _add(names, entry, name := entry.member("file_name").text())
    height, width = JsonElement([entry.member(key).value for key in ("height", "width")], entry.where).image_size()
    more = {key: value for key, value in entry.value.items() if not isinstance(value, dict | list)}
    return {**more, "file_name": name, "width": width, "height": height}


def _add(names: dict[int | str, str], entry: JsonElement, name: str) -> None:
    """Keep the name of an entry by its id. An image may be there twice: ``FileDataset`` compares its rows."""
    key = entry.member("id")
    if names.setdefault(key.identity(), name) != name:
        raise TableError(f"{key.where}: two entries have this id. Compare the file with its source.")


def _known(names: dict[int | str, str], key: JsonElement, what: str) -> str:
    if key.identity() not in names:
        raise key.error(f"the id of {what} of this file")
    return names[key.identity()]


def _box(found: JsonElement) -> Box:
    box = found.numbers(4)
    if min(box[2:]) <= 0:
        raise found.error("a box x, y, width, height, whose width and height are above 0")
    return box
