"""Simulate a covariate shift: couple the site to the label in training, and uncouple it afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import tree
from xrv_core.datasets.leakage import collections_in
from xrv_core.datasets.wrappers.covariate_plan import MODES, Counts, cell_counts, deal, home_cells
from xrv_core.datasets.wrappers.merge import MergeDataset
from xrv_core.datasets.wrappers.views import SubsetDataset, View
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset, Sample

__all__ = ["CovariateDataset"]


class CovariateDataset(View):
    """Two datasets ("sites") and a binary target, mixed so that the site tells more or less about the target.

    Half of the items are positive. Of the positives of mode "train", a share of ``ratio`` comes from ``d2`` and
    the rest from ``d1``; of the negatives it is the other way round. In modes "valid" and "test" the shares are
    ``1 - ratio``. With 0.5 the site tells nothing. (Section 3.5 of arXiv:2111.00595; Viviano et al., arXiv:1910.00199.)

    The three modes share no image and no patient, and the number of items does not depend on ``ratio``. Each patient
    serves one site and one target value only, of those in which he or she has images the one with fewest; with one
    image a patient the numbers are those of torchxrayvision, which rounds each of the four cells down.

    Args:
        d1: Site 0.
        d1_target: One value for each item of ``d1``: 1, 0, or NaN, which leaves the item out.
        d2: Site 1.
        d2_target: The same for ``d2``.
        ratio: 0 to 1.
        mode: "train", "valid" or "test".
        seed: Another seed gives another selection. Use one seed for all modes.
        nsamples: Number of items of this mode, even; None for as many as there are.
        splits: Shares of train, valid and test; they sum to 1.
        by: Column of ``csv`` that tells what must stay on one side. None: the image itself, as torchxrayvision does.
        target: Name of the one label. Masks of a label of that name are passed on.
        transform: Applied after those of ``d1`` and ``d2``.

    Attributes:
        site: int ``[N]``, 0 or 1.
        counts: For each mode the number of items by site and target: ``{"train": {(0, 0): 75, (0, 1): 25, ...}}``.

    Items carry ``site``, and their former labels as ``lab-old``; ``csv`` has ``site`` and ``label``.

    Raises:
        ArgumentError: Arguments that cannot be used, or too few items to fill every mode.
    """

    dataset: MergeDataset

    def __init__(  # noqa: PLR0917  # the order is torchxrayvision's
        self,
        d1: Dataset,
        d1_target: Any,
        d2: Dataset,
        d2_target: Any,
        ratio: float = 0.5,
        mode: str = "train",
        seed: int = 0,
        nsamples: int | None = None,
        splits: Sequence[float] = (0.5, 0.25, 0.25),
        *,
        by: str | None = "patientid",
        target: str = "Custom",
        transform: Callable[..., Any] | None = None,
    ) -> None:
        if mode not in MODES:
            raise ArgumentError(f"mode={mode!r} is not one of {', '.join(MODES)}.")
        if not 0 <= ratio <= 1:  # also NaN
            raise ArgumentError(f"ratio={ratio!r}: give a number from 0 to 1.")
        targets = [_target(d1, d1_target, "d1"), _target(d2, d2_target, "d2")]
        rng = np.random.default_rng(seed)
        cells = home_cells([_keys(d, t, by) for d, t in zip((d1, d2), targets, strict=True)], targets, rng)
        self.counts: dict[str, Counts] = cell_counts([len(c) for c in cells], [c.largest for c in cells], ratio, splits)
        chosen = [cell.items[part] for cell, part in zip(cells, self._part(cells, mode, nsamples), strict=True)]
        sites = [np.concatenate(chosen[:2]), np.concatenate(chosen[2:])]
        parts = [SubsetDataset(d, items) for d, items in zip((d1, d2), sites, strict=True)]
        self.dataset = MergeDataset(parts, pathologies="union")
        self.transform = transform
        self.site = self.dataset.csv["source"].to_numpy()
        self.pathologies = [target]
        label = np.concatenate([np.full(len(items), cell % 2) for cell, items in enumerate(chosen)])
        self.labels = label.astype(np.float32)[:, None]
        self.csv = self.dataset.csv.rename(columns={"source": "site"}).assign(label=label)
        self._sources = (d1, d2)

    def _part(self, cells: Any, mode: str, nsamples: int | None) -> list[NDArray[np.intp]]:
        """Positions in each cell of the items of ``mode``."""
        counts = self.counts[mode]
        available = sum(counts.values())
        if not available:
            raise ArgumentError(f"There are too few items to fill the mode {mode!r}: {_described(cells)}.")
        dealt = deal(cells, self.counts)[mode]
        if nsamples is None:
            return dealt
        if nsamples <= 0 or nsamples % 2 or nsamples > available:
            raise ArgumentError(
                f"nsamples={nsamples!r}: give an even number from 2 to {available}, which is what mode {mode!r} has."
            )
        half, whole = nsamples // 2, available // 2
        from_d2 = [int(half * counts[1, label] / whole + 0.5) for label in (0, 1)]
        wanted = [half - from_d2[0], half - from_d2[1], from_d2[0], from_d2[1]]
        return [part[:number] for part, number in zip(dealt, wanted, strict=True)]

    def __getitem__(self, idx: int, /) -> Sample:
        sample: Any = super().__getitem__(idx)
        sample["site"] = sample.pop("source")
        below, position = self.dataset._origin(sample["idx"])
        sample["lab-old"] = below.labels[position].copy()
        found: Sample = sample
        return found

    def summary(self) -> str:
        """The shift and, below it, its two sites."""
        first, second = self._sources
        return tree(f"{type(self).__name__} num_samples={len(self)}", {"0": first, "1": second})


def _target(dataset: Dataset, values: Any, name: str) -> NDArray[np.float32]:
    target = np.asarray(values, dtype=np.float32).reshape(-1)
    if len(target) != len(dataset):
        raise ArgumentError(f"{name}_target has {len(target)} values for the {len(dataset)} items of {name}.")
    wrong = np.flatnonzero(~(np.isnan(target) | (target == 0) | (target == 1)))
    if wrong.size:
        raise ArgumentError(
            f"{name}_target must be 1, 0 or NaN; item {wrong[0]} has {target[wrong[0]]:g} ({wrong.size} of them)."
        )
    return target


def _keys(dataset: Dataset, target: NDArray[np.float32], by: str | None) -> pd.Series[Any]:
    """What must stay together: patients of one collection, where they are known, else images."""
    csv = dataset.csv
    if by is not None and by not in csv.columns:
        raise ArgumentError(f"by={by!r} is not a column of csv. Common ones: patientid, source_uid.")
    images = csv["source_uid"].astype("str")
    if by is None:
        return images
    collection = collections_in(images)  # patient 7 of one collection is not patient 7 of another
    groups: pd.Series[Any] = (collection + "/" + csv[by].astype("str")).where(csv[by].notna(), images)
    return groups


def _described(cells: Any) -> str:
    names = ("d1 negative", "d1 positive", "d2 negative", "d2 positive")
    return ", ".join(f"{name} {len(cell)}" for name, cell in zip(names, cells, strict=True))
