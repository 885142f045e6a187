"""Synthetic patients, as a hospital might keep its own: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec

_ROWS = """\
file,patient,taken,projection,years,gender,Effusion,Mass,effusion_mask,lung_mask
a/1.png,007,2020-01-31,PA,58,M,1,no,masks/1-effusion.png,masks/1-lungs.png
a/2.png,007,2020-02-14,AP,058Y,male,yes,,masks/2-effusion.png,
b/3.png,12,2019-12-01,PA,,F,0,TRUE,,masks/3-lungs.png
b/4.png,13,,L,71.5,,,0,,
"""
_TOML = """\
image = "file"
labels = ["Effusion", "Mass"]
patient = "patient"
day = "taken"
view = "projection"
age = "years"
sex = "gender"

[masks]
Effusion = "effusion_mask"  # a label: a pathology mask
Lungs = "lung_mask"         # no label: a semantic mask
"""


def write_table(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Four images of three patients, with masks; returns the arguments that open them."""
    from PIL import Image, ImageDraw

    paths = {"imgpath": folder / "images", "csvpath": folder / "labels.csv", "columns": folder / "table.toml"}
    for name in ("a", "b", "masks"):
        (paths["imgpath"] / name).mkdir(parents=True, exist_ok=True)
    paths["csvpath"].write_text(_ROWS, encoding="utf-8")
    paths["columns"].write_text(_TOML, encoding="utf-8")
    for number, row in enumerate(_ROWS.splitlines()[1:]):
        name, *_, effusion, lungs = row.split(",")
        image = Image.new("L", (90, 100), 10)
        draw = ImageDraw.Draw(image)
        draw.rounded_rectangle((6, 5, 84, 99), radius=16, fill=190 - 15 * number)
        for left in (16, 50):
            draw.ellipse((left, 18, left + 24, 80), fill=60)
        if effusion:
            draw.rectangle((16, 64, 40, 80), fill=150)
        image.save(paths["imgpath"] / name)
        for mask, boxes in ((effusion, [(16, 64, 40, 80)]), (lungs, [(16, 18, 40, 80), (50, 18, 74, 80)])):
            if mask:
                drawn = Image.new("L", image.size, 0)
                for box in boxes:
                    ImageDraw.Draw(drawn).rectangle(box, fill=255)
                drawn.save(paths["imgpath"] / mask)
    return paths
