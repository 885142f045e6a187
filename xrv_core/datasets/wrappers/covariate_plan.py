"""Which items serve which mode of a covariate shift.

There are four *cells*, in this order: site 0 negative, site 0 positive, site 1 negative, site 1 positive.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError

__all__ = ["MODES", "Cell", "Counts", "cell_counts", "deal", "home_cells"]

MODES = ("train", "valid", "test")

#: Number of items by (site, target).
Counts: TypeAlias = dict[tuple[int, int], int]


class Cell(NamedTuple):
    """The items of one site with one target value.

    Attributes:
        items: Positions in the site's dataset; those of one group (patient) stand together, groups in random order.
        groups: Number of the group of each item.
        largest: Items of the largest group.
    """

    items: NDArray[np.intp]
    groups: NDArray[np.intp]
    largest: int

    def __len__(self) -> int:
        return len(self.items)


def home_cells(
    keys: Sequence[pd.Series[Any]], targets: Sequence[NDArray[np.float32]], rng: np.random.Generator
) -> list[Cell]:
    """Give each group one of the cells in which it has items; its items elsewhere are not used.

    The scarcest of its cells is taken, since the smallest cell decides how many items there will be.

    Args:
        keys: For both sites the group of each item.
        targets: For both sites 1, 0 or NaN (not used).
        rng: Decides the order.
    """
    site = np.repeat([0, 1], [len(k) for k in keys])
    item = np.concatenate([np.arange(len(k)) for k in keys])
    target = np.concatenate(targets)
    used = ~np.isnan(target)
    cell = (2 * site + np.nan_to_num(target)).astype(int)[used]
    item = item[used]
    names = pd.concat([k.reset_index(drop=True) for k in keys], ignore_index=True)[used]
    group = pd.factorize(names, sort=True)[0]  # sorted: the order of rows does not matter
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
    """The cell of each group: the only one it has, or the one with fewest items so far."""
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
    """How many items of each cell each mode gets; the sums do not depend on ``ratio``.

    Args:
        sizes: Number of items of the four cells.
        largest: Items of the largest group of each.
        ratio: Share of the positives of "train" that come from site 1; ``1 - ratio`` in the other modes.
        splits: Shares of the three modes.

    Raises:
        ArgumentError: ``splits`` are not three shares that sum to 1.
    """
    shares = [float(share) for share in splits]
    if len(shares) != 3 or not min(shares) >= 0 or not abs(sum(shares) - 1) < 1e-6:  # `not`: NaN too
        raise ArgumentError(f"splits must be three shares, 0 or more, that sum to 1; got {list(splits)}.")
    # A cell is cut twice, at the end of a group; what is left of that group is lost.
    capacity = min(size - 2 * max(group - 1, 0) for size, group in zip(sizes, largest, strict=True))
    # At ratio 1 "train" takes its positives from one cell alone, and at ratio 0 the other modes do.
    scale = max(capacity, 0) / max(shares[0], shares[1] + shares[2])
    train, valid, test = (int(scale * share + 1e-9) for share in shares)
    rest = valid + test
    second = int(train * ratio + 0.5)
    # Rounded so that the two roundings of one cell never add up to more than it holds.
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
    """Positions in each cell of the items of each mode; no group serves two modes."""
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
