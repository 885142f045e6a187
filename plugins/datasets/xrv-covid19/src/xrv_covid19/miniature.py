"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

import csv
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_HEADER = (
    "patientid,offset,sex,age,finding,RT_PCR_positive,survival,intubated,intubation_present,went_icu,in_icu,"
    "needed_supplemental_O2,extubated,temperature,pO2_saturation,leukocyte_count,neutrophil_count,lymphocyte_count,"
    "view,modality,date,location,folder,filename,doi,url,license,clinical_notes,other_notes,"
)
_COLUMNS = ("patientid", "offset", "sex", "age", "finding", "view", "modality", "folder", "filename")
_ROWS = (
    ("901", "0", "M", "65", "Pneumonia/Viral/COVID-19", "PA", "X-ray", "images", "toy-901-day0.jpg"),
    ("901", "3", "M", "65", "Pneumonia/Viral/COVID-19", "AP Supine", "X-ray", "images", "toy-901-day3.jpg"),
    ("901", "3", "M", "65", "Pneumonia/Viral/COVID-19", "L", "X-ray", "images", "toy-901-day3-L.png"),
    ("902a", "", "F", "", "Pneumonia/Bacterial/Streptococcus", "AP", "X-ray", "images", "toy-902a.png"),
    ("902b", "-4", "", "34", "No Finding", "PA", "X-ray", "images", "toy-902b.png"),
    ("903", "12", "F", "71", "Pneumonia", "PA", "X-ray", "images", "toy-903.jpg"),
    ("904", "7", "M", "50", "todo", "PA", "X-ray", "images", "toy-904.png"),
    ("905", "1", "F", "44", "Pneumonia/Viral/COVID-19", "Axial", "CT", "volumes", "toy-905.nii.gz"),
)
_BOXES_OF_LUNGS = ((20, 24, 44, 84), (56, 24, 80, 84))


def write_covid19(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Seven X-rays of five patients, a CT row, three lung masks (one all black); returns what opens them."""
    paths = {
        "imgpath": folder / "images",
        "csvpath": folder / "metadata.csv",
        "lungmasks": folder / "semantic_masks_v7labs_lungs.zip",
    }
    paths["imgpath"].mkdir(parents=True, exist_ok=True)
    with paths["csvpath"].open("w", newline="", encoding="utf-8") as file:
        table = csv.DictWriter(file, _HEADER.split(","))
        table.writeheader()
        table.writerows(dict(zip(_COLUMNS, row, strict=True), license="CC0") for row in _ROWS)
    xrays = [row[-1] for row in _ROWS if row[-2] == "images"]
    for number, name in enumerate(xrays):
        _draw(190 - 15 * number, 60 + 5 * number).save(paths["imgpath"] / name, quality=95)
    with zipfile.ZipFile(paths["lungmasks"], "w") as archive:
        for name, white in zip(xrays[:3], (255, 255, 0), strict=True):  # lateral views have black masks
            data = BytesIO()
            _draw(0, white).save(data, format="PNG")  # PNG whatever the name says, as in the real one
            archive.writestr(f"{paths['lungmasks'].stem}/{name}", data.getvalue())
    return paths


def _draw(body: int, lungs: int) -> Any:
    return drawn_chest(100, 108, body=body, lungs=lungs, boxes=_BOXES_OF_LUNGS, background=0)
