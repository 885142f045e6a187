"""Views: datasets made of other datasets, without copying an image."""

from __future__ import annotations

from typing import Any

import numpy as np

from xrv_core.datasets.labelled import Labelled
from xrv_core.errors import ArgumentError, IndexOutOfRange
from xrv_core.protocols import Dataset, Sample

__all__ = ["SubsetDataset"]


class SubsetDataset(Labelled):
    """The items of ``dataset`` at positions ``idxs``, in that order.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        idxs: Positions, an integer sequence or array.

    Raises:
        ArgumentError: ``idxs`` are not integers.
        IndexOutOfRange: A position that ``dataset`` does not have.
    """

    def __init__(self, dataset: Dataset, idxs: Any) -> None:
        positions = np.asarray(idxs).reshape(-1)
        if positions.size == 0:
            positions = positions.astype(np.int64)
        if not np.issubdtype(positions.dtype, np.integer):
            raise ArgumentError(
                f"idxs must be integer positions, got {positions.dtype}. For a boolean mask pass np.flatnonzero(mask)."
            )
        wrong = positions[(positions < 0) | (positions >= len(dataset))]
        if wrong.size:
            raise IndexOutOfRange(
                f"Position {wrong[0]} is out of range for {len(dataset)} items ({wrong.size} of {positions.size} are)."
            )
        self.dataset = dataset
        self.idxs = positions
        self.pathologies = list(dataset.pathologies)
        self.labels = dataset.labels[positions]
        self.csv = dataset.csv.iloc[positions].reset_index(drop=True)

    def __getitem__(self, idx: int, /) -> Sample:
        position = self._position(idx)
        sample = self.dataset[int(self.idxs[position])]
        sample["idx"] = position
        return sample

    def summary(self) -> str:
        """The view and, below it, what it is a view of."""
        inner = self.dataset.summary() if isinstance(self.dataset, Labelled) else repr(self.dataset)
        first, *rest = inner.split("\n")
        lines = [f"{type(self).__name__} num_samples={len(self)}", f"└ of {first}", *("  " + line for line in rest)]
        return "\n".join(lines)
