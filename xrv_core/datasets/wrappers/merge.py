"""Concatenate datasets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import check_rows, tree
from xrv_core.datasets.tables import COMMON_COLUMNS, common_columns
from xrv_core.datasets.wrappers.relabel import label_columns, label_names
from xrv_core.datasets.wrappers.views import View
from xrv_core.errors import ArgumentError, logger, suggestion
from xrv_core.protocols import Dataset, Sample

__all__ = ["MergeDataset"]

_log = logger(__name__)


class MergeDataset(View):
    """The items of several datasets, one dataset after the other (section 3.3.5 of arXiv:2111.00595).

    Args:
        datasets: At least one; any objects that follow the ``Dataset`` protocol, also views and merges.
        pathologies: The label columns. None: all datasets must have the same labels, in any order. "union" or
            "intersection" of their labels, or a list of names: a label that a dataset lacks is NaN. Labels are
            matched by name only: use ``harmonize`` first for synonyms.
        columns: "common": ``csv`` has the common columns and ``split``. "all": also the columns of the sources,
            which takes time and memory, because most of them are NA for the other datasets.
        transform: Applied after the transforms of the datasets.

    Attributes:
        datasets: The datasets.
        starts: Position of the first item of each dataset.

    Items have ``source``, the number of their dataset. ``csv`` has ``source`` and ``source_name``, the registry
    name or else the class name.

    Raises:
        ArgumentError: There is no dataset, or the labels of the datasets differ.
    """

    def __init__(
        self,
        datasets: Iterable[Dataset],
        *,
        pathologies: str | Iterable[str] | None = None,
        columns: str = "common",
        transform: Callable[..., Any] | None = None,
    ) -> None:
        self.datasets = list(datasets)
        if not self.datasets:
            raise ArgumentError("MergeDataset needs at least one dataset.")
        for dataset in self.datasets:
            check_rows(dataset)
        if columns not in ("common", "all"):
            raise ArgumentError(f"columns={columns!r} must be 'common' or 'all'.")
        self.transform = transform
        lengths = [len(dataset) for dataset in self.datasets]
        self.starts: NDArray[np.int64] = np.cumsum([0, *lengths[:-1]], dtype=np.int64)
        self.pathologies = _pathologies(self.datasets, pathologies)
        self.labels = np.concatenate(
            [
                label_columns(dict(zip(d.pathologies, d.labels.T, strict=True)), self.pathologies, len(d))
                for d in self.datasets
            ]
        )
        self.csv = _csv(self.datasets, lengths, columns)

    def _origin(self, position: int) -> tuple[Dataset, int]:
        number = self._number(position)
        return self.datasets[number], position - int(self.starts[number])

    def _number(self, position: int) -> int:
        return int(np.searchsorted(self.starts, position, side="right")) - 1

    def _item(self, position: int) -> Sample:
        sample = super()._item(position)
        sample["source"] = self._number(sample["idx"])
        return sample

    def summary(self) -> str:
        """The class and size, and below it the datasets."""
        below = {str(number): dataset for number, dataset in enumerate(self.datasets)}
        return tree(f"{type(self).__name__} num_samples={len(self)}", below)


def _pathologies(datasets: Sequence[Dataset], wanted: str | Iterable[str] | None) -> list[str]:
    names = [[str(name) for name in dataset.pathologies] for dataset in datasets]
    union = list(dict.fromkeys(name for own in names for name in own))
    if wanted == "union":
        spelt: dict[str, str] = {}
        for name in union:
            other = spelt.setdefault(name.casefold().replace("_", " "), name)
            if other != name:
                _log.warning("The labels %r and %r stay two columns. harmonize makes them one.", other, name)
        return union
    if wanted == "intersection":
        shared = [name for name in names[0] if all(name in own for own in names)]
        if not shared:
            raise ArgumentError("The datasets have no label in common. Relabel or harmonize them first.")
        return shared
    if wanted is not None:
        chosen = label_names(wanted)
        for name in chosen:
            if name not in union:
                _log.warning("No dataset has the label %r: all its values are NaN.%s", name, suggestion(name, union))
        return chosen
    for number, own in enumerate(names[1:], start=1):
        if set(own) != set(names[0]):
            less = [name for name in names[0] if name not in own]
            more = [name for name in own if name not in names[0]]
            near = next(filter(None, (suggestion(name, more) for name in less)), "")
            raise ArgumentError(
                f"MergeDataset: incorrect pathology alignment: dataset {number} lacks {less} of dataset 0's labels and "
                f"has {more} in addition.{near} "
                'Relabel or harmonize them first, or pass pathologies="union", "intersection" or a list of names.'
            )
    return names[0]


def _csv(datasets: Sequence[Dataset], lengths: list[int], columns: str) -> pd.DataFrame:
    parts = [_columns(dataset.csv, columns) for dataset in datasets]
    csv = pd.concat(parts, ignore_index=True)
    names = [_name(dataset) for dataset in datasets]
    csv["source"] = np.repeat(np.arange(len(datasets)), lengths)
    csv["source_name"] = pd.Series(np.repeat(np.array(names, dtype=object), lengths), dtype="str")
    return csv


def _columns(csv: pd.DataFrame, columns: str) -> pd.DataFrame:
    """The table of one dataset with all common columns in their types; missing columns are NA."""
    have = [name for name in COMMON_COLUMNS if name in csv.columns]
    table = csv[[c for c in csv.columns if c == "split" or (columns == "all" and c not in COMMON_COLUMNS)]]
    return common_columns(table, {name: csv[name] for name in have})


def _name(dataset: Dataset) -> str:
    """The registry name of a dataset, or of the dataset below a view; else the class name."""
    inner: Any = dataset
    while getattr(inner, "spec", None) is None and hasattr(inner, "dataset"):
        inner = inner.dataset
    return str(getattr(getattr(inner, "spec", None), "name", type(dataset).__name__))
