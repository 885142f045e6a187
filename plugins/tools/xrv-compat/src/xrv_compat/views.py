"""The core's wrappers of datasets, with torchxrayvision's arguments, attributes and printed trees."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrv_compat.base import Dataset, check_rows
from xrv_compat.notes import warn_once
from xrv_core import datasets
from xrv_core.datasets import Labelled
from xrv_core.errors import ArgumentError, XrvError

__all__ = ["CovariateDataset", "FilterDataset", "MergeDataset", "NotAssignable", "SubsetDataset", "relabel_dataset"]


class NotAssignable(XrvError, AttributeError, NotImplementedError):
    """An attribute that can only be set on the wrapped datasets."""


class _View(Dataset):
    """Shared by all wrappers."""

    rows_are_fixed = True  # an item is known by its position in the wrapped datasets
    views = Labelled.views

    def _item(self, row: int) -> Any:
        sample: Any = super()._item(row)
        sample["idx"] = self._below(row)
        return sample

    def _below(self, position: int) -> int:
        """What torchxrayvision's item has as ``idx``: its position in the dataset that no view of ours is."""
        dataset, inner = self._origin(position)  # type: ignore[attr-defined]
        return dataset._below(inner) if isinstance(dataset, _View) else int(inner)

    @property
    def which_dataset(self) -> NDArray[Any]:
        """The number of each item's dataset in a merge."""
        if "source" not in self.csv:
            raise AttributeError(f"{type(self).__name__} has no which_dataset: only merged datasets have it.")
        return self.csv["source"].to_numpy()


class _Fixed(_View):
    """A wrapper with the labels and transforms of the wrapped datasets."""

    def __setattr__(self, name: str, value: Any) -> None:
        fixed = name in ("transform", "data_aug", "labels", "pathologies", "targets")
        if fixed and "csv" in vars(self):  # set last: the constructor is done
            raise NotAssignable(
                f"Cannot set {name} on a {type(self).__name__}: set it on the wrapped datasets. The wrappers of "
                "xrv_core.datasets take transform=..., and RelabelledDataset gives any of them other labels."
            )
        super().__setattr__(name, value)


class MergeDataset(_Fixed, datasets.MergeDataset):
    """The items of several datasets, one dataset after the other; see ``xrv_core.datasets.MergeDataset``.

    Args:
        datasets: Datasets with the same labels.
        seed: Ignored: nothing here is random.
        label_concat: False.

    Raises:
        ArgumentError: The labels differ, or ``label_concat`` is true.
    """

    def __init__(self, datasets: Iterable[Any], seed: int = 0, label_concat: bool = False) -> None:
        warn_once("datasets.MergeDataset")
        if label_concat:
            raise ArgumentError(
                "label_concat=True is not supported: its labels have no names. Give each dataset its own labels with "
                'RelabelledDataset, and merge them with xrv_core.datasets.MergeDataset(..., pathologies="union").'
            )
        datasets = list(datasets)
        check_rows(*datasets)
        super().__init__(datasets, columns="all")

    @property
    def length(self) -> int:
        """The number of items."""
        return len(self)

    @property
    def offset(self) -> NDArray[Any]:
        """For each item, the position of the first item of its dataset."""
        return self.starts[self.which_dataset]

    def string(self) -> str:
        """The merge and, below it, its datasets."""
        text = f"{type(self).__name__} num_samples={len(self)}\n"
        for number, dataset in enumerate(self.datasets):
            last = number == len(self.datasets) - 1
            mark, indent = ("└", "   ") if last else ("├", "|  ")
            text += f"{mark}{number} " + _string(dataset).replace("\n", f"\n{indent}") + "\n"
        return text


class _Part(_View):
    """A selection of the items of one dataset."""

    dataset: Any

    def string(self) -> str:
        """The selection and, below it, its dataset."""
        return f"{type(self).__name__} num_samples={len(self)}\n└ of " + _string(self.dataset).replace("\n", "\n  ")


class SubsetDataset(_Part, _Fixed, datasets.SubsetDataset):
    """The items of ``dataset`` at positions ``idxs``; see ``xrv_core.datasets.SubsetDataset``."""

    def __init__(self, dataset: Any, idxs: Any = None) -> None:
        warn_once("datasets.SubsetDataset")
        check_rows(dataset)
        super().__init__(dataset, range(len(dataset)) if idxs is None else _from_start(idxs, len(dataset)))


class FilterDataset(_Part, datasets.FilterDataset):
    """The items of ``dataset`` with one of ``labels``; see ``xrv_core.datasets.FilterDataset``."""

    def __init__(self, dataset: Any, labels: Sequence[str] | None = None) -> None:
        warn_once("datasets.FilterDataset")
        check_rows(dataset)
        super().__init__(dataset, labels)


class CovariateDataset(_View, datasets.CovariateDataset):
    """Two datasets, mixed so that dataset and label are correlated; see ``xrv_core.datasets.CovariateDataset``."""

    def __init__(  # noqa: PLR0917  # the order is torchxrayvision's
        self,
        d1: Any,
        d1_target: Any,
        d2: Any,
        d2_target: Any,
        ratio: float = 0.5,
        mode: str = "train",
        seed: int = 0,
        nsamples: int | None = None,
        splits: Sequence[float] = (0.5, 0.25, 0.25),
        verbose: bool = False,
    ) -> None:
        warn_once("datasets.CovariateDataset")
        check_rows(d1, d2)
        self._shares = (ratio, splits)
        given = (d1, d1_target, d2, d2_target, ratio, mode, seed, nsamples, splits)
        super().__init__(*given)
        if not self._size and all((np.asarray(t) == label).any() for t in (d1_target, d2_target) for label in (0, 1)):
            warnings.warn(
                "CovariateDataset: too few patients to keep each in one mode. Images of a patient may be in several "
                "modes, as in torchxrayvision.",
                stacklevel=2,
            )
            vars(self).clear()
            self._shares = (ratio, splits)
            super().__init__(*given, by=None)
        if verbose:
            print(f"n_per_category={self._size}\n{self.counts}")  # noqa: T201

    def _part(self, cells: Any, mode: str, nsamples: int | None) -> list[NDArray[np.intp]]:
        """As the core, in torchxrayvision's numbers: a mode may be empty, and ``nsamples`` too large."""
        # a cut between two modes can lose the rest of one patient
        self._size = max(min(len(cell) - 2 * max(cell.largest - 1, 0) for cell in cells), 0)
        counts = _counts(self._size, *self._shares)
        if all(number >= 0 for number in counts["test"].values()):
            self.counts = counts
        available = sum(self.counts[mode].values())
        if not available:
            return [np.empty(0, np.intp) for _ in cells]
        if nsamples:
            nsamples = min(2 * (nsamples // 4 + -(-nsamples // 4)), available)
        return super()._part(cells, mode, nsamples or None)

    def _below(self, position: int) -> int:
        return int(self.imageids[position])

    @property
    def imageids(self) -> NDArray[Any]:
        """The position of each item in its dataset."""
        return np.concatenate([part.idxs for part in self.dataset.datasets])


def _counts(size: int, ratio: float, splits: Sequence[float]) -> dict[str, dict[tuple[int, int], int]]:
    """Items by mode, site and target if each site has ``size`` of either target; torchxrayvision rounds down."""

    def part(share: float, more: float, less: float) -> dict[tuple[int, int], int]:
        many, few = int(size * more * share * 2), int(size * less * share * 2)
        return {(0, 0): many, (0, 1): few, (1, 0): few, (1, 1): many}

    train, valid = part(splits[0], ratio, 1 - ratio), part(splits[1], 1 - ratio, ratio)
    test = {cell: size - train[cell] - valid[cell] for cell in train}
    return {"train": train, "valid": valid, "test": test}


def relabel_dataset(pathologies: Sequence[str], dataset: Any, silent: bool = False) -> None:
    """Give ``dataset`` the labels ``pathologies``, in place; see ``xrv_core.datasets.relabel_dataset``."""
    warn_once("datasets.relabel_dataset")
    check_rows(dataset)
    done = datasets.relabel_dataset(pathologies, dataset)
    if not silent:
        if done.dropped:
            print(f"{set(done.dropped)} will be dropped")  # noqa: T201
        for name in done.added:
            print(f"{name} doesn't exist. Adding nans instead.")  # noqa: T201


def _from_start(idxs: Any, length: int) -> Any:
    """``idxs`` with negative positions counted from the end."""
    positions = np.asarray(idxs)
    if not np.issubdtype(positions.dtype, np.integer):
        return idxs
    return np.where((positions < 0) & (positions >= -length), positions + length, positions)


def _string(dataset: Any) -> str:
    text: str = dataset.string() if hasattr(dataset, "string") else repr(dataset)
    return text
