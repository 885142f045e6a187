"""A table and a folder of images as a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import DatasetSpec
from xrv_core.datasets import BLANK_WORDS, FileDataset, Index, read_table, term_labels
from xrv_core.errors import logger, printable
from xrv_table.cells import Cells
from xrv_table.columns import KEYS, Columns, describe
from xrv_table.masks import has_masks, read_mask

_log = logger(__name__)


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

    caches_index = True
    #: What it takes out of its ``**options``.
    accepts: ClassVar = {each.name: each.type for each in fields(Columns)}

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
        given = {key: options.pop(key) for key in KEYS if key in options}
        given["labels"] = None if labels == policy else labels
        self.spec = spec
        self.unique_file_names = anywhere
        toml = None if columns is None else Path(columns).expanduser()
        self.columns = describe(self.table_path(csvpath, None), given, toml)
        self.gives_pathology_masks = self.gives_semantic_masks = bool(self.columns.masks)
        super().__init__(spec, imgpath, csvpath, labels=policy, **options)
        unknown = self.extras["unknown_sexes"]
        if unknown:
            words = ", ".join(f"{word!r} ({count:,})" for word, count in list(unknown.items())[:8])
            _log.warning(
                "%s: %d cells of column %r are no sex that is known, and count as unknown: %s. Name them, as in "
                "sexes={'w': 'F', 'divers': ''}.",
                *(self.csvpath, sum(unknown.values()), self.columns.sex, words),
            )

    def load_table(self) -> pd.DataFrame:
        """The table, with NA in cells that are blank."""
        c, used = self.columns, list(self.columns.used)
        table = read_table(self.csvpath, text=used, owner=self.spec.name, **c.reading)
        texts = {c.image, c.findings, c.patient, *c.masks.values()}  # in these "NA" is a name as any other
        blank = {name: [""] if name in texts else BLANK_WORDS for name in used}
        return table.assign(
            **{
                name: table[name].mask(table[name].str.strip().isin(blank[name]))
                for name in used
                if name in table.columns
            }
        )

    def build(self, table: pd.DataFrame) -> Index:
        c, cells = self.columns, Cells(table, self.columns, self.csvpath)
        place = f"{printable(self.csvpath.resolve().parent.name)}/" if self.csvpath.is_file() else ""
        collection = c.collection or f"{place}{self.csvpath.name.partition('.')[0]}"
        patients = None if c.patient is None or c.patient in cells.absent else table[c.patient]
        names = [] if c.findings in cells.absent else self._label_names(table)
        labels = self._labels(cells, names)
        days = None if c.day is None else cells.days(c.day, patients)
        ages = None if c.age is None else cells.ages(c.age)
        sexes = None if c.sex is None else cells.sexes(c.sex)
        images = cells.images(self.on_duplicates)
        cells.check()
        return Index.of(
            table,
            images=images,
            labels=labels,
            pathologies=names,
            patientid=patients,
            view=None if c.view is None else table[c.view],
            offset_day_int=days,
            age_years=ages,
            sex=sexes,
            source_uid=f"{self.spec.name}:{collection}/" + table[c.image],
            extras={"unknown_sexes": cells.unknown_sexes},
        )

    def locate(self, index: Index) -> Index:
        index = super().locate(index)
        return index.with_common(has_masks=has_masks(index.csv, self.columns.masks.values(), self.source, self.csvpath))

    def _label_names(self, table: pd.DataFrame) -> list[str]:
        if self.columns.labels is not None:
            return list(self.columns.labels)
        terms = table[self.columns.findings].dropna().str.split(self.columns.separator, regex=False).explode()
        return sorted({*terms.str.strip()} - {""})

    def _labels(self, cells: Cells, names: list[str]) -> NDArray[np.float32]:
        c, table = self.columns, cells.table
        named = {name: name for name in names} if c.labels is None else c.labels
        if c.findings is not None:
            terms = {name: [found] if isinstance(found, str) else found for name, found in named.items()}
            return np.empty(0) if cells.absent else term_labels(table[c.findings], terms, separator=c.separator)
        columns = [cells.labels(column) for column in named.values()]
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
