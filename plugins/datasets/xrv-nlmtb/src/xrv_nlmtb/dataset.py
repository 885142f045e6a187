"""The Montgomery and Shenzhen sets."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, Index, decode_image, fit_mask
from xrv_core.errors import ArgumentError, PathMissing, TableError
from xrv_nlmtb.listing import list_images

_MASKS = {"Left Lung": ("left_mask",), "Right Lung": ("right_mask",), "Lungs": ("left_mask", "right_mask", "lung_mask")}


class NLMTBDataset(FileDataset):
    """Tuberculosis by the last digit of the file name; ``semantic_masks=True`` gives the lungs if they were drawn.

    There is no table, so ``csvpath`` must be omitted.

    Args:
        spec: The spec of ``nlmtb``.
        imgpath: Folder or archive ``MontgomerySet`` or ``ChinaSet_AllFiles``, which holds ``CXR_png``,
            or one that holds both. ``ClinicalReadings``, ``ManualMask`` and, for Shenzhen, files such as
            ``mask/CHNCXR_0001_0_mask.png`` are used if they exist.
        csvpath: None.
        **options: See ``FileDataset``.

    Raises:
        ArgumentError: ``imgpath`` is missing, or ``csvpath`` is given.
        PathMissing: ``imgpath`` holds no such images.
        TableError: A file name has no label; for other errors see ``FileDataset``.
    """

    gives_semantic_masks = True

    def __init__(
        self, spec: DatasetSpec, imgpath: str | Path | None = None, csvpath: None = None, **options: Any
    ) -> None:
        if csvpath is not None:
            raise ArgumentError(f"{spec.name!r} has no table: its file names give the labels. Leave csvpath out.")
        if imgpath is None:
            raise ArgumentError(f"{spec.name!r} has no table, so it needs imgpath=.... How to obtain it: {spec.obtain}")
        super().__init__(spec, imgpath, imgpath, **options)

    def load_table(self) -> pd.DataFrame:
        """A row for each image in ``imgpath``."""
        rows = list_images(self.source)
        if not rows:
            raise PathMissing(
                f"{self.csvpath}: no folder CXR_png with PNG images in it. "
                "Give MontgomerySet, ChinaSet_AllFiles or a folder that holds them as imgpath."
            )
        untold = next((row["path"] for row in rows if row["label"] is None), None)
        if untold is not None:
            raise TableError(f"{self.csvpath}: {untold!r} ends neither in 0 (normal) nor in 1 (tuberculosis).")
        return pd.DataFrame(rows)

    def build(self, table: pd.DataFrame) -> Index:
        return Index.of(
            table,
            images=table["path"],
            labels=table[["label"]].to_numpy(dtype=np.float32),
            patientid=table["patient"],
            view=["PA"] * len(table),  # all of them, says the article
            age_years=table["age"],
            sex=table["sex"],
            has_masks=table[list(_MASKS["Lungs"])].notna().any(axis=1),
            source_uid="nlmtb:" + table["fname"].str.removesuffix(".png"),
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return self.csv.loc[row, ["fname", "reading"]].to_dict()

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        files = {column: self.csv[column].iloc[row] for column in _MASKS["Lungs"]}
        drawn = {column: self._mask(file, shape) for column, file in files.items() if pd.notna(file)}
        parts = {name: [drawn[column] for column in columns if column in drawn] for name, columns in _MASKS.items()}
        return {name: np.max(masks, axis=0) for name, masks in parts.items() if masks}

    def _mask(self, file: str, shape: tuple[int, int]) -> NDArray[np.float32]:
        """1 where the file of a mask is white."""
        where = f"{self.source.root}/{file}"
        pixels = decode_image(self.source.read(file), where)
        return fit_mask((pixels > 0).astype(np.float32), shape, where=where)  # 0 is half way between black and white
