"""Read the tables of the challenge, and RSNA's mapping to NIH images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import distinct_rows, grouped, numbers_in, read_json, read_table, row_place
from xrv_core.errors import TableError

_BOX = ["x", "y", "width", "height"]
_CLASSES = ("Normal", "No Lung Opacity / Not Normal", "Lung Opacity")


def read_boxes(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The rows of ``stage_2_train_labels.csv`` that have a box: ``patientId``, ``x``, ``y``, ``width``, ``height``."""
    boxes = numbers_in(table, _BOX)
    is_box = (boxes >= [0, 0, 1, 1]).all(axis=1)
    without = (table["Target"] == 0) & table[_BOX].isna().all(axis=1)
    ill = table[~np.where(table["Target"] == 1, is_box, without)]
    for row in ill.itertuples():
        raise TableError(
            f"{row_place(path, row.Index)}: a row is Target 1 with a box of at least one pixel, or Target 0 without; "
            f"this row of {row.patientId!r} is Target {row.Target} with x, y, width, height "
            f"{row.x}, {row.y}, {row.width}, {row.height}."
        )
    images = table["patientId"][is_box].reset_index(drop=True)
    return pd.DataFrame({"patientId": images, **dict(zip(_BOX, boxes[is_box].T, strict=True))})


def boxes_by_image(boxes: pd.DataFrame) -> dict[str, list[list[float]]]:
    """Boxes ``[x, y, width, height]`` by image."""
    return grouped(boxes["patientId"].tolist(), boxes[_BOX].to_numpy().tolist())


def read_headers(path: Path, owner: str, on_duplicates: str) -> pd.DataFrame:
    """The table of DICOM headers, a row an image; ``PatientID`` names the image."""
    needs = ("PatientID", "PatientAge", "PatientSex", "ViewPosition")
    expected = "kaggle_stage_2_train_images_dicom_headers.csv"
    text = ("PatientID", "PatientSex", "ViewPosition")
    table = read_table(path, needs=needs, text=text, ages=("PatientAge",), owner=owner, expected=expected)
    table = table.drop(columns="Unnamed: 0", errors="ignore")
    return distinct_rows(table, "PatientID", where=path, on_duplicates=on_duplicates)


def read_classes(path: Path, owner: str, on_duplicates: str) -> pd.Series[Any]:
    """The class of each image, one of three."""
    text = ("patientId", "class")
    table = read_table(path, needs=text, text=text, owner=owner, expected="stage_2_detailed_class_info.csv")
    for row in table.index[~table["class"].isin(_CLASSES)]:
        raise TableError(
            f"{row_place(path, row)}: unknown class {table['class'][row]!r} of {owner!r}. "
            f"The classes are: {', '.join(_CLASSES)}."
        )
    table = distinct_rows(table[[*text]], "patientId", where=path, on_duplicates=on_duplicates)
    return table.set_index("patientId")["class"]


def read_mapping(path: Path, owner: str) -> dict[str, str]:
    """The name of the NIH image without ``.png``, by image, from RSNA's JSON file."""
    found: dict[str, str] = {}
    for entry in read_json(path, owner, expected="RSNA's pneumonia-challenge-dataset-mappings_2018.json").entries():
        name, nih = entry.member("subset_img_id").text(), entry.member("img_id").text().removesuffix(".png")
        if found.setdefault(name, nih) != nih:
            raise TableError(f"{entry.where}: an earlier entry of {name!r} has {found[name]!r}, this one {nih!r}.")
    return found
