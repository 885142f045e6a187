"""The RSNA Pneumonia Detection Challenge."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, age_in_years, boxes_mask, choose_extension, joined
from xrv_rsna.tables import boxes_by_image, read_boxes, read_classes, read_headers, read_mapping

_DRAWN_ON = (1024, 1024)
_EXTENSIONS = (".dcm", ".jpg", ".jpeg", ".png")


class RSNADataset(FileDataset):
    """One item an image; both labels are the challenge's ``Target``, both masks the union of its boxes.

    Kaggle's ``patientId`` is the name of an image, not of a patient. The patients are known only with ``mapping``.

    Args:
        spec: The spec of ``rsna``.
        imgpath: Folder or archive of the DICOM, JPEG or PNG files; None opens labels and table only.
        csvpath: ``stage_2_train_labels.csv``; None fetches it.
        dicomcsvpath: The table of DICOM headers (view, age, sex); None fetches it.
        classes: ``stage_2_detailed_class_info.csv``: adds the column ``class`` of three values to ``csv``.
        mapping: RSNA's ``pneumonia-challenge-dataset-mappings_2018.json``, which names the NIH image of each image:
            ``patientid`` and ``source_uid`` are then those of ``nih``.
        extension: ".dcm", ".jpg", ".jpeg" or ".png"; None takes the extension of most images.
        **options: See ``FileDataset``.

    Attributes:
        extension: The extension in use.

    Raises:
        TableError: A table has an invalid row; for other errors see ``FileDataset``.
    """

    keeps_index = True
    needs = ("patientId", "x", "y", "width", "height", "Target")
    text = ("patientId",)
    unique_file_names = True
    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        dicomcsvpath: str | Path | None = None,
        classes: str | Path | None = None,
        mapping: str | Path | None = None,
        extension: str | None = None,
        **options: Any,
    ) -> None:
        self._headers = self.table_path(dicomcsvpath, spec.tables[1])
        self._classes = None if classes is None else Path(classes).expanduser()
        self._mapping = None if mapping is None else Path(mapping).expanduser()
        self._extension = extension
        super().__init__(spec, imgpath, csvpath, **options)

    @cached_property
    def boxes(self) -> dict[str, list[list[float]]]:
        """Boxes ``[x, y, width, height]`` by image."""
        return boxes_by_image(self._boxes)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """One row an image, with its header; the source has one row a box."""
        self._boxes = read_boxes(table, self.csvpath)
        images = table[["patientId", "Target"]].drop_duplicates("patientId", ignore_index=True)
        images = joined(images, read_headers(self._headers, self.spec.name), on="patientId", key="PatientID")
        if self._classes is not None:
            images["class"] = images["patientId"].map(read_classes(self._classes, self.spec.name))
        self.extension = choose_extension(self.source, images["patientId"].tolist(), _EXTENSIONS, self._extension)
        return images

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["patientId"] + self.extension

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        ids = table["patientId"]
        known: dict[str, Any] = {"source_uid": "rsna:" + ids}
        if self._mapping is not None:
            nih = ids.map(read_mapping(self._mapping)).astype("str")
            known = {
                "patientid": nih.str.partition("_")[0].str.lstrip("0"),
                "source_uid": ("nih:" + nih).where(nih.notna(), known["source_uid"]),
            }
        return {
            **known,
            "view": table["ViewPosition"],
            "age_years": age_in_years(table["PatientAge"]),
            "sex": table["PatientSex"],
            "has_masks": table["Target"] == 1,  # read_boxes checks that exactly these rows have boxes
        }

    def order(self, table: pd.DataFrame) -> pd.Series[Any]:
        """By age, because there are no dates."""
        return age_in_years(table["PatientAge"])

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        return np.repeat(table["Target"].to_numpy(dtype=np.float32)[:, None], len(self.pathologies), axis=1)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        found: dict[str, Any] = {"Target": int(self.csv["Target"].iloc[row])}
        return {**found, "class": self.csv["class"].iloc[row]} if "class" in self.csv else found

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        boxes = self.boxes.get(self.csv["patientId"].iloc[row])
        return {} if boxes is None else {label: boxes_mask(boxes, shape, _DRAWN_ON) for label in self.pathologies}
