"""Read boxes in COCO's JSON layout."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.errors import TableError

#: ``(x, y, width, height)``.
Box = tuple[float, float, float, float]
Boxes = dict[str, dict[str, list[Box]]]


def read_coco(data: bytes, path: Path, owner: str, labels: tuple[str, ...]) -> tuple[pd.DataFrame, Boxes]:
    """The table of images, with a list of boxes as ``bbox``; and the boxes by file name and category.

    Args:
        data: The JSON file.
        path: Its name for errors.
        owner: Registry name of the dataset, for messages.
        labels: The allowed categories.

    Raises:
        TableError: The data is not JSON in this layout, or an annotation is not a box on a known image.
    """
    try:
        found = json.loads(data)
    except ValueError as error:
        raise TableError(f"{path}: not a readable JSON file: {error}") from error
    kinds = ("images", "annotations", "categories")
    missing = [kind for kind in kinds if not isinstance(found, dict) or not isinstance(found.get(kind), list)]
    if missing:
        raise TableError(f"{path}: {owner!r} needs COCO's lists {', '.join(kinds)}; it lacks {', '.join(missing)}.")
    categories = {entry.get("id"): entry.get("name") for entry in found["categories"]}
    strange = sorted(str(name) for name in categories.values() if name not in labels)
    if strange:
        raise TableError(f"{path}: unknown categories {', '.join(strange)}. {owner!r} has: {', '.join(labels)}.")
    images = _table(found["images"], path, owner)
    file_of = dict(zip(images["id"], images["file_name"], strict=True))
    boxes: Boxes = {}
    drawn: dict[str, list[Box]] = {}
    for entry in found["annotations"]:
        image, category = file_of.get(entry.get("image_id")), categories.get(entry.get("category_id"))
        box = _box(entry.get("bbox"))
        if image is None or category is None or box is None:
            raise TableError(
                f"{path}: annotation {entry.get('id')} is no box of a known category on a known image: "
                f"image_id {entry.get('image_id')}, category_id {entry.get('category_id')}, bbox {entry.get('bbox')}."
            )
        boxes.setdefault(image, {}).setdefault(category, []).append(box)
        drawn.setdefault(image, []).append(box)
    images["bbox"] = [drawn.get(name, []) for name in images["file_name"]]
    return images, boxes


def _table(entries: list[dict[str, Any]], path: Path, owner: str) -> pd.DataFrame:
    """One row an image."""
    table = pd.DataFrame(entries)
    missing = [name for name in ("id", "file_name", "width", "height") if name not in table or table[name].hasnans]
    if missing:
        raise TableError(f"{path}: {owner!r} needs {', '.join(missing)} of every entry of images.")
    return table


def _box(numbers: Any) -> Box | None:
    """Four finite numbers with a width and a height, None for anything else."""
    try:
        x, y, width, height = map(float, numbers)
    except (TypeError, ValueError):
        return None
    return (x, y, width, height) if np.isfinite([x, y]).all() and 0 < min(width, height) < np.inf else None
