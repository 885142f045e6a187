"""The COVID-19 Image Data Collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import (
    FileDataset,
    ImageSource,
    Index,
    age_in_years,
    decode_image,
    fit_mask,
    substring_labels,
    term_labels,
    whole_days,
)
from xrv_core.errors import ImageMissing

_UNDECIDED = ("todo", "Unknown")  # findings that are not known yet
_LUNG = 1024.0  # white; grey in the files is an object that hides the lung


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
    text = ("patientid", "sex", "finding", "view", "modality", "filename")
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
        self.spec = spec
        links = options.get("follow_symlinks", False)
        where = self.table_path(lungmasks, spec.tables[1]) if wanted else None
        self.lungmasks = ImageSource(where, by_name=True, follow_symlinks=links) if where else None
        super().__init__(spec, imgpath, csvpath, **options)

    def build(self, table: pd.DataFrame) -> Index:
        table = table[table["modality"] == "X-ray"]
        findings = table["finding"]
        if self.label_policy == "strict":
            known = findings.where(~findings.isin(_UNDECIDED))
            findings = known.str.replace(r",\s*", "/", regex=True)  # early tables also list findings: "COVID-19, ARDS"
        else:
            table = table[~findings.isin(_UNDECIDED)]
            findings = table["finding"]
        names = sorted(set(findings.dropna().str.split("/").explode().str.strip()))
        terms = {name: [name] for name in names}
        offsets = table["offset"].where(pd.to_numeric(table["offset"], errors="coerce").notna())  # some are remarks
        strict = self.label_policy == "strict"
        return Index.of(
            table,
            images=table["filename"],
            labels=term_labels(findings, terms, separator="/") if strict else substring_labels(findings, terms),
            pathologies=names,
            patientid=table["patientid"],
            view=table["view"],
            offset_day_int=whole_days(offsets, self.csvpath),  # from symptoms or admission
            age_years=age_in_years(table["age"]),
            sex=table["sex"],
            has_masks=[self._lungs(name) is not None for name in table["filename"]],
            source_uid="covid19:" + table["filename"],
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return {"finding": self.csv["finding"].iloc[row]}

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        name = self.csv["filename"].iloc[row]
        mask = self._lungs(name)
        return {} if mask is None else {"Lungs": fit_mask(mask, shape, where=f"the lung mask of {name}")}

    def _lungs(self, name: str) -> NDArray[np.float32] | None:
        """The lung mask of an image; None if it is missing or all black, as for lateral views."""
        if self.lungmasks is None:
            return None
        try:
            data = self.lungmasks.read(name)
        except ImageMissing:
            return None
        pixels = decode_image(data, f"{self.lungmasks.root}/{name}")
        mask = (pixels == _LUNG).astype(np.float32)
        return mask if mask.any() else None
