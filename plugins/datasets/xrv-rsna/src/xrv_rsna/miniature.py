"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest, write_dicom

_SIZE = 96
_NORMAL, _OTHER, _OPACITY = "Normal", "No Lung Opacity / Not Normal", "Lung Opacity"
# id, NIH image (those of the miniature of xrv-nih), class, age, sex, view, boxes
_IMAGES: tuple[tuple[str, str, str, int, str, str, tuple[str, ...]], ...] = (
    ("a0900001-0000-4000-8000-000000000001", "00090001_000", _OTHER, 57, "M", "PA", ()),
    ("a0900001-0000-4000-8000-000000000002", "00090001_001", _OTHER, 58, "M", "PA", ()),
    ("a0900002-0000-4000-8000-000000000003", "00090002_001", _NORMAL, 33, "F", "PA", ()),
    (
        *("a0900002-0000-4000-8000-000000000004", "00090002_000", _OPACITY, 34, "F", "AP"),
        ("192.0,256.0,213.0,320.0", "640.0,384.0,192.0,256.0"),
    ),
    ("a0900004-0000-4000-8000-000000000005", "00090004_000", _OPACITY, 1, "M", "AP", ("597.0,341.0,171.0,427.0",)),
    ("a0900005-0000-4000-8000-000000000006", "00090005_000", _NORMAL, 155, "M", "PA", ()),
)
_HEADER = (
    ",BodyPartExamined,ConversionType,Filename,InstanceNumber,Modality,PatientAge,PatientID,PatientOrientation,"
    "PatientSex,PixelSpacing,SamplesPerPixel,SeriesNumber,ViewPosition"
)


def write_rsna(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Six DICOM images of four patients, three boxes on two of them; returns the arguments that open them."""
    paths = {
        "imgpath": folder / "stage_2_train_images",
        "csvpath": folder / "stage_2_train_labels.csv",
        "dicomcsvpath": folder / "kaggle_stage_2_train_images_dicom_headers.csv",
        "classes": folder / "stage_2_detailed_class_info.csv",
        "mapping": folder / "pneumonia-challenge-dataset-mappings_2018.json",
    }
    boxes, headers, classes, mapping = ["patientId,x,y,width,height,Target"], [_HEADER], ["patientId,class"], []
    for number, (image, nih, kind, age, sex, view, drawn) in enumerate(_IMAGES):
        tags = {"PatientID": image, "PatientSex": sex, "PatientAge": str(age), "ViewPosition": view}
        chest = drawn_chest(_SIZE, _SIZE, body=200 - 10 * number, lungs=60 + 5 * number)
        write_dicom(paths["imgpath"] / f"{image}.dcm", np.asarray(chest), ConversionType="WSD", **tags)
        boxes += [f"{image},{box},1" for box in drawn] or [f"{image},,,,,0"]
        headers.append(f"{number},CHEST,WSD,{image}.dcm,1.0,CR,{age},{image},,{sex},0.168,1.0,1.0,{view}")
        classes += [f"{image},{kind}"] * max(1, len(drawn))  # the official file, too, has a row for each box
        mapping.append({"subset_img_id": image, "img_id": f"{nih}.png", "orig_labels": []})
    for name, lines in (("csvpath", boxes), ("dicomcsvpath", headers), ("classes", classes)):
        paths[name].write_text("\n".join(lines) + "\n", encoding="utf-8")
    paths["mapping"].write_text(json.dumps(mapping), encoding="utf-8")
    return paths
