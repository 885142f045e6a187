"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

import csv
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_HEADER = (
    "patient_id,image_id,sex,age,size,weight,admission_offset,icu_admission_offset,icu_release_offset,death_offset,"
    "modality,projection,crp_offset,crp_val,d-dimer_offset,d-dimer_val,factor_xii_offset,factor_xii_val,ldh_offset,"
    "ldh_val,lymphocytes_offset,lymphocytes_val,neutrophils_offset,neutrophils_val,pco2_offset,pco2_val,po2_offset,"
    "po2_val"
)
_ROWS = """\
toy00001,toyimg01,f,,,,0,,,,CR,pa,0.0,3.0,0.0,0.3,,,,,0.0,1.8,0.0,3.1,0.0,30.0,0.0,30.0
toy00002,toyimg02,m,,,,-5,-5.0,4.0,,CR,ap,0.0,38.0,0.0,inf,,,,,,,,,0.0,45.0,0.0,55.0
toy00002,toyimg03,m,,,,-2,-2.0,7.0,,CR,ap,0.0,29.0,,,,,,,,,,,,,,
toy00003,toyimg04,m,,,,-9,2.0,11.0,12.0,DX,pa,,,,,,,0.0,500.0,,,,,,,,
toy00003,toyimg05,m,,,,-16,-5.0,4.0,5.0,CR,ap,,,,,,,,,,,,,,,-1.0,80.0
toy00004,toyimg06,f,,,,3,,,,CR,ap,,,,,,,,,,,,,,,,
""".splitlines()


def write_hannover(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Six images of four patients; returns the arguments that open them."""
    paths = {"imgpath": folder / "png", "csvpath": folder / "data.csv"}
    paths["imgpath"].mkdir(parents=True, exist_ok=True)
    paths["csvpath"].write_text("\n".join([_HEADER, *_ROWS]) + "\n", encoding="utf-8")
    for number, row in enumerate(csv.DictReader([_HEADER, *_ROWS])):
        _draw(190 - 15 * number).save(paths["imgpath"] / f"{row['image_id']}.png")
    return paths


def _draw(body: int) -> Any:
    """A chest with a shadow in one lung."""
    from PIL import ImageDraw

    image = drawn_chest(100, 84, body=body, lungs=body // 3)
    ImageDraw.Draw(image).ellipse((60, 40, 76, 58), fill=body // 2)
    return image
