"""TBX11K."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, Index, boxes_mask, read_json
from xrv_core.errors import ArgumentError, ImageMissing, PathMissing
from xrv_tbx11k.coco import Boxes, read_coco

_SPLITS = ("train", "val", "trainval")
_OFFICIAL = ("train", "val")
_ALL = "Tuberculosis"  # any kind of tuberculosis
_FOLDER = "tb/"  # folder of the images of patients with tuberculosis


class TBX11KDataset(FileDataset):
    """TBX11K, with the boxes as ``pathology_masks``; "Tuberculosis" covers the boxes of every kind.

    Args:
        spec: The spec of ``tbx11k``.
        imgpath: The folder (or archive) TBX11K, with ``imgs/`` and ``annotations/`` in it.
        csvpath: A JSON file of annotations; None takes ``annotations/json/TBX11K_<split>.json`` of ``imgpath``.
        split: "train", "val" or "trainval"; ignored if ``csvpath`` is given. ``csv`` has the column ``split``, except
            for "trainval": merge train and val instead.
        **options: See ``FileDataset``.

    Raises:
        ArgumentError: The split is unknown.
        PathMissing: ``imgpath`` holds no annotations.
        TableError: Annotations that cannot be read; for other errors see ``FileDataset``.
    """

    gives_pathology_masks = True
    identifying_parts = 1

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        split: str = "train",
        **options: Any,
    ) -> None:
        if split not in _SPLITS:
            raise ArgumentError(f"split={split!r} is not a split with labels. Choose one of: {', '.join(_SPLITS)}.")
        self.split = split
        self._is_in_source = csvpath is None and imgpath is not None
        if imgpath is not None and csvpath is None:
            csvpath = Path(imgpath) / f"annotations/json/TBX11K_{split}.json"
        super().__init__(spec, imgpath, csvpath, **options)

    @property
    def boxes(self) -> Boxes:
        """The boxes by file name, then by kind."""
        found: Boxes = self.extras["boxes"]
        return found

    def load_table(self) -> pd.DataFrame:
        """A row for each image of the JSON file, with its boxes in ``drawn``."""
        data = None
        if self._is_in_source:
            try:
                data = self.source.read(f"annotations/json/{self.csvpath.name}")
            except ImageMissing:
                raise PathMissing(f"{self.csvpath}: no such file. Give the folder TBX11K as imgpath.") from None
        found = read_json(self.csvpath, self.spec.name, data, expected=f"TBX11K_{self.split}.json")
        table, boxes = read_coco(found, self.spec.pathologies)
        return table.assign(drawn=[boxes.get(name, {}) for name in table["file_name"]])

    def build(self, table: pd.DataFrame) -> Index:
        names, drawn = table["file_name"], table["drawn"]
        labels = np.zeros((len(table), len(self.spec.pathologies)), dtype=np.float32)
        for column, label in enumerate(self.spec.pathologies):
            labels[:, column] = [label in found or (label == _ALL and bool(found)) for found in drawn]
        has_masks = drawn.map(bool)
        if self.label_policy == "strict":  # one patient with tuberculosis has no box, so its kind is not known
            unknown = (names.str.startswith(_FOLDER) & ~has_masks).to_numpy()
            labels[unknown] = [1 if label == _ALL else np.nan for label in self.spec.pathologies]
        split = self.csvpath.stem.removeprefix("TBX11K_")
        rows = table.drop(columns="drawn")
        return Index.of(
            rows.assign(split=split) if split in _OFFICIAL else rows,
            images="imgs/" + names,
            labels=labels,
            extras={"boxes": {name: found for name, found in zip(names, drawn, strict=True) if found}},
            has_masks=has_masks,
            source_uid="tbx11k:" + names.str.replace(r"\.\w+$", "", regex=True),
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        name = str(self.csv["file_name"].iloc[row])
        found = self._boxes(name)
        boxes = {kind: drawn for kind, drawn in found.items() if label in (kind, _ALL)}
        return {"file_name": name, **boxes}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        found = self._boxes(str(self.csv["file_name"].iloc[row]))
        image = self.csv.iloc[row]
        drawn_on = (int(image["height"]), int(image["width"]))
        if found:
            found = {**found, _ALL: [box for boxes in found.values() for box in boxes]}
        return {label: boxes_mask(boxes, shape, drawn_on) for label, boxes in found.items()}

    def _boxes(self, file_name: str) -> dict[str, list[tuple[float, float, float, float]]]:
        """The boxes of an image, by kind."""
        return self.boxes.get(file_name, {})
