"""The COVID-19 Image Data Collection."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, ImageSource, decode_image, fit_mask, substring_labels, term_labels

_UNDECIDED = ("todo", "Unknown")  # findings that mean "not known yet"
_LUNG = 1024.0  # white; grey marks an object that hides the lung


class COVID19Dataset(FileDataset):
    """The X-rays of the collection; ``semantic_masks=True`` gives the mask "Lungs" if there is one.

    ``labels="torchxrayvision"`` leaves out rows with an unknown finding; "strict" keeps them with NaN labels.

    Args:
        spec: The spec of ``covid19``.
        imgpath: Folder or archive of the images, in any sub-folders; None opens labels and table only.
        csvpath: ``metadata.csv``; None fetches it.
        lungmasks: ``semantic_masks_v7labs_lungs.zip`` or its folder. None fetches it if
            ``semantic_masks`` is set; else there are no masks, and ``has_masks`` is False everywhere.
        **options: See ``FileDataset``.

    Raises:
        ImageError: A lung mask that cannot be decoded; for other errors see ``FileDataset``.
    """

    needs = ("patientid", "offset", "sex", "age", "finding", "view", "modality", "filename")
    text = ("patientid",)
    unique_file_names = True
    gives_semantic_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        lungmasks: str | Path | None = None,
        **options: Any,
    ) -> None:
        wanted = lungmasks is not None or options.get("semantic_masks", False)
        self.lungmasks = ImageSource(self.table_path(lungmasks, spec.tables[1]), by_name=True) if wanted else None
        super().__init__(spec, imgpath, csvpath, **options)

    def rows(self, table: pd.DataFrame) -> pd.DataFrame:
        xrays = table[table["modality"] == "X-ray"]
        return xrays if self.label_policy == "strict" else xrays[~xrays["finding"].isin(_UNDECIDED)]

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table["filename"]

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        offset = pd.to_numeric(table["offset"], errors="coerce")  # days since symptoms or admission
        return {
            "patientid": table["patientid"],
            "view": table["view"],
            "offset_day_int": np.floor(offset),
            "age_years": pd.to_numeric(table["age"], errors="coerce"),
            "sex": table["sex"],
            "has_masks": [self._lungs(name) is not None for name in table["filename"]],
            "source_uid": "covid19:" + table["filename"],
        }

    def label_names(self, table: pd.DataFrame) -> Sequence[str]:
        return sorted(set(self._findings(table).dropna().str.split("/").explode().str.strip()))

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        terms = {name: [name] for name in self.pathologies}
        if self.label_policy == "strict":
            return term_labels(self._findings(table), terms, separator="/")
        return substring_labels(table["finding"], terms)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"finding": self.csv["finding"].iloc[row]}

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        mask = self._lungs(self.image_name(row))
        return {} if mask is None else {"Lungs": fit_mask(mask, shape)}

    def _findings(self, table: pd.DataFrame) -> pd.Series[Any]:
        """Paths of findings, NaN if unknown; early tables also have lists such as "COVID-19, ARDS"."""
        if self.label_policy != "strict":
            return table["finding"]
        known = table["finding"].where(~table["finding"].isin(_UNDECIDED))
        return known.str.replace(r",\s*", "/", regex=True)

    def _lungs(self, name: str) -> NDArray[np.float32] | None:
        """The lung mask of an image; None if it is missing or all black, as for lateral views."""
        if self.lungmasks is None or self.lungmasks.missing([name]):
            return None
        pixels = decode_image(self.lungmasks.read(name), f"{self.lungmasks.root}/{name}")
        mask = (pixels == _LUNG).astype(np.float32)
        return mask if mask.any() else None
