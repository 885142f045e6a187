"""Synthetic patients in the official layout: for tests, docs and demos. No image shows anybody."""

from __future__ import annotations

import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_ROWS = """\
90001.jpg,0 20 30 36 50
90002.jpg,
90003.jpg,1 70 20 90 44;0 24 70 40 80
90004.jpg,2 20 20 44 24 40 60 22 50;1 64 64 80 80
90005.jpg,
""".splitlines()
_SIZE = (112, 104)


def write_objectcxr(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Five images in train.zip, three with objects; returns the arguments that open them."""
    paths = {"imgpath": folder / "train.zip", "csvpath": folder / "train.csv"}
    paths["csvpath"].write_text("\n".join(["image_name,annotation", *_ROWS]) + "\n", encoding="utf-8")
    with zipfile.ZipFile(paths["imgpath"], "w") as archive:
        for number, row in enumerate(_ROWS):
            name, _, annotation = row.partition(",")
            data = BytesIO()
            _draw(180 - 15 * number, annotation).save(data, format="JPEG", quality=95)
            archive.writestr(f"train/{name}", data.getvalue())
    return paths


def _draw(body: int, annotation: str) -> Any:
    """A grey body with two dark lungs, and white objects on it."""
    from PIL import ImageDraw

    image = drawn_chest(*_SIZE, body=body, lungs=body // 3)
    draw = ImageDraw.Draw(image)
    for part in filter(None, annotation.split(";")):
        kind, *numbers = map(int, part.split())
        (draw.rectangle, draw.ellipse, draw.polygon)[kind](numbers, fill=250)
    return image
