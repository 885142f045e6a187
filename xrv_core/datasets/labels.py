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
    matrix = np.zeros((len(distinct), len(terms)), dtype=np.float32)
    rows, columns = [], []
    for row, cell in enumerate(distinct.tolist()):
        if not cell.strip():
            matrix[row] = np.nan
        for term in cell.split(separator):
            for column in column_of.get(term.strip(), ()):
                rows.append(row)
                columns.append(column)
    matrix[rows, columns] = 1  # at once: single assignments take most of the time
    return matrix[codes]


def substring_labels(cells: pd.Series[Any], terms: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
    """1 where a label's term, as a regular expression, is found *anywhere*: torchxrayvision's rule, for parity only."""
    codes, distinct = pd.factorize(cells.fillna("").astype(str))
    found = [re.compile("|".join(names)).search for names in terms.values()]
    matrix = np.array([[search(cell) is not None for search in found] for cell in distinct])
    return matrix.astype(np.float32).reshape(len(distinct), len(terms))[codes]
