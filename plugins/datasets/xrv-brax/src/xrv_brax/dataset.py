"""BRAX."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from xrv_core import DatasetSpec
from xrv_core.datasets import ChexpertLabelled, Index, age_in_years, release_folder
from xrv_core.errors import ArgumentError

_OLDEST = "85 or more"


class BRAXDataset(ChexpertLabelled):
    """BRAX: 13 labels of Brazilian reports, on PNGs.

    Args:
        spec: The spec of ``brax``.
        imgpath: ``images`` of the release, or the folder that holds it; or an archive of it. None opens labels and
            table only.
        csvpath: ``master_spreadsheet_update.csv``.
        max_aspect_ratio: Leave out images whose sides have a larger ratio: 12 images of the release are thin strips
            (19:1 to 213:1), not radiographs; all others are below 9:1. None keeps them.
        **options: ``uncertain`` and ``blank``, see ``ChexpertLabelled``; the others, see ``FileDataset``.

    Raises:
        ArgumentError: ``max_aspect_ratio`` below 1; for other errors see ``ChexpertLabelled``.
    """

    needs = (
        *ChexpertLabelled.needs,
        *("No Finding", "PngPath", "PatientID", "PatientSex", "PatientAge", "ViewPosition", "Rows", "Columns"),
    )
    text = ("PngPath", "PatientID", "PatientSex", "PatientAge", "ViewPosition", "StudyDate")
    numbers = ("Rows", "Columns")
    identifying_parts = 1

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        max_aspect_ratio: float | None = 10,
        **options: Any,
    ) -> None:
        if max_aspect_ratio is not None and not max_aspect_ratio >= 1:
            raise ArgumentError(f"max_aspect_ratio={max_aspect_ratio!r} must be 1 or more, or None for all images.")
        self.max_aspect_ratio = max_aspect_ratio
        super().__init__(spec, imgpath, csvpath, **options)

    def build(self, table: pd.DataFrame) -> Index:
        if self.max_aspect_ratio is not None:
            sides = table[["Rows", "Columns"]]
            table = table[~(sides.max(axis=1) / sides.min(axis=1) > self.max_aspect_ratio)]
        images = table["PngPath"].str.removeprefix("images/")
        # Some copies have the fictitious StudyDate as "1970-01-01 00:00:00.020120408" for 2012-04-08.
        dates = table.get("StudyDate", pd.Series(pd.NA, index=table.index, dtype="str"))
        return Index.of(
            table,
            images=images,
            labels=self.labels_of(table),
            order=pd.to_numeric(dates.str.extract(r"(\d{8})$")[0]),
            patientid=table["PatientID"],
            view=table["ViewPosition"],
            age_years=age_in_years(table["PatientAge"].replace(_OLDEST, _OLDEST[:2])),
            sex=table["PatientSex"],
            source_uid="brax:" + images.str.removesuffix(".png"),
        )

    def locate(self, index: Index) -> Index:
        return super().locate(index._replace(images=release_folder(self.source, "images") + index.images))
