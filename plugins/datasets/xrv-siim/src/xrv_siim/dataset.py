"""The SIIM-ACR Pneumothorax Segmentation challenge."""

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
    choose_extension,
    dicom_headers,
    fit_mask,
    image_extension,
    siim_rle_mask,
)
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

    Raises:
        TableError: The table contradicts itself; or, when an item is read, its outline cannot be decoded.
        ImageError: With ``read_headers``, a damaged file; for other errors see ``FileDataset``.
    """

    caches_index = True
    needs = ("ImageId",)
    text = ("ImageId", "EncodedPixels", " EncodedPixels")
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
        self.other_extensions = extension is None
        super().__init__(spec, imgpath, csvpath, **options)

    @cached_property
    def outlines(self) -> dict[str, list[str]]:
        """The run-length encodings of each image that has one, by image."""
        return outlines_by_image(self.extras["outlines"])

    @property
    def extension(self) -> str:
        """The file name extension in use."""
        return str(self.extras["extension"])

    def build(self, table: pd.DataFrame) -> Index:
        """One row an image, with the number of its outlines; the source has one an outline."""
        outlines, images = read_outlines(table, self.csvpath, self.spec.name, self.on_duplicates)
        drawn = images["outlines"] > 0
        return Index.of(
            images,
            images=images["ImageId"],
            labels=drawn.to_numpy(dtype=np.float32)[:, None],
            extras={"outlines": outlines},
            has_masks=drawn,
            source_uid="siim:" + images["ImageId"],
        )

    def locate(self, index: Index) -> Index:
        extension = choose_extension(self.source, index.images.tolist(), _EXTENSIONS, self._extension)
        index = super().locate(index._replace(images=index.images + extension))
        index = index._replace(extras={**index.extras, "extension": image_extension(index.images.iloc[0])})
        if not self._read_headers:
            return index
        headers = dicom_headers(self.source, index.images.tolist(), ("ViewPosition", "PatientSex", "PatientAge"))
        known = {"view": headers["ViewPosition"], "sex": headers["PatientSex"]}
        return index.with_common(**known, age_years=age_in_years(headers["PatientAge"]))

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"EncodedPixels": list(self.outlines.get(self.csv["ImageId"].iloc[row], ["-1"]))}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        image = self.csv["ImageId"].iloc[row]
        where = f"{self.csvpath}, {image}"
        masks = [siim_rle_mask(rle, where=where) for rle in self.outlines.get(image, ())]
        return {"Pneumothorax": fit_mask(np.maximum.reduce(masks), shape, where=where)} if masks else {}
