"""The Hannover COVID-19 image repository."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets import FileDataset, Index, age_in_years, whole_days

# The column with the day of the event, counted from the image; blank if it did not happen.
_WHEN = {"ICU Admission": "icu_admission_offset", "Death": "death_offset"}


class HannoverDataset(FileDataset):
    """X-rays of patients with COVID-19, with outcomes as labels; arguments and errors as in ``FileDataset``.

    ``imgpath`` is the folder ``png``, the repository or its zip; ``csvpath`` is ``data.csv``.
    """

    needs = ("patient_id", "image_id", "sex", "age", "admission_offset", "projection", *_WHEN.values())
    text = ("patient_id", "image_id", "sex", "projection")
    ages = ("age",)
    unique_file_names = True

    def build(self, table: pd.DataFrame) -> Index:
        columns = [
            table[_WHEN[name]].notna() if name in _WHEN else np.ones(len(table)) for name in self.spec.pathologies
        ]
        return Index.of(
            table,
            images=table["image_id"] + ".png",
            labels=np.column_stack(columns).astype(np.float32),
            patientid=table["patient_id"],
            view=table["projection"].str.upper(),
            offset_day_int=-whole_days(table["admission_offset"], self.csvpath),  # -4: admitted four days before
            age_years=age_in_years(table["age"]),
            sex=table["sex"].map({"m": "M", "f": "F", "w": "F"}),  # the readme says w, the table f
            source_uid="hannover:" + table["image_id"],
        )

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        if label in _WHEN:
            return {_WHEN[label]: self.csv[_WHEN[label]].iloc[row]}
        return {"readme.md": "a data set of COVID-19 cases"}
