"""What every dataset and every view of one has: labels, a table, counting and printing."""

from __future__ import annotations

import operator
import pprint
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, ClassVar, overload

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, IndexOutOfRange, suggestion

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xrv_core.datasets.description import Description
    from xrv_core.datasets.wrappers import FilterDataset, MergeDataset, RelabelledDataset, SubsetDataset
    from xrv_core.protocols import Dataset, Sample

__all__ = ["Labelled", "check_rows", "tree"]


class Labelled:
    """Base of datasets and views: N items with a label matrix and a table.

    Attributes:
        pathologies: Label names, one for each column of ``labels``.
        labels: float32 ``[N, P]`` of 1 / 0 / NaN.
        csv: N rows with a RangeIndex; row i belongs to item i. Columns may be added and changed; rows stay as they are:
            another order or number of rows is an ArgumentError, when it is assigned or when the item is asked for.
    """

    #: A row is known by its position. A class whose items follow ``csv`` wherever its rows go says False, and looks
    #: up the image of a row by its cells, such as ``source_uid``: then csv and labels can be assigned freely.
    rows_are_fixed: ClassVar[bool] = True
    #: ``source_uid`` of each row, as the constructor set it.
    _uids: pd.Series[Any] | None = None

    pathologies: list[str]
    labels: NDArray[np.float32]
    csv: pd.DataFrame
    _transform: Callable[..., Any] | None = None
    _transformed: Callable[[Mapping[str, Any]], Sample] | None = None

    def __setattr__(self, name: str, value: Any) -> None:
        if self.rows_are_fixed and name in ("csv", "labels"):
            if self._uids is None:
                if name == "csv" and "source_uid" in value:
                    object.__setattr__(self, "_uids", value["source_uid"])
            elif name == "csv":
                value = self._own_rows(value)
            elif np.shape(value)[:1] != self._uids.shape:
                raise self._moved(f"The new labels have the shape {np.shape(value)} for {len(self._uids)} items.")
        super().__setattr__(name, value)

    def _own_rows(self, csv: Any) -> pd.DataFrame:
        """``csv`` with a RangeIndex; it must have the rows of this dataset in their order.

        A row may get another ``source_uid`` in place, unless another row of the dataset had it.
        """
        if not isinstance(csv, pd.DataFrame) or "source_uid" not in csv:
            raise self._moved("The new csv is no DataFrame with the column source_uid.")
        new, own = _filled(csv["source_uid"]), _filled(self._uids)
        if len(new) != len(own):
            raise self._moved(f"The new csv has {len(new)} rows for {len(own)} items.")
        wrong = new != own
        if csv is self.csv:
            wrong &= new.isin(own)
        elif "source_uid" in self.csv and len(self.csv) == len(own):
            wrong &= new != _filled(self.csv["source_uid"])
        if wrong.any():
            row = int(wrong.argmax())
            raise self._moved(f"Row {row} of csv has the source_uid {new[row]!r}, not {own[row]!r}.")
        return csv if csv.index.equals(new.index) else csv.reset_index(drop=True)

    def _check_rows(self) -> None:
        """Refuse csv, labels or pathologies that were changed in place so that they do not fit each other."""
        if not self.rows_are_fixed:
            return
        self._check_columns()
        if self._uids is not None:
            self._own_rows(self.csv)

    def _check_columns(self) -> int:
        """The number of items; an error unless labels has a column for each of ``pathologies``."""
        rows, shape = len(self), np.shape(self.labels)
        if shape != (rows, len(self.pathologies)):
            raise ArgumentError(
                f"labels has the shape {shape}, but there are {rows} items and {len(self.pathologies)} pathologies. "
                "Use relabel([...]) or relabel_dataset, which change names and columns together."
            )
        return rows

    def _check_row(self, row: int) -> None:
        """Refuse a row of csv that was moved in place."""
        if self._uids is None:
            return
        if "source_uid" not in self.csv:
            raise self._moved("csv has lost its column source_uid.")
        here, own = self.csv["source_uid"].array, self._uids.array
        if here is not own and str(here[row]) != str(own[row]) and (self._uids == here[row]).any():
            raise self._moved(f"Row {row} of csv has the source_uid {here[row]!r}, not {own[row]!r}.")

    def _moved(self, what: str) -> ArgumentError:
        return ArgumentError(
            f"{what} Row i of csv and labels belongs to item i, and its image stays where it is. "
            f"To leave out, repeat or reorder items of this {type(self).__name__}, use d.subset(positions) or "
            "d.filter(...). If you have reordered its labels already, open it again."
        )

    @property
    def transform(self) -> Callable[..., Any] | None:
        """What is applied to each sample: see ``apply_transform``. Whether it is a v2 transform is decided when set."""
        return self._transform

    @transform.setter
    def transform(self, transform: Callable[..., Any] | None) -> None:
        self._transform = transform
        if transform is None:
            self._transformed = None
        else:
            from xrv_core.datasets.pixels import SampleTransform

            self._transformed = SampleTransform(transform, of_dataset=True)

    def __len__(self) -> int:
        rows = len(self.labels)
        if self._uids is not None and not rows == len(self.csv) == len(self._uids):
            raise self._moved(f"There are {len(self._uids)} items, but csv has {len(self.csv)} rows and labels {rows}.")
        return rows

    @overload
    def __getitem__(self, idx: slice, /) -> SubsetDataset: ...
    @overload
    def __getitem__(self, idx: int, /) -> Sample: ...
    def __getitem__(self, idx: Any, /) -> Any:
        """An item; -1 is the last one. A slice is a view of several, as ``subset`` gives it."""
        if isinstance(idx, slice):
            return self.subset(range(len(self))[idx])
        return self._item(self._position(idx))

    def _item(self, row: int) -> Sample:
        """The item at position ``row``, which exists."""
        raise TypeError(f"{type(self).__name__} does not say how to get an item.")

    def __add__(self: Dataset, other: Any) -> MergeDataset:
        """A merge of two; ``a.merge(b, c)`` counts more than two as ``source``."""
        if not all(hasattr(other, name) for name in ("pathologies", "labels", "csv")):
            return NotImplemented
        from xrv_core.datasets.wrappers import MergeDataset

        return MergeDataset([self, other])

    @property
    def views(self) -> list[str]:
        """The views that are in the dataset, sorted."""
        return sorted(map(str, self.csv["view"].unique()))

    def totals(self) -> dict[str, dict[float, int]]:
        """How often each value occurs, by pathology: ``{"Mass": {0.0: 900, 1.0: 100}, ...}``; NaN is not counted."""
        self._check_columns()
        counts: dict[str, dict[float, int]] = {}
        for column, name in enumerate(self.pathologies):
            values = self.labels[:, column]
            found, number = np.unique(values[~np.isnan(values)], return_counts=True)
            counts[name] = {float(v): int(n) for v, n in zip(found, number, strict=True)}
        return counts

    def subset(self: Dataset, idxs: Any, **options: Any) -> SubsetDataset:
        """The items at positions ``idxs``, as a view that copies no image: see ``SubsetDataset``."""
        from xrv_core.datasets.wrappers import SubsetDataset

        return SubsetDataset(self, idxs, **options)

    def filter(self: Dataset, labels: Any = None, query: Any = None, **options: Any) -> FilterDataset:
        """The items with certain labels or table rows, as a view: see ``FilterDataset``."""
        from xrv_core.datasets.wrappers import FilterDataset

        return FilterDataset(self, labels, query, **options)

    def merge(self: Dataset, *others: Dataset, **options: Any) -> MergeDataset:
        """This dataset and, after it, ``others``, as a view: see ``MergeDataset``."""
        from xrv_core.datasets.wrappers import MergeDataset

        return MergeDataset([self, *others], **options)

    def relabel(self: Dataset, pathologies: Iterable[str], **options: Any) -> RelabelledDataset:
        """This dataset under other label columns, as a view; it stays as it is: see ``RelabelledDataset``."""
        from xrv_core.datasets.wrappers import RelabelledDataset

        return RelabelledDataset(self, pathologies, **options)

    def describe(self: Dataset, thumbnails: int = 0) -> Description:
        """What is in the dataset, in numbers, for a terminal or a notebook: see ``xrv_core.datasets.describe``."""
        from xrv_core.datasets.description import describe

        return describe(self, thumbnails)

    def _repr_html_(self: Dataset) -> str:
        """What a notebook shows; no image is opened for it."""
        from xrv_core.datasets.description import describe

        return describe(self)._repr_html_()

    def summary(self) -> str:
        """One line: class, number of items, views."""
        return f"{type(self).__name__} num_samples={len(self)} views={self.views}"

    def __repr__(self) -> str:
        return self.summary()

    def __str__(self) -> str:
        return f"{self.summary()}\n{pprint.pformat(self.totals())}"

    def _check_label(self, label: str) -> None:
        if label not in self.pathologies:
            near = suggestion(label, self.pathologies)
            raise ArgumentError(
                f"{label!r} is no label of this dataset.{near} Its labels are: {', '.join(self.pathologies)}."
            )

    def _position(self, idx: Any) -> int:
        """``idx``, which may count from the end, as an int in ``0 .. len - 1``."""
        try:
            position = operator.index(idx)
        except TypeError:
            raise ArgumentError(
                f"An item index must be an integer, got {type(idx).__name__} {idx!r}. "
                "Use .subset([...]) for several items, and for a boolean mask."
            ) from None
        rows = self._check_columns() if self.rows_are_fixed else len(self)
        if not -rows <= position < rows:
            raise IndexOutOfRange(f"Index {position} is out of range for {rows} items.")
        position %= rows
        self._check_row(position)
        return position


def _filled(uids: Any) -> pd.Series[Any]:
    values: pd.Series[Any] = uids.astype(object)
    return values.where(uids.notna(), "").reset_index(drop=True)


def check_rows(dataset: Any) -> None:
    """Refuse one of our datasets whose csv, labels or pathologies were changed so that they do not fit its items."""
    if isinstance(dataset, Labelled):
        dataset._check_rows()


def tree(title: str, below: Mapping[str, Any]) -> str:
    """``title`` and, a line each and indented, what is below it: ``└0 NIHDataset num_samples=...``."""
    lines = [title]
    for mark, dataset in below.items():
        first, *rest = (dataset.summary() if isinstance(dataset, Labelled) else repr(dataset)).split("\n")
        lines += [f"└{mark} {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)
