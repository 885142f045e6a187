"""Open-i (Indiana University)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from xrv_core import DatasetSpec
from xrv_core.datasets import (
    FileDataset,
    Index,
    dates_in,
    days_from_first,
    distinct_rows,
    joined,
    read_table,
    substring_labels,
)
from xrv_openi.reports import COLUMNS, read_reports
from xrv_openi.terms import deciding_terms, mesh_labels

# What torchxrayvision 1.5.7 looks for in the automatic terms, where it is not the label's own name.
_SUBSTRINGS = {
    "Atelectasis": ["atelectasis", "atelectases"],
    "Infiltration": ["infiltration", "infiltrate"],
    "Lung Lesion": ["lesion"],
    "Lung Opacity": ["opacity"],
    "Pleural_Thickening": ["pleural_thickening", "pleural thickening"],
}
_DATES = ("Study Date", "Patient's Birth Date")
_HEADERS = ("imageid", "View Position", *_DATES)
_REPORTS = COLUMNS[:4]
_DERIVED = ("imageid", "tsne-view")
_VIEWS = {"LATERAL": "L", "LARGE LATERAL": "L"}


class OpeniDataset(FileDataset):
    """Images of Open-i with labels from the MeSH terms of their reports.

    ``labels="strict"`` uses the terms that people coded (``mesh_major``), by the rules of terms.csv; reports
    without coded terms are NaN. ``labels="torchxrayvision"`` searches the terms that a program found
    (``mesh_automatic``) for the label's name.

    Args:
        spec: The spec of ``openi``.
        imgpath: Folder or archive of the PNGs, in any sub-folders; None opens labels and table only.
        csvpath: ``NLMCXR_reports.tgz``, read without unpacking, or its folder; or a DataFrame with the
            columns ``uid``, ``imageid``, ``mesh_major`` and ``mesh_automatic``. None fetches the first.
        dicomcsv: ``nlmcxr_dicom_metadata.csv.gz``, the headers of the DICOM files, with view and age. None
            fetches it if ``csvpath`` is also None; else view and age are unknown.
        use_tsne_derived_view: Take the view from ``tsnecsv``, which has PA or L for 3,851 images.
        tsnecsv: ``nlmcxr_tsne_pa.csv.gz``. None fetches it if ``use_tsne_derived_view``.
        **options: See ``FileDataset``.

    Raises:
        TableError: A damaged archive, or an unreadable report; for other errors see ``FileDataset``.
    """

    caches_index = True
    unique_file_names = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        dicomcsv: str | Path | None = None,
        use_tsne_derived_view: bool = False,
        tsnecsv: str | Path | None = None,
        **options: Any,
    ) -> None:
        self.spec = spec
        headers = dicomcsv is not None or csvpath is None
        self._dicom = self.table_path(dicomcsv, spec.tables[1]) if headers else None
        derived = use_tsne_derived_view or tsnecsv is not None
        self._tsne = self.table_path(tsnecsv, spec.tables[2]) if derived else None
        self._view_column = "tsne-view" if use_tsne_derived_view else "View Position"
        super().__init__(spec, imgpath, csvpath, **options)

    def load_table(self) -> pd.DataFrame:
        if hasattr(self.csvpath, "frame"):
            table = read_table(self.csvpath, needs=_REPORTS, text=_REPORTS, owner=self.spec.name)
            table = table[[name for name in COLUMNS if name in table]]
        else:
            table = read_reports(self.csvpath, self.spec.name)
        wanted = ((self._dicom, _HEADERS, self.spec.tables[1]), (self._tsne, _DERIVED, self.spec.tables[2]))
        for path, needs, asset in wanted:
            if path is not None:
                name, owner = Path(asset.name).name, self.spec.name
                more = read_table(path, needs=needs, text=needs, dates=_DATES, owner=owner, expected=name)
                more = distinct_rows(more, "imageid", where=path, on_duplicates=self.on_duplicates)
                table = joined(table, more, on="imageid", key="imageid")
        return table

    def build(self, table: pd.DataFrame) -> Index:
        known: dict[str, Any] = {}
        if self._view_column in table.columns:
            known["view"] = table[self._view_column].replace(_VIEWS)
        if self._dicom is not None:
            taken, born = (dates_in(table[name]) for name in _DATES)
            known["age_years"] = (taken - born).dt.days / 365.25
            known["offset_day_int"] = days_from_first(taken, table["uid"])
        names = self.spec.pathologies
        if self.label_policy == "strict":
            labels = mesh_labels(table["mesh_major"], names)
        else:
            labels = substring_labels(table["mesh_automatic"].str.lower(), {n: _substrings(n) for n in names})
        uids = "openi:" + table["imageid"]
        images = table["imageid"] + ".png"
        return Index.of(table, images=images, labels=labels, patientid=table["uid"], source_uid=uids, **known)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        if self.label_policy == "strict":
            return {"mesh_major": deciding_terms(self.csv["mesh_major"].iloc[row], label)}
        cell = self.csv["mesh_automatic"].iloc[row]
        found = [t for t in str(cell).split("|") if any(text in t.lower() for text in _substrings(label))]
        return {"mesh_automatic": "|".join(found) or cell}


def _substrings(label: str) -> list[str]:
    return _SUBSTRINGS.get(label, [label.lower()])
