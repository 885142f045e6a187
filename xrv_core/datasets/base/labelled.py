"""What every dataset and every view of one has: labels, a table, counting and printing."""

from __future__ import annotations

import operator
import pprint
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, IndexOutOfRange

if TYPE_CHECKING:
    from collections.abc import Iterable

    from xrv_core.datasets.description import Description
    from xrv_core.datasets.wrappers import FilterDataset, MergeDataset, RelabelledDataset, SubsetDataset
    from xrv_core.protocols import Dataset, Sample

__all__ = ["Labelled", "tree"]


class Labelled:
    """Base of datasets and views: N items with a label matrix and a table.

    Attributes:
        pathologies: Label names, one for each column of ``labels``.
        labels: float32 ``[N, P]`` of 1 / 0 / NaN.
        csv: N rows with a RangeIndex; row i belongs to item i.
    """

    pathologies: list[str]
    labels: NDArray[np.float32]
    csv: pd.DataFrame
    _transform: Callable[..., Any] | None = None
    _transformed: Callable[[Mapping[str, Any]], Sample] | None = None

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

            self._transformed = SampleTransform(transform)

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def views(self) -> list[str]:
        """The views that are in the dataset, sorted."""
        return sorted(map(str, self.csv["view"].unique()))

    def totals(self) -> dict[str, dict[float, int]]:
        """How often each value occurs, by pathology: ``{"Mass": {0.0: 900, 1.0: 100}, ...}``; NaN is not counted."""
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
            raise ArgumentError(
                f"{label!r} is no label of this dataset. Its labels are: {', '.join(self.pathologies)}."
            )

    def _position(self, idx: Any) -> int:
        """``idx`` as an int in ``0 .. len - 1``."""
        try:
            position = operator.index(idx)
        except TypeError:
            raise ArgumentError(
                f"An item index must be an integer, got {type(idx).__name__} {idx!r}. "
                "Use .subset([...]) for several items."
            ) from None
        if not 0 <= position < len(self):
            hint = " (negative indices are not supported)" if position < 0 else ""
            raise IndexOutOfRange(f"Index {position} is out of range for {len(self)} items{hint}.")
        return position


def tree(title: str, below: Mapping[str, Any]) -> str:
    """``title`` and, a line each and indented, what is below it: ``└0 NIHDataset num_samples=...``."""
    lines = [title]
    for mark, dataset in below.items():
        first, *rest = (dataset.summary() if isinstance(dataset, Labelled) else repr(dataset)).split("\n")
        lines += [f"└{mark} {first}", *(f"  {line}" for line in rest)]
    return "\n".join(lines)
