"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest, siim_rle, write_dicom

_SIZE = 96
_DRAWN_ON = 1024
# number in the id, age, sex, view, outlines as (x, y, radius across, radius down) on 1024 pixels
_IMAGES: tuple[tuple[int, str, str, str, tuple[tuple[int, int, int, int], ...]], ...] = (
    (90001, "57", "M", "PA", ()),
    (90002, "33", "F", "PA", ((720, 300, 60, 140),)),
    (90003, "80", "F", "PA", ()),
    (90004, "1", "M", "AP", ((300, 330, 70, 160), (700, 420, 40, 120), (310, 480, 50, 90))),
    (90005, "61", "M", "AP", ()),
)


def write_siim(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Five DICOM images, one of them with three outlines; returns the arguments that open them."""
    paths = {"imgpath": folder / "dicom-images-train", "csvpath": folder / "train-rle.csv"}
    lines = ["ImageId, EncodedPixels"]
    y, x = np.mgrid[:_DRAWN_ON, :_DRAWN_ON]
    for number, age, sex, view, ellipses in _IMAGES:
        study, series, image = (f"1.2.276.0.7230010.3.1.{n}.8323329.{number}.1517870000.900000" for n in (2, 3, 4))
        write_dicom(
            paths["imgpath"] / study / series / f"{image}.dcm",
            np.asarray(drawn_chest(_SIZE, _SIZE, body=200 - 10 * (number - 90_000), lungs=60 + 5 * (number - 90_000))),
            **{"SOPInstanceUID": image, "StudyInstanceUID": study, "SeriesInstanceUID": series},
            **{"PatientSex": sex, "PatientAge": age, "ViewPosition": view, "ConversionType": "WSD"},
        )
        outlines = [siim_rle(((x - cx) / rx) ** 2 + ((y - cy) / ry) ** 2 < 1) for cx, cy, rx, ry in ellipses]
        lines += [f"{image}, {outline}" for outline in outlines] or [f"{image},-1"]
    paths["csvpath"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths
