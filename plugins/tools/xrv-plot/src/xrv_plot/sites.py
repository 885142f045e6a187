"""Shared by the two pictures of a covariate shift: its two sites, by name and by ratio."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from xrv_core.datasets import CovariateDataset, SubsetDataset
from xrv_core.errors import ArgumentError

if TYPE_CHECKING:
    from xrv_core import Dataset

__all__ = ["Sites", "parts_of", "ratios_of"]


class Sites(NamedTuple):
    """Two sites with their targets, and the options of their mixture.

    Attributes:
        names: Names of the sites.
        target: Name of the target, or "".
        options: Arguments of ``CovariateDataset``.
    """

    d1: Dataset
    d1_target: Any
    d2: Dataset
    d2_target: Any
    names: tuple[str, str]
    target: str
    options: dict[str, Any]

    @classmethod
    def of(
        cls,
        data: tuple[Any, Any, Any, Any],
        names: Any,
        target: str,
        options: dict[str, Any],
        *,
        allowed: tuple[str, ...],
    ) -> Sites:
        """Check names and options; ``CovariateDataset`` checks datasets and targets."""
        unknown = [key for key in options if key not in allowed]
        if unknown:
            raise ArgumentError(f"Unknown option {unknown[0]!r}; allowed: {', '.join(allowed)}.")
        found = _names(data[0], data[2]) if names is None else tuple(map(str, names))
        if len(found) != 2 or found[0] == found[1]:
            raise ArgumentError(f"names={names!r} must be two different names, one for each site.")
        return cls(*data, (found[0], found[1]), target, options)

    def mixed(self, ratio: float, mode: str = "train") -> CovariateDataset:
        """The covariate shift at ``ratio``."""
        data = (self.d1, self.d1_target, self.d2, self.d2_target)
        return CovariateDataset(*data, ratio=ratio, mode=mode, **self.options)

    @property
    def classes(self) -> tuple[str, str]:
        """Names of negatives and positives."""
        return (f"no {self.target}", self.target) if self.target else ("negative", "positive")


def ratios_of(ratios: float | Iterable[float]) -> list[float]:
    """``ratios`` as a list of different numbers from 0 to 1; an ArgumentError if they are not."""
    try:
        found = [float(r) for r in (ratios if isinstance(ratios, Iterable) else [ratios])]
    except (TypeError, ValueError):
        found = []
    if not found or not all(0 <= r <= 1 for r in found) or len(set(found)) < len(found):
        raise ArgumentError(f"ratios={ratios!r}: give different numbers from 0 to 1, such as [0, 0.5, 1].")
    return found


def parts_of(dataset: Dataset, column: str, values: Sequence[str]) -> list[SubsetDataset]:
    """The items of ``dataset`` with each of ``values`` in a column of its table.

    Raises:
        ArgumentError: No such column, or no row with a value.
    """
    import numpy as np

    if column not in dataset.csv.columns:
        raise ArgumentError(
            f"The table has no column {column!r}. Its columns are: {', '.join(map(str, dataset.csv.columns))}."
        )
    texts = dataset.csv[column].astype("str")
    parts = [SubsetDataset(dataset, np.flatnonzero((texts == value).to_numpy(dtype=bool))) for value in values]
    for value, part in zip(values, parts, strict=True):
        if not len(part):
            most = ", ".join(f"{name} ({n})" for name, n in texts.value_counts().head(12).items())
            raise ArgumentError(f"No row has {column} = {value!r}. The most frequent values are: {most}.")
    return parts


def _names(d1: Any, d2: Any) -> tuple[str, str]:
    first, second = (str(getattr(getattr(d, "spec", None), "name", type(d).__name__)) for d in (d1, d2))
    return (first, second) if first != second else ("site 0", "site 1")
