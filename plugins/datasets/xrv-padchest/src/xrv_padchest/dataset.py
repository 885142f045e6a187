"""PadChest."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import (
    FileDataset,
    Index,
    ListedTerms,
    age_in_years,
    dates_in,
    days_from_first,
    substring_labels,
)
from xrv_core.errors import TableError
from xrv_padchest.terms import broken_files, substrings, terms

_VIEW = {"AP_horizontal": "AP Supine", "UNK": "UNKNOWN"}


def _bare(term: str) -> str:
    return term.replace("'", "").strip()


class PadChestDataset(FileDataset):
    """PadChest: 28 labels from the terms of its reports.

    ``labels="strict"`` compares whole terms with ``terms.csv``; all labels are unknown (NaN) if no term has any
    information (only blank, "unchanged", "exclude" or "suboptimal study"). ``labels="torchxrayvision"`` searches the
    text of the cell, and leaves out rows without text, and patients born in 2009 or later or of unknown birth.

    Both leave out the unreadable files of ``broken_files.txt``. Arguments and errors as in ``FileDataset``;
    ``imgpath`` holds the PNGs in any sub-folders. With ``labels="strict"``, a term that is not in ``terms.csv`` is a
    ``TableError``.
    """

    caches_index = True
    needs = ("ImageID", "StudyDate_DICOM", "PatientID", "PatientBirth", "PatientSex_DICOM", "Projection", "Labels")
    text = ("ImageID", "StudyID", "PatientID", "PatientSex_DICOM", "Projection", "Labels")  # ids of up to 39 digits
    numbers = ("PatientBirth",)  # a year
    unique_file_names = True

    def build(self, table: pd.DataFrame) -> Index:
        taken = dates_in(table["StudyDate_DICOM"], self.csvpath)
        table["offset_day_int"] = days_from_first(taken, table["PatientID"])
        table["Labels"] = table["Labels"].mask(table["Labels"] == "nan")  # the release writes blank cells so
        keep = ~table["ImageID"].isin(list(broken_files()))
        if self.label_policy == "torchxrayvision":
            keep &= table["Labels"].notna() & (2019 - table["PatientBirth"] > 10)
        table = table[keep]
        return Index.of(
            table,
            images=table["ImageID"],
            labels=self._labels(table["Labels"]),
            patientid=table["PatientID"],
            view=table["Projection"].replace(_VIEW),
            offset_day_int=table["offset_day_int"],
            age_years=age_in_years(taken[keep].dt.year - table["PatientBirth"]),
            sex=table["PatientSex_DICOM"],
            source_uid="padchest:" + table["ImageID"].str.removesuffix(".png"),
        )

    def _labels(self, cells: pd.Series[Any]) -> NDArray[np.float32]:
        """The labels of the column ``Labels``."""
        if self.label_policy == "torchxrayvision":
            return substring_labels(cells, {name: substrings(name) for name in self.spec.pathologies})
        of_label, telling, silent = terms()
        codes, distinct = pd.factorize(cells, use_na_sentinel=False)  # a sixth of them are different
        lists = ListedTerms(pd.Series(distinct).str.strip("[]"), ",", _bare)
        for term in sorted(lists.names.difference(telling, silent))[:1]:
            raise TableError(
                f"{self.csvpath}: the term {term!r} in 'Labels' is not in terms.csv of xrv-padchest, so its labels are "
                'unknown. Pass labels="torchxrayvision" to read any text.'
            )
        wanted = {**{name: of_label[name] for name in self.spec.pathologies}, "*": telling}
        found = lists.labels(wanted)
        labels = found[:, :-1].copy()
        labels[found[:, -1] != 1] = np.nan
        return np.take(labels, codes, axis=0)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        """The cell, and the terms in it that mean the label."""
        cell = self.csv["Labels"].iloc[row]
        there = [] if pd.isna(cell) else [term.strip() for term in re.findall(r"'([^']*)'", cell)]
        if self.label_policy == "strict":
            meant = [term for term in there if term in terms().of_label[label]]
        else:
            meant = [term for term in there if any(text in f"'{term}'" for text in substrings(label))]
        return {"Labels": cell, "terms": meant}
