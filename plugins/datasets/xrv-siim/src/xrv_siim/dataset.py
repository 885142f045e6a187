"""The SIIM-ACR Pneumothorax Segmentation challenge."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, age_in_years, choose_extension, dicom_headers, fit_mask, siim_rle_mask
from xrv_siim.outlines import outlines_by_image, read_outlines

_EXTENSIONS = (".dcm", ".png", ".jpg", ".jpeg")


class SIIMDataset(FileDataset):
    """One item an image, with the union of its outlines as the mask "Pneumothorax".

    Args:
        spec: The spec of ``siim``.
        imgpath: Folder or archive of the DICOM, PNG or JPEG files; None opens labels and table only.
        csvpath: ``train-rle.csv`` or ``stage_2_train.csv``; None fetches it.
        read_headers: Fill ``view``, ``sex`` and ``age_years`` from the headers of the DICOM files. Every file is
            opened once: 10 seconds for all files on a fast disk, minutes on a slow one.
        extension: ".dcm", ".png", ".jpg" or ".jpeg"; None takes the extension of most images.
        **options: See ``FileDataset``.

    Attributes:
        extension: The extension in use.

    Raises:
        TableError: The table contradicts itself; or, when an item is read, its outline cannot be decoded.
        ImageError: With ``read_headers``, a damaged file; for other errors see ``FileDataset``.
    """

    keeps_index = True
    needs = ("ImageId",)
    text = ("ImageId",)
    unique_file_names = True
    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        read_headers: bool = False,
        extension: str | None = None,
        **options: Any,
    ) -> None:
        self._read_headers = read_headers
        self._extension = extension
        super().__init__(spec, imgpath, csvpath, **options)

    @cached_property
    def outlines(self) -> dict[str, list[str]]:
        """The run-length encodings by image."""
        return outlines_by_image(self._outlines)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """One row an image, with the number of its outlines; the source has one row an outline."""
        self._outlines, images = read_outlines(table, self.csvpath, self.spec.name)
        names = images["ImageId"].tolist()
        self.extension = choose_extension(self.source, names, _EXTENSIONS, self._extension)
        return images

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["ImageId"] + self.extension

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        known = {"has_masks": table["outlines"] > 0, "source_uid": "siim:" + table["ImageId"]}
        if not self._read_headers:
            return known
        keywords = ("ViewPosition", "PatientSex", "PatientAge")
        headers = dicom_headers(self.source, self.image_names(table).tolist(), keywords)
        ages = age_in_years(headers["PatientAge"])
        return {**known, "view": headers["ViewPosition"], "sex": headers["PatientSex"], "age_years": ages}

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        return (table[["outlines"]] > 0).to_numpy(dtype=np.float32)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"EncodedPixels": list(self.outlines.get(self.csv["ImageId"].iloc[row], ["-1"]))}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        image = self.csv["ImageId"].iloc[row]
        where = f"{self.csvpath}, {image}"
        masks = [siim_rle_mask(rle, where=where) for rle in self.outlines.get(image, ())]
        return {"Pneumothorax": fit_mask(np.maximum.reduce(masks), shape)} if masks else {}
