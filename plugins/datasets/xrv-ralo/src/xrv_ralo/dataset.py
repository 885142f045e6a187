"""The Stony Brook RALO scores."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import FileDataset, Index, days_from_first, read_table

# The total of each of the two readers; pandas adds ".1" to repeated names.
_READERS = {
    "Geographic Extent": ["Total GEOGRAPHIC", "Total GEOGRAPHIC.1"],
    "Lung Opacity": ["Total OPACITY", "Total OPACITY.1"],
}
_SCORES = [column for columns in _READERS.values() for column in columns]


class RALODataset(FileDataset):
    """Severity scores from 0 to 8 as labels, the mean of two readers; arguments as in ``FileDataset``.

    ``imgpath`` is the folder ``CXR_images_scored`` or an archive of it; ``csvpath`` is
    ``ralo-dataset-metadata.csv``, whose row i scores the image ``<i>.jpg``.

    Raises:
        TableError: A score is not a number; for other errors see ``FileDataset``.
    """

    needs = ("Subject_ID", "Exam_DateTime", *_SCORES)
    text = ("Subject_ID", "Exam_DateTime")
    unique_file_names = True

    def load_table(self) -> pd.DataFrame:
        name = "ralo-dataset-metadata.csv"
        table = read_table(
            self.csvpath,
            needs=self.needs,
            text=self.text,
            numbers=_SCORES,
            owner=self.spec.name,
            expected=name,
            skiprows=1,
        )  # above the header is a row that groups the columns
        table["offset_day_int"] = days_from_first(table["Exam_DateTime"], table["Subject_ID"], self.csvpath, skiprows=1)
        return table.assign(image=[f"{row}.jpg" for row in range(len(table))])

    def build(self, table: pd.DataFrame) -> Index:
        scores = [table[_READERS[name]].mean(axis=1, skipna=False) for name in self.spec.pathologies]
        return Index.of(
            table,
            images=table["image"],
            labels=np.column_stack(scores).astype(np.float32),
            order=table["Exam_DateTime"].rank(method="dense"),
            patientid=table["Subject_ID"],
            view=["AP"] * len(table),  # all of them are portable, says the article
            offset_day_int=table["offset_day_int"],
            source_uid="ralo:" + table["image"].str.removesuffix(".jpg"),
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        return self.csv.loc[row, _READERS[label]].to_dict()
