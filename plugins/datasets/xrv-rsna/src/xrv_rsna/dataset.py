"""The RSNA Pneumonia Detection Challenge."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import (
    FileDataset,
    Index,
    age_in_years,
    boxes_mask,
    choose_extension,
    distinct_rows,
    image_extension,
    joined,
)
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

    Raises:
        TableError: A table has an invalid row; for other errors see ``FileDataset``.
    """

    caches_index = True
    needs = ("patientId", "x", "y", "width", "height", "Target")
    text = ("patientId",)
    numbers = ("x", "y", "width", "height", "Target")
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
        self._classes = None if classes is None else self.table_path(classes, None)
        self._mapping = None if mapping is None else Path(mapping).expanduser()
        self._extension = extension
        self.other_extensions = extension is None
        super().__init__(spec, imgpath, csvpath, **options)

    @cached_property
    def boxes(self) -> dict[str, list[list[float]]]:
        """Boxes ``[x, y, width, height]`` by image."""
        return boxes_by_image(self.extras["boxes"])

    @property
    def extension(self) -> str:
        """The file name extension in use."""
        return str(self.extras["extension"])

    def build(self, table: pd.DataFrame) -> Index:
        """One row an image, with its header; the source has one a box."""
        told = table[["patientId", "Target"]].drop_duplicates()
        images = distinct_rows(told, "patientId", where=self.csvpath, on_duplicates=self.on_duplicates)
        if len(images) < len(told):
            table = table.merge(images)
        boxes = read_boxes(table, self.csvpath)
        headers = read_headers(self._headers, self.spec.name, self.on_duplicates)
        images = joined(images.reset_index(drop=True), headers, on="patientId", key="PatientID")
        ids = images["patientId"]
        if self._classes is not None:
            images["class"] = ids.map(read_classes(self._classes, self.spec.name, self.on_duplicates))
        known: dict[str, Any] = {"source_uid": "rsna:" + ids}
        if self._mapping is not None:
            nih = ids.map(read_mapping(self._mapping, self.spec.name)).astype("str")
            known = {
                "patientid": nih.str.partition("_")[0].str.lstrip("0"),
                "source_uid": ("nih:" + nih).where(nih.notna(), known["source_uid"]),
            }
        age = age_in_years(images["PatientAge"])
        target = images["Target"].to_numpy(dtype=np.float32)
        return Index.of(
            images,
            images=ids,
            labels=np.repeat(target[:, None], len(self.spec.pathologies), axis=1),
            order=age,  # the only clue to time
            extras={"boxes": boxes},
            view=images["ViewPosition"],
            age_years=age,
            sex=images["PatientSex"],
            has_masks=images["Target"] == 1,  # that is where the boxes are: see read_boxes
            **known,
        )

    def locate(self, index: Index) -> Index:
        extension = choose_extension(self.source, index.images.tolist(), _EXTENSIONS, self._extension)
        index = super().locate(index._replace(images=index.images + extension))
        return index._replace(extras={**index.extras, "extension": image_extension(index.images.iloc[0])})

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        found: dict[str, Any] = {"Target": int(self.csv["Target"].iloc[row])}
        return {**found, "class": self.csv["class"].iloc[row]} if "class" in self.csv else found

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        boxes = self.boxes.get(self.csv["patientId"].iloc[row])
        return {} if boxes is None else {label: boxes_mask(boxes, shape, _DRAWN_ON) for label in self.pathologies}
