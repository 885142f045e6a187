"""NIH ChestX-ray14 and Google's labels on its images."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, Index, age_in_years, boxes_mask, substring_labels, term_labels
from xrv_core.errors import TableError
from xrv_nih.boxes import NO_BOXES, by_image, read_boxes
from xrv_nih.lists import read_list

_GOOGLE = {
    "Lung Opacity": "Airspace opacity",
    "Fracture": "Fracture",
    "Nodule/Mass": "Nodule or mass",
    "Pneumothorax": "Pneumothorax",
}
_DRAWN_ON = (1024, 1024)  # the released PNGs, on which the boxes were drawn
_OLDEST = 120.0  # years; age_in_years gives NaN for those of 155 and 414 in tables before 2020


class _NIHImages(FileDataset):
    """The common part of both datasets: images, and their columns."""

    needs = ("Image Index", "Follow-up #", "Patient ID", "Patient Age", "View Position")
    text = (
        *("Image Index", "Patient ID", "Finding Labels", "View Position", "Patient Gender", "Patient Sex"),
        *_GOOGLE.values(),
    )
    numbers = ("Follow-up #",)
    ages = ("Patient Age",)  # 58, 058Y, 011M or 004D, in different releases
    unique_file_names = True

    def index_of(self, table: pd.DataFrame, labels: NDArray[np.float32], **more: Any) -> Index:
        """The index of a table with the columns that the two have in common."""
        years = age_in_years(table["Patient Age"])
        return Index.of(
            table,
            images=table["Image Index"],
            labels=labels,
            # By age, then by follow-up number. The number in the file name does not follow time, and before 2020 the
            # follow-up number was that number.
            order=years.fillna(_OLDEST) * 1000 + table["Follow-up #"],
            patientid=table["Patient ID"],
            view=table["View Position"],
            age_years=years,
            sex=table.get("Patient Gender", table.get("Patient Sex")),  # both headers were released
            source_uid="nih:" + table["Image Index"].str.removesuffix(".png"),
            **more,
        )


class NIHDataset(_NIHImages):
    """NIH ChestX-ray14: 14 labels, and the radiologist's boxes as ``pathology_masks``.

    Args:
        spec: The spec of ``nih``.
        imgpath: Folder or archive of the PNGs, in any sub-folders; None opens labels and table only.
        csvpath: ``Data_Entry_2017_v2020.csv`` or an older one; None fetches it.
        test_list: The official ``test_list.txt``, one file name a line: ``csv`` then has ``split``, "train_val" or
            "test".
        boxes: ``BBox_List_2017.csv``. None fetches it if ``pathology_masks`` is set or ``csvpath`` is None; else
            there are no boxes, and ``has_masks`` is False everywhere.
        **options: See ``FileDataset``.

    Raises:
        TableError: ``boxes`` has an invalid row, or ``test_list`` names no image of the table; for other errors see
            ``FileDataset``.
    """

    caches_index = True
    needs = (*_NIHImages.needs, "Finding Labels")
    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        boxes: str | Path | None = None,
        test_list: str | Path | None = None,
        **options: Any,
    ) -> None:
        self._test_list = None if test_list is None else self.table_path(test_list, None)
        wanted = boxes is not None or csvpath is None or options.get("pathology_masks", False)
        self._boxes_path = self.table_path(boxes, spec.tables[1]) if wanted else None
        super().__init__(spec, imgpath, csvpath, **options)

    @cached_property
    def boxes(self) -> dict[str, dict[str, list[tuple[float, ...]]]]:
        """Boxes ``(x, y, width, height)`` by image name, then by label."""
        return by_image(self.extras["boxes"])

    def build(self, table: pd.DataFrame) -> Index:
        boxes = NO_BOXES if self._boxes_path is None else read_boxes(self._boxes_path, self.spec)
        if self._test_list is not None:
            tested = table["Image Index"].isin(read_list(self._test_list, self.spec.name))
            if not tested.any():
                raise TableError(
                    f"{self._test_list}: names no image of {self.csvpath}. Give the official test_list.txt."
                )
            table = table.assign(split=tested.map({True: "test", False: "train_val"}).astype("str"))
        rule = term_labels if self.label_policy == "strict" else substring_labels
        labels = rule(table["Finding Labels"], {name: [name] for name in self.spec.pathologies})
        has_masks = table["Image Index"].isin(boxes["image"])
        return self.index_of(table, labels, has_masks=has_masks, extras={"boxes": boxes})

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"Finding Labels": self.csv["Finding Labels"].iloc[row]}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        found = self.boxes.get(self.csv["Image Index"].iloc[row], {})
        return {label: boxes_mask(boxes, shape, _DRAWN_ON) for label, boxes in found.items()}


class NIHGoogleDataset(_NIHImages):
    """Google's adjudicated labels on 4,376 NIH images; arguments and errors as in ``FileDataset``."""

    caches_index = True
    needs = (*_NIHImages.needs, *_GOOGLE.values())

    def build(self, table: pd.DataFrame) -> Index:
        answers = table[[_GOOGLE[name] for name in self.spec.pathologies]].to_numpy()
        no = answers == "NO" if self.label_policy == "strict" else answers != "YES"
        labels = np.where(answers == "YES", 1.0, np.where(no, 0.0, np.nan)).astype(np.float32)
        return self.index_of(table, labels)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {_GOOGLE[label]: self.csv[_GOOGLE[label]].iloc[row]}
