"""A table and a folder of images as a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import FileDataset, read_table, term_labels
from xrv_table.cells import Where, ages, days, label_values, sexes
from xrv_table.columns import KEYS, describe
from xrv_table.masks import has_masks, read_mask


class TableDataset(FileDataset):
    """Your own table and images.

    Args:
        spec: The spec of ``table``.
        imgpath: Folder or archive of the images; None opens labels and table only.
        csvpath: CSV or Parquet file, one row an image.
        labels: The columns of labels; or label name -> column. Their cells are 1, true, yes; 0, false,
            no; blank means unknown. With ``findings``: the terms, or label name -> terms.
        columns: TOML file with the meaning of columns; None takes ``table.toml`` next to the table, if it exists.
            Arguments take precedence.
        anywhere: Images may be in any sub-folder of ``imgpath``; their file names must be unique.
        **options: The other attributes of ``Columns`` (columns.py), as in ``image="file"``, and those of
            ``FileDataset``.

    Raises:
        TableError: The columns of images and labels are unknown, a cell is invalid, or the TOML file cannot
            be read.
        ImageMissing: A mask is missing; for other errors see ``FileDataset``.
    """

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        labels: Sequence[str] | Mapping[str, Any] | str | None = None,
        columns: str | Path | None = None,
        anywhere: bool = False,
        **options: Any,
    ) -> None:
        policy = labels if labels in ("strict", "torchxrayvision") else "strict"  # the common argument of that name
        self._given = {key: options.pop(key) for key in KEYS if key in options}
        self._given["labels"] = None if labels == policy else labels
        self._toml = None if columns is None else Path(columns).expanduser()
        self.unique_file_names = anywhere
        super().__init__(spec, imgpath, csvpath, labels=policy, **options)

    def load_table(self, csvpath: str | Path | None) -> pd.DataFrame:
        self.csvpath = self.table_path(csvpath, None)
        self.columns = describe(self.csvpath, self._given, self._toml)
        self.gives_pathology_masks = self.gives_semantic_masks = bool(self.columns.masks)
        used = list(self.columns.used)
        table = read_table(self.csvpath, needs=used, text=used, owner=self.spec.name, sep=self.columns.delimiter)
        table = table.assign(**table[used].mask(table[used].apply(lambda cells: cells.str.strip().eq(""))))
        if self.columns.day is not None:  # before rows are dropped, so that missing images do not change the first day
            patients = None if self.columns.patient is None else table[self.columns.patient]
            table["offset_day_int"] = days(table[self.columns.day], patients, self._where(table))
        return table

    def image_names(self, table: pd.DataFrame) -> pd.Series[Any]:
        return table[self.columns.image] + self.columns.extension

    def common(self, table: pd.DataFrame) -> dict[str, Any]:
        c, where = self.columns, self._where(table)
        collection = c.collection or f"{self.csvpath.resolve().parent.name}/{self.csvpath.name.partition('.')[0]}"
        return {
            "patientid": None if c.patient is None else table[c.patient],
            "view": None if c.view is None else table[c.view],
            "offset_day_int": None if c.day is None else table["offset_day_int"],
            "age_years": None if c.age is None else ages(table[c.age], where),
            "sex": None if c.sex is None else sexes(table[c.sex]),
            "has_masks": has_masks(table, c.masks.values(), self.source, self.csvpath),
            "source_uid": f"{self.spec.name}:{collection}/" + table[c.image],
        }

    def label_names(self, table: pd.DataFrame) -> Sequence[str]:
        if self.columns.labels is not None:
            return list(self.columns.labels)
        terms = table[self.columns.findings].dropna().str.split(self.columns.separator, regex=False).explode()
        return sorted({*terms.str.strip()} - {""})

    def label_matrix(self, table: pd.DataFrame) -> NDArray[np.float32]:
        c = self.columns
        named = {name: name for name in self.pathologies} if c.labels is None else c.labels
        if c.findings is not None:
            terms = {name: [found] if isinstance(found, str) else found for name, found in named.items()}
            return term_labels(table[c.findings], terms, separator=c.separator)
        columns = [label_values(table[column], self._where(table)) for column in named.values()]
        return np.column_stack(columns) if columns else np.empty((len(table), 0), dtype=np.float32)

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        column = self.columns.findings or self.columns.labels[label]
        return {column: self.csv[column].iloc[row]}

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        return self._masks(row, shape, [name for name in self.columns.masks if name in self.pathologies])

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        return self._masks(row, shape, [name for name in self.columns.masks if name not in self.pathologies])

    def _masks(self, row: int, shape: tuple[int, int], names: list[str]) -> dict[str, NDArray[np.float32]]:
        files = {name: self.csv[self.columns.masks[name]].iloc[row] for name in names}
        return {name: read_mask(self.source, file, shape) for name, file in files.items() if pd.notna(file)}

    def _where(self, table: pd.DataFrame) -> Where:
        """Names the file and image of a row, for messages."""
        return lambda row: f"{self.csvpath}, image {table[self.columns.image].iloc[row]!r}"
