"""Build label matrices from the terms that a source table holds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError

__all__ = ["LABEL_POLICIES", "check_label_policy", "substring_labels", "term_labels"]

#: "strict": exact terms. "torchxrayvision": the labels of torchxrayvision 1.5.7, bit for bit.
LABEL_POLICIES = ("strict", "torchxrayvision")


def check_label_policy(policy: str) -> str:
    """``policy``, or an ArgumentError that names the ones there are."""
    if policy not in LABEL_POLICIES:
        raise ArgumentError(f"labels={policy!r} is not a label policy. Choose one of: {', '.join(LABEL_POLICIES)}.")
    return policy


def term_labels(
    cells: pd.Series[Any], terms: Mapping[str, Sequence[str]], *, separator: str = "|"
) -> NDArray[np.float32]:
    """1 where a cell's list holds one of the label's terms, whole, else 0; NaN where the cell is blank.

    Args:
        cells: N strings such as ``"Effusion|Mass"``.
        terms: For each label, in column order, the terms that mean it.
        separator: What stands between the terms of a cell; blanks around a term do not count.

    Returns:
        float32 ``[N, P]``.
    """
    # A big table repeats few distinct cells: split each of those once.
    codes, distinct = pd.factorize(cells.fillna("").astype(str))
    column_of: dict[str, list[int]] = {}
    for column, names in enumerate(terms.values()):
        for name in names:
            column_of.setdefault(name, []).append(column)
    cells_of = distinct.tolist()
    matrix = np.zeros((len(cells_of), len(terms)), dtype=np.float32)
    matrix[[not cell.strip() for cell in cells_of]] = np.nan
    # and of those, each distinct term once
    rows = np.repeat(np.arange(len(cells_of)), [cell.count(separator) + 1 for cell in cells_of])
    term, found = pd.factorize(np.array(separator.join(cells_of).split(separator), dtype=object))
    means = np.zeros((len(found), len(terms)), dtype=bool)
    for i, name in enumerate(found):
        means[i, column_of.get(name.strip(), [])] = True
    at, columns = np.nonzero(means[term])
    matrix[rows[at], columns] = 1
    return matrix[codes]


def substring_labels(cells: pd.Series[Any], terms: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
    """1 where a label's term, as a regular expression, is found *anywhere*: torchxrayvision's rule, for parity only."""
    codes, distinct = pd.factorize(cells.fillna("").astype(str))
    found = [re.compile("|".join(names)).search for names in terms.values()]
    matrix = np.array([[search(cell) is not None for search in found] for cell in distinct])
    return matrix.astype(np.float32).reshape(len(distinct), len(terms))[codes]
