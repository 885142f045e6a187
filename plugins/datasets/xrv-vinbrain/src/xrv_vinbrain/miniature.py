"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest, write_dicom

_CLASSES = (
    *("Aortic enlargement", "Atelectasis", "Calcification", "Cardiomegaly", "Consolidation", "ILD", "Infiltration"),
    *("Lung Opacity", "Nodule/Mass", "Other lesion", "Pleural effusion", "Pleural thickening", "Pneumothorax"),
    *("Pulmonary fibrosis", "No finding"),
)
# id, height, width, bits, photometric interpretation, sex, age
_IMAGES = (
    ("a0000000000000000000000000000001", 96, 80, 12, "MONOCHROME2", "M", "057Y"),
    ("a0000000000000000000000000000002", 80, 96, 14, "MONOCHROME1", "F", "033Y"),
    ("a0000000000000000000000000000003", 96, 96, 10, "MONOCHROME2", "F", ""),
    ("a0000000000000000000000000000004", 104, 88, 16, "MONOCHROME2", "O", "000Y"),
)
# number of the image, class, reader, box
_ROWS = (
    *((0, "No finding", reader, "") for reader in ("R8", "R9", "R10")),
    (1, "Cardiomegaly", "R8", "30.0,48.0,66.0,70.0"),
    (1, "Aortic enlargement", "R8", "44.0,20.0,56.0,32.0"),
    (1, "Cardiomegaly", "R9", "32.0,50.0,70.0,72.0"),
    (1, "Cardiomegaly", "R10", "28.0,46.0,64.0,68.0"),
    (2, "No finding", "R11", ""),
    (2, "Pleural effusion", "R12", "60.0,64.0,80.0,78.0"),
    (2, "Pleural effusion", "R12", "14.0,66.0,30.0,78.0"),
    (2, "Pleural thickening", "R12", "18.0,14.0,40.0,20.0"),
    (2, "Pleural effusion", "R13", "58.0,62.0,82.0,80.0"),
    (2, "Nodule/Mass", "R13", "30.0,40.0,37.0,47.0"),
    (3, "Other lesion", "R14", "20.0,30.0,32.0,44.0"),
    (3, "No finding", "R15", ""),
    (3, "No finding", "R16", ""),
)


def write_vinbrain(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Four DICOM images with windows, each read by three; Kaggle's table; returns the arguments that open them."""
    paths = {"imgpath": folder / "train", "csvpath": folder / "train.csv"}
    for number, (image, height, width, bits, kind, sex, age) in enumerate(_IMAGES):
        write_dicom(
            paths["imgpath"] / f"{image}.dicom",
            _draw(number, height, width, bits, kind),
            **{"BitsStored": bits, "PhotometricInterpretation": kind, "PatientSex": sex, "PatientAge": age},
            **{"WindowCenter": 2 ** (bits - 2), "WindowWidth": 2 ** (bits - 1)},
        )
    lines = ["image_id,class_name,class_id,rad_id,x_min,y_min,x_max,y_max"]
    lines += [f"{_IMAGES[n][0]},{name},{_CLASSES.index(name)},{who},{box or ',,,'}" for n, name, who, box in _ROWS]
    paths["csvpath"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def _draw(number: int, height: int, width: int, bits: int, kind: str) -> Any:
    """A grey body with two dark lungs in the lower half of the possible range, as raw detector values are."""
    image = np.asarray(drawn_chest(width, height, body=204 - 13 * number, lungs=64)) / 255
    shown = image if kind == "MONOCHROME2" else 1 - image
    return np.rint(shown * 2 ** (bits - 1)).astype(np.uint16)
