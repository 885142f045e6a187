"""MIMIC-CXR-JPG."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from xrv_core import DatasetSpec
from xrv_core.datasets import (
    ChexpertLabelled,
    Index,
    days_from_first,
    distinct_rows,
    read_table,
    release_folder,
    require_columns,
)
from xrv_core.errors import ArgumentError, TableError

_SPLITS = ("train", "validate", "test")
_STUDY = ["subject_id", "study_id"]
_RADIOLOGIST = "Airspace Opacity"  # a column that only the radiologist's table has
_LABELS, _METADATA, _SPLIT = (f"mimic-cxr-2.0.0-{name}.csv.gz" for name in ("chexpert", "metadata", "split"))


class MIMICDataset(ChexpertLabelled):
    """MIMIC-CXR-JPG: all images of a study have the 13 labels of its report, from the CheXpert labeler or NegBio.

    ``labels="torchxrayvision"`` leaves out the images of the few studies without labels; "strict" keeps them with
    NaN labels.

    Args:
        spec: The spec of ``mimic``.
        imgpath: ``files`` of the release, any folder above or below it, or a folder of all files without sub-folders;
            or an archive. JPEG, or the DICOM files of MIMIC-CXR. None opens labels and tables only.
        csvpath: ``mimic-cxr-2.0.0-chexpert.csv.gz`` or ``mimic-cxr-2.0.0-negbio.csv.gz``; or
            ``mimic-cxr-2.1.0-test-set-labeled.csv``, with a radiologist's labels of 687 reports: only the images of
            these studies are in the dataset then.
        metadata: ``mimic-cxr-2.0.0-metadata.csv.gz``.
        splits: ``mimic-cxr-2.0.0-split.csv.gz``; adds the column ``split`` to ``csv``.
        split: Keep only the images of "train", "validate" or "test".
        **options: ``uncertain`` and ``blank``, see ``ChexpertLabelled``; the others, see ``FileDataset``.

    Raises:
        ArgumentError: A table is missing, or ``split`` is unknown or has no image.
        TableError: Two rows of a study or an image contradict each other, or the tables have no study in common; for
            the others see ``ChexpertLabelled``.
    """

    needs = ("dicom_id", *_STUDY, "ViewPosition", "StudyDate", "StudyTime")
    text = ("dicom_id", *_STUDY, "ViewPosition", "split")
    dates = ("StudyDate",)
    numbers = ("StudyTime",)
    peer_clears_devices = True
    identifying_parts = 1

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        metadata: str | Path | None = None,
        splits: str | Path | None = None,
        split: str | None = None,
        **options: Any,
    ) -> None:
        if split is not None and split not in _SPLITS:
            raise ArgumentError(f"Unknown split={split!r} of {spec.name!r}. Choose one of: {', '.join(_SPLITS)}.")
        if metadata is None:
            raise _needed(spec, "metadata", _METADATA)
        if split is not None and splits is None:
            raise _needed(spec, "splits", _SPLIT)
        self.spec = spec
        self.label_table = self.table_path(csvpath, None)
        self._splits = None if splits is None else self.table_path(splits, None)
        self.split = split
        super().__init__(spec, imgpath, metadata, **options)

    def load_table(self) -> pd.DataFrame:
        """The rows of the metadata, with the labels of their study and their split."""
        table = self._read(self.csvpath, self.needs, _METADATA)
        table["offset_day_int"] = days_from_first(table["StudyDate"], table["subject_id"])
        labels = self._labels()
        known = table["study_id"].isin(labels["study_id"]).any()
        by_report = "subject_id" in labels
        how: Any = "left" if self.label_policy == "strict" and by_report else "inner"
        on = _STUDY if by_report else ["study_id"]
        table = table.reset_index(names="row").merge(labels, on=on, how=how).set_index("row")
        if table.empty or not known:
            raise TableError(
                f"{self.label_table}: none of its studies is in {self.csvpath}. Check csvpath and metadata."
            )
        return table if self._splits is None else self._with_split(table, self._splits)

    def build(self, table: pd.DataFrame) -> Index:
        patient, study = table["subject_id"], table["study_id"]
        return Index.of(
            table,
            images="p" + patient.str[:2] + "/p" + patient + "/s" + study + "/" + table["dicom_id"] + ".jpg",
            labels=self.labels_of(table),
            order=table["StudyTime"],  # the time of day, within a day
            patientid=patient,
            view=table["ViewPosition"],
            offset_day_int=table["offset_day_int"],
            source_uid="mimic:" + table["dicom_id"],
        )

    def locate(self, index: Index) -> Index:
        return super().locate(index._replace(images=release_folder(self.source, "files") + index.images))

    def _labels(self) -> pd.DataFrame:
        """The labels of each study. Those of the radiologist have no patient, and another word for Lung Opacity."""
        labels = self._read(self.label_table, ("study_id",), _LABELS)
        if _RADIOLOGIST in labels and "Lung Opacity" not in labels:
            labels = labels.rename(columns={_RADIOLOGIST: "Lung Opacity"})
        else:
            require_columns(labels, ["subject_id"], self.label_table, self.spec.name, _LABELS)
        require_columns(labels, (*ChexpertLabelled.needs, "No Finding"), self.label_table, self.spec.name, _LABELS)
        return self._unique(self.label_table, labels, "study_id")

    def _with_split(self, table: pd.DataFrame, path: Path) -> pd.DataFrame:
        """``table`` with the column ``split``, limited to ``self.split`` if it is set."""
        splits = self._read(path, ("dicom_id", "split"), _SPLIT)
        splits = self._unique(path, splits, "dicom_id")
        table["split"] = table["dicom_id"].map(splits.set_index("dicom_id")["split"])
        if self.split is None:
            return table
        kept = table[table["split"] == self.split]
        if kept.empty:
            there = ", ".join(f"{name} ({n})" for name, n in table["split"].value_counts().sort_index().items())
            raise ArgumentError(
                f"split={self.split!r} has no image of {self.csvpath}. Images by split in {path}: {there or 'none'}."
            )
        return kept

    def _read(self, path: Path, needs: tuple[str, ...], expected: str) -> pd.DataFrame:
        kinds = {"text": self.text, "numbers": self.numbers, "dates": self.dates}
        return read_table(path, needs=needs, owner=self.spec.name, expected=expected, **kinds)

    def _unique(self, path: Path, table: pd.DataFrame, key: str) -> pd.DataFrame:
        return distinct_rows(table, key, where=path, on_duplicates=self.on_duplicates)


def _needed(spec: DatasetSpec, argument: str, file: str) -> ArgumentError:
    return ArgumentError(
        f"{spec.name!r} needs another table: pass {argument}=... ({file}). How to obtain it: {spec.obtain}"
    )
