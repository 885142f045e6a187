"""Synthetic patients in the official layout: for tests, docs and demos. Patients from 90000 on do not exist."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xrv_core import DatasetSpec
from xrv_core.datasets import coco_rle, drawn_chest

_WIDTH, _HEIGHT = 96, 80
_HEADER = (
    "Path,Sex,Age,Frontal/Lateral,AP/PA,No Finding,Enlarged Cardiomediastinum,Cardiomegaly,Lung Opacity,Lung Lesion,"
    "Edema,Consolidation,Pneumonia,Atelectasis,Pneumothorax,Pleural Effusion,Pleural Other,Fracture,Support Devices"
)
_TRAIN = """\
CheXpert-v1.0-small/train/patient90001/study1/view1_frontal.jpg,Female,68,Frontal,AP,1.0,,,,,,,,,0.0,,,,1.0
CheXpert-v1.0-small/train/patient90002/study10/view1_frontal.jpg,Male,88,Frontal,AP,,,1.0,1.0,,-1.0,-1.0,,-1.0,,-1.0,,1.0,
CheXpert-v1.0-small/train/patient90002/study2/view1_frontal.jpg,Male,87,Frontal,PA,,,,1.0,,,-1.0,,0.0,,,,1.0,
CheXpert-v1.0-small/train/patient90002/study2/view2_lateral.jpg,Male,87,Lateral,,,,,1.0,,,-1.0,,0.0,,,,1.0,
CheXpert-v1.0-small/train/patient90003/study1/view1_frontal.jpg,Unknown,0,Frontal,PA,1.0,0.0,,,,,0.0,,,0.0,0.0,,,
CheXpert-v1.0-small/train/patient90004/study1/view1_frontal.jpg,Female,90,Frontal,LL,,,-1.0,1.0,,1.0,,,,0.0,1.0,1.0,,0.0
""".splitlines()
_VALID = """\
CheXpert-v1.0/valid/patient90101/study1/view1_frontal.jpg,Male,73,Frontal,AP,0.0,1.0,1.0,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
CheXpert-v1.0/valid/patient90102/study1/view1_frontal.jpg,Male,70,Frontal,PA,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0,0.0,1.0,0.0,0.0,1.0
CheXpert-v1.0/valid/patient90102/study1/view2_lateral.jpg,Male,70,Lateral,,0.0,0.0,0.0,1.0,0.0,0.0,0.0,0.0,1.0,0.0,1.0,0.0,0.0,1.0
CheXpert-v1.0/valid/patient90103/study1/view1_frontal.jpg,Female,22,Frontal,PA,1.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0,0.0
""".splitlines()
_TASKS = (
    "Enlarged Cardiomediastinum",
    "Cardiomegaly",
    "Lung Lesion",
    "Airspace Opacity",
    "Edema",
    "Consolidation",
    "Atelectasis",
    "Pneumothorax",
    "Pleural Effusion",
    "Support Devices",
)
_DRAWN = {  # rows and columns of a rectangle
    "patient90101_study1_view1_frontal": {
        "Enlarged Cardiomediastinum": (10, 70, 36, 66),
        "Cardiomegaly": (40, 70, 36, 66),
        "Airspace Opacity": (20, 50, 14, 30),
    },
    "patient90102_study1_view1_frontal": {"Pleural Effusion": (60, 72, 60, 84), "Support Devices": (5, 50, 44, 47)},
    "patient90103_study1_view1_frontal": {},
}


def write_chexpert(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Six images of four patients of the training set; returns the arguments that open them."""
    release = folder / "CheXpert-v1.0-small"
    _draw_all(_TRAIN, release, "CheXpert-v1.0-small/")
    _write(release / "train.csv", [_HEADER, *_TRAIN])
    return {"imgpath": release, "csvpath": release / "train.csv"}


def write_chexlocalize(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Four images of three patients of the validation set, with masks on two; returns the arguments that open them."""
    images, masks = folder / "CheXpert", folder / "CheXlocalize/gt_segmentations_val.json"
    _draw_all([row.replace("/valid/", "/val/") for row in _VALID], images, "CheXpert-v1.0/")
    _write(images / "val_labels.csv", [_HEADER, *_VALID])
    _write(masks, [json.dumps({image: _masks(drawn) for image, drawn in _DRAWN.items()})])
    return {"imgpath": images, "csvpath": images / "val_labels.csv", "segmentations": masks}


def _masks(drawn: dict[str, tuple[int, int, int, int]]) -> dict[str, Any]:
    """A mask for every task, as in the release; most are empty."""
    masks = {task: np.zeros((_HEIGHT, _WIDTH), np.uint8) for task in _TASKS}
    for task, (top, bottom, left, right) in drawn.items():
        masks[task][top:bottom, left:right] = 1
    return {task: coco_rle(mask) for task, mask in masks.items()}


def _draw_all(rows: list[str], folder: Path, release: str) -> None:
    """An image for each row: a body with two lungs, darker with every row."""
    for number, row in enumerate(rows):
        image = drawn_chest(_WIDTH, _HEIGHT, body=200 - 10 * number, lungs=60 + 5 * number)
        path = folder / row.partition(",")[0].removeprefix(release)
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(path, quality=95)


def _write(path: Path, lines: list[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
