"""Synthetic patients in the official layout: for tests, docs and demos. No image shows anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_SIZE = 128
_CATEGORIES = ("ActiveTuberculosis", "ObsoletePulmonaryTuberculosis", "PulmonaryTuberculosis")
#: Of each split: file, and the boxes on it as (category, x, y, width, height) in pixels of the image.
_SPLITS: dict[str, dict[str, list[tuple[int, float, float, float, float]]]] = {
    "train": {
        "tb/tb0001.png": [(1, 30.5, 40.25, 20.0, 25.5)],
        "tb/tb0002.png": [(2, 72.0, 35.0, 18.5, 30.0), (2, 28.0, 70.0, 22.0, 15.0), (1, 80.0, 60.0, 15.0, 20.0)],
        "tb/tb0003.png": [],  # as one image of the release: a patient with tuberculosis without a box
        "health/h0001.png": [],
        "sick/s0001.png": [],
    },
    "val": {"tb/tb0004.png": [(1, 33.0, 30.0, 12.0, 12.0)], "health/h0002.png": []},
}


def write_tbx11k(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Five images to train and two to validate, six boxes; returns the arguments that open the former."""
    root = folder / "TBX11K"
    (root / "annotations/json").mkdir(parents=True, exist_ok=True)
    both = {**_SPLITS["train"], **_SPLITS["val"]}
    for split, files in {**_SPLITS, "trainval": both}.items():
        path = root / f"annotations/json/TBX11K_{split}.json"
        path.write_text(json.dumps(_coco(files)), encoding="utf-8")
    for number, (name, boxes) in enumerate(both.items()):
        path = root / "imgs" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        _draw(170 - 10 * number, boxes).save(path)
    return {"imgpath": root}


def _coco(files: dict[str, list[tuple[int, float, float, float, float]]]) -> dict[str, Any]:
    """The official JSON of a split."""
    size = {"width": _SIZE, "height": _SIZE}
    images = [
        {
            "id": number,
            "file_name": name,
            **size,
            "date_captured": "2020-06-24 12:42:41.793194",
            "license": 1,
            "coco_url": "",
            "flickr_url": "",
        }
        for number, name in enumerate(files, 1)
    ]
    drawn = [(image, *box) for image, boxes in enumerate(files.values(), 1) for box in boxes]
    annotations = [
        {
            "id": number,
            "image_id": image,
            "category_id": category,
            "iscrowd": 0,
            "area": int(w * h),
            "bbox": [x, y, w, h],
            **size,
        }
        for number, (image, category, x, y, w, h) in enumerate(drawn, 1)
    ]
    categories = [{"id": i, "name": name, "supercategory": "Tuberculosis"} for i, name in enumerate(_CATEGORIES, 1)]
    return {"categories": categories, "images": images, "annotations": annotations}


def _draw(body: int, boxes: list[tuple[int, float, float, float, float]]) -> Any:
    """A grey body with two dark lungs, and a bright lesion in every box."""
    from PIL import ImageDraw

    image = drawn_chest(_SIZE, _SIZE, body=body, lungs=body // 3)
    draw = ImageDraw.Draw(image)
    for _, x, y, w, h in boxes:
        draw.ellipse((x, y, x + w, y + h), fill=230)
    return image
