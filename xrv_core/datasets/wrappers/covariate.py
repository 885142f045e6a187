"""Simulate a covariate shift: the site is correlated with the label in training, and not afterwards."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import tree
from xrv_core.datasets.leakage import collections_in
from xrv_core.datasets.wrappers.merge import MergeDataset
from xrv_core.datasets.wrappers.views import SubsetDataset, View
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset, Sample

__all__ = ["CovariateDataset"]


#: The modes of a covariate shift.
MODES = ("train", "valid", "test")

#: Number of items by (site, target).
Counts: TypeAlias = dict[tuple[int, int], int]


class CovariateDataset(View):
    """Two datasets ("sites") mixed so that the site is correlated with a binary target.

    Half of the items are positive. In mode "train", a share ``ratio`` of the positives comes from ``d2`` and the
    rest from ``d1``; for the negatives it is the reverse. In modes "valid" and "test" the share is ``1 - ratio``.
    At 0.5 site and target are independent. (Section 3.5 of arXiv:2111.00595; Viviano et al., arXiv:1910.00199.)

    The three modes share no image and no patient, and the number of items does not depend on ``ratio``. Each patient
    is used for one site and one target value only: the one with the fewest images of all patients. With one image a
    patient, the numbers equal those of torchxrayvision, which rounds each of the four cells down.

    Args:
        d1: Site 0.
        d1_target: One value for each item of ``d1``: 1, 0, or NaN to leave the item out.
        d2: Site 1.
        d2_target: The same for ``d2``.
        ratio: 0 to 1.
        mode: "train", "valid" or "test".
        seed: Selects the items. Use the same seed for all modes.
        nsamples: Number of items of this mode, even; None for all.
        splits: Shares of train, valid and test; they sum to 1.
        by: Column of ``csv`` whose groups stay in one mode. None: each image alone, as in torchxrayvision.
        target: Name of the label. Masks of a label with this name are kept.
        transform: Applied after the transforms of ``d1`` and ``d2``.

    Attributes:
        site: int ``[N]``, 0 or 1.
        counts: For each mode, the number of items by site and target: ``{"train": {(0, 0): 75, (0, 1): 25, ...}}``.

    Items have ``site``, and their original labels as ``lab-old``; ``csv`` has ``site`` and ``label``.

    Raises:
        ArgumentError: An invalid argument, or too few items to fill every mode.
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
            raise ArgumentError(f"Unknown mode={mode!r}. Choose one of: {', '.join(MODES)}.")
        if not 0 <= ratio <= 1:  # `not` also catches NaN
            raise ArgumentError(f"ratio={ratio!r} must be a number from 0 to 1.")
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
        """For each cell, the positions of the items of ``mode``."""
        counts = self.counts[mode]
        available = sum(counts.values())
        if not available:
            raise ArgumentError(f"Too few items for mode {mode!r}: {_described(cells)}.")
        dealt = deal(cells, self.counts)[mode]
        if nsamples is None:
            return dealt
        if nsamples <= 0 or nsamples % 2 or nsamples > available:
            raise ArgumentError(
                f"nsamples={nsamples!r} must be an even number from 2 to {available}, the size of mode {mode!r}."
            )
        half, whole = nsamples // 2, available // 2
        from_d2 = [int(half * counts[1, label] / whole + 0.5) for label in (0, 1)]
        wanted = [half - from_d2[0], half - from_d2[1], from_d2[0], from_d2[1]]
        return [part[:number] for part, number in zip(dealt, wanted, strict=True)]

    def _item(self, position: int) -> Sample:
        sample: Any = super()._item(position)
        sample["site"] = sample.pop("source")
        below, inner = self.dataset._origin(position)
        sample["lab-old"] = below.labels[inner].copy()
        found: Sample = sample
        return found

    def summary(self) -> str:
        """The class and size, and below it the two sites."""
        first, second = self._sources
        return tree(f"{type(self).__name__} num_samples={len(self)}", {"0": first, "1": second})


def _target(dataset: Dataset, values: Any, name: str) -> NDArray[np.float32]:
    target = np.asarray(values, dtype=np.float32).reshape(-1)
    if len(target) != len(dataset):
        raise ArgumentError(f"{name}_target has {len(target)} values for the {len(dataset)} items of {name}.")
    wrong = np.flatnonzero(~(np.isnan(target) | (target == 0) | (target == 1)))
    if wrong.size:
        raise ArgumentError(
            f"{name}_target must be 1, 0 or NaN, but item {wrong[0]} has {target[wrong[0]]:g} ({wrong.size} items)."
        )
    return target


def _keys(dataset: Dataset, target: NDArray[np.float32], by: str | None) -> pd.Series[Any]:
    """The group of each item: the patient within its collection if known, else the image."""
    csv = dataset.csv
    if by is not None and by not in csv.columns:
        raise ArgumentError(f"by={by!r} is not a column of csv. Try patientid or source_uid.")
    images = csv["source_uid"].astype("str")
    if by is None:
        return images
    collection = collections_in(images)  # patient 7 of one collection is not patient 7 of another
    groups: pd.Series[Any] = (collection + "/" + csv[by].astype("str")).where(csv[by].notna(), images)
    return groups


def _described(cells: Any) -> str:
    names = ("d1 negative", "d1 positive", "d2 negative", "d2 positive")
    return ", ".join(f"{name} {len(cell)}" for name, cell in zip(names, cells, strict=True))


class Cell(NamedTuple):
    """The items of one site with one target value.

    The four cells are always in this order: site 0 negative, site 0 positive, site 1 negative, site 1 positive.

    Attributes:
        items: Positions in the site's dataset, sorted by group (patient); groups are in random order.
        groups: The group number of each item.
        largest: Number of items in the largest group.
    """

    items: NDArray[np.intp]
    groups: NDArray[np.intp]
    largest: int

    def __len__(self) -> int:
        return len(self.items)


def home_cells(
    keys: Sequence[pd.Series[Any]], targets: Sequence[NDArray[np.float32]], rng: np.random.Generator
) -> list[Cell]:
    """Assign each group to one of the cells where it has items; its items in other cells are not used.

    A group goes to its smallest cell, because the smallest cell limits the number of items.

    Args:
        keys: For each site, the group of each item.
        targets: For each site, 1, 0 or NaN (not used).
        rng: Shuffles the groups.
    """
    site = np.repeat([0, 1], [len(k) for k in keys])
    item = np.concatenate([np.arange(len(k)) for k in keys])
    target = np.concatenate(targets)
    used = ~np.isnan(target)
    cell = (2 * site + np.nan_to_num(target)).astype(int)[used]
    item = item[used]
    names = pd.concat([k.reset_index(drop=True) for k in keys], ignore_index=True)[used]
    group = pd.factorize(names, sort=True)[0]  # sorted, so that the order of rows does not matter
    number = int(group.max(initial=-1)) + 1
    table = np.zeros((number, 4), dtype=int)
    np.add.at(table, (group, cell), 1)
    order = rng.permutation(number)
    home = _homes(table, order)
    found = []
    rank = np.empty(number, dtype=int)
    rank[order] = np.arange(number)
    for c in range(4):
        here = np.flatnonzero((cell == c) & (home[group] == c))
        here = here[np.lexsort((item[here], rank[group[here]]))]
        sizes = np.bincount(group[here])
        found.append(Cell(item[here], group[here], int(sizes.max(initial=0))))
    return found


def _homes(table: NDArray[np.int_], order: NDArray[np.intp]) -> NDArray[np.int_]:
    """The cell of each group: its only cell, or the one with the fewest items so far."""
    home: NDArray[np.int_] = table.argmax(axis=1)
    several = (table > 0).sum(axis=1) > 1
    total = table[~several].sum(axis=0)
    for g in order[several[order]].tolist():
        choices = np.flatnonzero(table[g])
        home[g] = choices[total[choices].argmin()]
        total[home[g]] += table[g, home[g]]
    return home


def cell_counts(
    sizes: Sequence[int], largest: Sequence[int], ratio: float, splits: Sequence[float]
) -> dict[str, Counts]:
    """The number of items that each mode takes from each cell; the sums do not depend on ``ratio``.

    Args:
        sizes: Number of items in each of the four cells.
        largest: Number of items in the largest group of each cell.
        ratio: Share of the "train" positives that come from site 1; ``1 - ratio`` in the other modes.
        splits: Shares of the three modes.

    Raises:
        ArgumentError: ``splits`` is not three shares that sum to 1.
    """
    shares = [float(share) for share in splits]
    if len(shares) != 3 or not min(shares) >= 0 or not abs(sum(shares) - 1) < 1e-6:  # `not` also catches NaN
        raise ArgumentError(f"splits must be three non-negative shares that sum to 1; got {list(splits)}.")
    # Each cell is cut twice, and each cut can lose the rest of one group.
    capacity = min(size - 2 * max(group - 1, 0) for size, group in zip(sizes, largest, strict=True))
    # At ratio 1, "train" takes all its positives from one cell; at ratio 0, the other modes do.
    scale = max(capacity, 0) / max(shares[0], shares[1] + shares[2])
    train, valid, test = (int(scale * share + 1e-9) for share in shares)
    rest = valid + test
    second = int(train * ratio + 0.5)
    # Rounded so that the parts of one cell never sum to more than it holds.
    second_of_rest = rest - int(rest * ratio + 0.5)
    second_of_valid = int(second_of_rest * valid / rest + 0.5) if rest else 0
    halves = {
        "train": (train, second),
        "valid": (valid, second_of_valid),
        "test": (test, second_of_rest - second_of_valid),
    }
    return {
        mode: {(0, 0): from_2, (0, 1): half - from_2, (1, 0): half - from_2, (1, 1): from_2}
        for mode, (half, from_2) in halves.items()
    }


def deal(cells: Sequence[Cell], counts: dict[str, Counts]) -> dict[str, list[NDArray[np.intp]]]:
    """For each mode, the positions of its items in each cell; no group is used in two modes."""
    dealt: dict[str, list[NDArray[np.intp]]] = {mode: [] for mode in MODES}
    for number, cell in enumerate(cells):
        start = 0
        for mode in MODES:
            stop = start + counts[mode][number // 2, number % 2]
            dealt[mode].append(np.arange(start, stop))
            while 0 < stop < len(cell) and stop > start and cell.groups[stop] == cell.groups[stop - 1]:
                stop += 1
            start = stop
    return dealt
