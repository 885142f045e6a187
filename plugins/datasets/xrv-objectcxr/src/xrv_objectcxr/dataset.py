"""Object-CXR."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, Index, require_columns, shapes_mask
from xrv_core.errors import TableError, reading
from xrv_objectcxr.annotations import read_shapes


class ObjectCXRDataset(FileDataset):
    """Frontal X-rays with foreign objects, whose outlines are ``pathology_masks``.

    Args:
        spec: The spec of ``objectcxr``.
        imgpath: ``train.zip`` or ``dev.zip``, read in place, or a folder; None opens labels and table only.
        csvpath: ``train.csv`` or ``dev.csv``, with the header ``image_name`` or the older ``image_path``.
        **options: See ``FileDataset``.

    Raises:
        TableError: With ``pathology_masks=True``, an annotation is not a shape; for other errors see ``FileDataset``.
    """

    needs = ("annotation",)
    text = ("image_name", "image_path", "annotation")
    unique_file_names = True
    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        **options: Any,
    ) -> None:
        super().__init__(spec, imgpath, csvpath, **options)
        if self.pathology_masks:
            for row in range(len(self)):
                self._shapes(row)

    def load_table(self) -> pd.DataFrame:
        table = super().load_table()
        if "image_path" in table.columns:  # as in "/path/00001.jpg"
            table["image_name"] = table["image_path"].str.rpartition("/")[2]
        require_columns(table, ["image_name"], self.csvpath, self.spec.name)
        table["annotation"] = table["annotation"].fillna("").str.strip()
        return table

    def build(self, table: pd.DataFrame) -> Index:
        drawn = table["annotation"] != ""
        return Index.of(
            table,
            images=table["image_name"],
            labels=drawn.to_numpy(dtype=np.float32)[:, None],
            has_masks=drawn,
            source_uid="objectcxr:" + table["image_name"].str.removesuffix(".jpg"),
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"annotation": self.csv["annotation"].iloc[row]}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        with reading(self._where(row), TableError):
            shapes = self._shapes(row)
            return {self.pathologies[0]: shapes_mask(shapes, shape)} if shapes else {}

    def _shapes(self, row: int) -> list[tuple[str, tuple[float, ...]]]:
        """The shapes drawn on an image, in its pixels."""
        return read_shapes(self.csv["annotation"].iloc[row], self._where(row))

    def _where(self, row: int) -> str:
        return f"{self.csvpath}, image {self.image_name(row)!r}"
