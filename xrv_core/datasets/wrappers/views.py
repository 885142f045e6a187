"""Views: datasets made of other datasets, without copying images."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import Labelled, Masks, check_rows, tree
from xrv_core.errors import ArgumentError, IndexOutOfRange
from xrv_core.protocols import Dataset, Sample

__all__ = ["SubsetDataset", "View", "boolean_mask"]


class View(Labelled):
    """Base of views. A view has its own ``pathologies``, ``labels`` and ``csv``, and the images of other datasets.

    A subclass sets these three and ``dataset``. It overrides ``_origin`` if the positions of items differ, and
    ``_names_here`` if the names of labels differ.

    Attributes:
        dataset: The dataset below the view.
        transform: Applied after the transform of the dataset below, with the same geometry for image and masks.
    """

    dataset: Dataset

    def _origin(self, position: int) -> tuple[Dataset, int]:
        """The dataset of an item, and the item's index there."""
        return self.dataset, position

    def summary(self) -> str:
        """The class and size, and below it the dataset."""
        return tree(f"{type(self).__name__} num_samples={len(self)}", {" of": self.dataset})

    def _check_row(self, row: int) -> None:
        super()._check_row(row)
        dataset, inner = self._origin(row)
        named = "source_uid" in self.csv and "source_uid" in dataset.csv  # not in tables of people's own classes
        if named and not getattr(dataset, "rows_are_fixed", True):  # else it refuses a moved row itself
            here, below = self.csv["source_uid"].array[row], dataset.csv["source_uid"].array[inner]
            if str(here) != str(below):
                raise self._moved(f"Row {row} of csv has the source_uid {here!r}, but its image is {below!r} now.")

    def _names_here(self, name: str) -> tuple[str, ...]:
        """The labels of this view that mean the label ``name`` of a dataset below."""
        return (name,)

    def _evidence_here(self, name: str) -> tuple[str, ...]:
        """The labels of this view that the label ``name`` of a dataset below is evidence for."""
        return self._names_here(name)

    def _item(self, position: int) -> Sample:
        dataset, inner = self._origin(position)
        sample: dict[str, Any] = {**dataset[inner], "idx": position, "lab": self.labels[position].copy()}
        if "pathology_masks" in sample:
            sample["pathology_masks"] = self._masks_here(sample["pathology_masks"], dataset.pathologies)
        return cast("Sample", sample) if self._transformed is None else self._transformed(sample)

    def _masks_here(self, masks: Mapping[int, Any], names: list[str]) -> Masks:
        """Masks by the columns of this view; masks of the same column are united."""
        import torch

        column = {name: i for i, name in enumerate(self.pathologies)}
        found = Masks()
        for index, mask in masks.items():
            for name in self._names_here(names[index]):
                if name in column:
                    i = column[name]
                    found[i] = torch.maximum(found[i], mask) if i in found else mask
        return found

    def why(self, idx: int, label: str) -> dict[str, Any]:
        """The source's evidence for one label of one item; empty if there is none.

        Raises:
            ArgumentError: ``label`` is not in ``pathologies``.
            IndexOutOfRange: There is no such item.
        """
        position = self._position(idx)
        self._check_label(label)
        dataset, inner = self._origin(position)
        ask = getattr(dataset, "why", None)
        if ask is None:
            return {}
        evidence: dict[str, Any] = {}
        for name in dataset.pathologies:
            if label in self._evidence_here(name):
                evidence.update(ask(inner, name))
        return evidence


class SubsetDataset(View):
    """The items of ``dataset`` at positions ``idxs``, in that order.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        idxs: Positions as a sequence or array of integers, 0 or more; or a boolean mask with a value for each item.
            A Series is brought into the order of ``csv`` by its index; NA counts as False.
        transform: Applied after the transform of ``dataset``.

    Raises:
        ArgumentError: ``idxs`` are not integers, or a mask does not fit.
        IndexOutOfRange: ``dataset`` does not have a position.
    """

    def __init__(self, dataset: Dataset, idxs: Any, *, transform: Callable[..., Any] | None = None) -> None:
        check_rows(dataset)
        mask = boolean_mask(idxs, len(dataset))
        positions = np.asarray(idxs).reshape(-1) if mask is None else np.flatnonzero(mask)
        if positions.size == 0 and positions.dtype != bool:
            positions = positions.astype(np.int64)
        if not np.issubdtype(positions.dtype, np.integer):
            raise ArgumentError(
                f"idxs must be integer positions, or a mask of {len(dataset)} booleans; "
                f"got {positions.size} values of type {positions.dtype}."
            )
        wrong = positions[(positions < 0) | (positions >= len(dataset))]
        if wrong.size:
            raise IndexOutOfRange(
                f"Position {wrong[0]} is out of range for {len(dataset)} items ({wrong.size} of {positions.size} are)."
            )
        self.dataset = dataset
        self.idxs = positions
        self.transform = transform
        self.pathologies = list(dataset.pathologies)
        self.labels = dataset.labels[positions]
        self.csv = dataset.csv.iloc[positions].reset_index(drop=True)

    def _origin(self, position: int) -> tuple[Dataset, int]:
        return self.dataset, int(self.idxs[position])


def boolean_mask(values: Any, items: int) -> NDArray[np.bool_] | None:
    """``values`` as a mask of ``items``, NA as False; None if they are anything else.

    A Series whose index is that of ``csv`` in another order is brought into the order of ``csv``.
    """
    if np.ndim(values) != 1 or len(values) != items:
        return None
    mask = values if isinstance(values, pd.Series) else pd.Series(np.asarray(values))
    if not pd.api.types.is_bool_dtype(mask.dropna().infer_objects()):
        return None
    own = pd.RangeIndex(items)
    mask = mask.reindex(own) if mask.index.is_unique and mask.index.isin(own).all() else mask
    return mask.fillna(False).to_numpy(dtype=bool)
