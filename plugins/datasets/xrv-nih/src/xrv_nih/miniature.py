"""Synthetic patients in the official layout: for tests, docs and demos. Numbers from 90,000 on are invented."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_SIZE = 96
_ABOUT = (
    "Image Index,Finding Labels,Follow-up #,Patient ID,Patient Age,Patient Gender,View Position,"
    "OriginalImage[Width,Height],OriginalImagePixelSpacing[x,y]"
)
_SCANNER = "2500,2048,0.168,0.168"
# As in the release, the number in a file name does not follow time: patient 90002 was imaged as _001, then as _000.
_ROWS = """\
00090001_000.png,Cardiomegaly,0,90001,57,M,PA
00090001_001.png,Cardiomegaly|Emphysema,1,90001,58,M,PA
00090002_001.png,No Finding,0,90002,33,F,PA
00090002_000.png,Infiltration|Nodule,1,90002,34,F,AP
00090003_000.png,Pleural_Thickening,0,90003,80,F,PA
00090004_000.png,Effusion|Pneumonia,0,90004,0,M,AP
00090004_001.png,Atelectasis|Effusion|Pneumothorax,1,90004,1,M,AP
00090005_000.png,No Finding,0,90005,61,M,PA
""".splitlines()
_BOXES = """\
Image Index,Finding Label,Bbox [x,y,w,h],,,
00090001_000.png,Cardiomegaly,384.5,512.25,320.0,256.5
00090002_000.png,Infiltrate,192.0,256.0,213.3,320.0
00090002_000.png,Nodule,682.6,298.6,64.0,53.3
""".splitlines()
_ANSWERS = {  # Fracture, Pneumothorax, Airspace opacity, Nodule or mass, Set Id
    "00090001_001.png": "NO,NO,NO,NO,test",
    "00090002_000.png": "NO,NO,YES,YES,test",
    "00090004_000.png": "NO,NO,YES,NO,val",
    "00090004_001.png": "NO,YES,YES,NO,val",
    "00090005_000.png": "YES,NO,NO,NO,val",
}


def write_nih(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Eight images of five patients, three boxes; returns the arguments that open them."""
    paths = {
        "imgpath": folder / "images",
        "csvpath": folder / "Data_Entry_2017_v2020.csv",
        "boxes": folder / "BBox_List_2017.csv",
    }
    _draw_all(paths["imgpath"])
    _write(paths["csvpath"], [_ABOUT, *(f"{row},{_SCANNER}" for row in _ROWS)])
    _write(paths["boxes"], _BOXES)
    return paths


def write_google(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Google's table for five of the eight images; returns the arguments that open them."""
    paths = {"imgpath": folder / "images", "csvpath": folder / "google2019_nih-chest-xray-labels.csv"}
    _draw_all(paths["imgpath"])
    header = f"{_ABOUT},Fracture,Pneumothorax,Airspace opacity,Nodule or mass,Set Id"
    rows = [f"{row},{_SCANNER},{_ANSWERS[row[:16]]}" for row in _ROWS if row[:16] in _ANSWERS]
    _write(paths["csvpath"], [header, *rows])
    return paths


def _draw_all(folder: Path) -> None:
    """An image for each row: a body with two lungs, darker with every row; the third is RGBA, as some real ones are."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, row in enumerate(_ROWS):
        image = drawn_chest(_SIZE, _SIZE, body=200 - 10 * number, lungs=60 + 5 * number)
        (image.convert("RGBA") if number == 2 else image).save(folder / row[:16])


def _write(path: Path, lines: list[str]) -> None:
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
