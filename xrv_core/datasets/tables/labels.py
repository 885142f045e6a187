"""Build label matrices from the terms that a source table holds."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.text_split import coded_lists

__all__ = ["LABEL_POLICIES", "ListedTerms", "substring_labels", "term_labels"]

#: "strict": exact terms. "torchxrayvision": the labels of torchxrayvision 1.5.7, bit for bit.
LABEL_POLICIES = ("strict", "torchxrayvision")


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
    return ListedTerms(cells, separator).labels(terms)


class ListedTerms:
    """The terms in N lists such as ``"Effusion|Mass"``.

    Args:
        cells: N strings; a blank one is no list.
        separator: What stands between the terms of a cell.
        clean: What a term is without what is round it, such as blanks.

    Attributes:
        names: The distinct terms.
    """

    def __init__(self, cells: pd.Series[Any], separator: str, clean: Callable[[str], str] = str.strip) -> None:
        # A big table repeats few distinct cells: split each of those once, and look at each distinct term once.
        self._codes, distinct = pd.factorize(cells.fillna("").astype(str))
        texts = pd.Series(distinct)
        self._blank = (texts.str.strip() == "").to_numpy(dtype=bool)
        self._rows, self._term, found = coded_lists(texts, separator)
        self._found = [*map(clean, found)]
        self.names = set(self._found)

    def labels(self, terms: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
        """As ``term_labels``."""
        column_of: dict[str, list[int]] = {}
        for column, names in enumerate(terms.values()):
            for name in names:
                column_of.setdefault(name, []).append(column)
        means = np.zeros((len(self._found), len(terms)), dtype=bool)
        for i, name in enumerate(self._found):
            means[i, column_of.get(name, [])] = True
        matrix = np.zeros((len(self._blank), len(terms)), dtype=np.float32)
        matrix[self._blank] = np.nan
        telling = np.flatnonzero(np.take(means.any(axis=1), self._term))
        at, columns = np.nonzero(means[self._term[telling]])
        matrix[self._rows[telling[at]], columns] = 1
        return np.take(matrix, self._codes, axis=0)


def substring_labels(cells: pd.Series[Any], terms: Mapping[str, Sequence[str]]) -> NDArray[np.float32]:
    """1 where a label's term, as a regular expression, is found *anywhere*: torchxrayvision's rule, for parity only."""
    codes, distinct = pd.factorize(cells.fillna("").astype(str))
    found = [re.compile("|".join(names)).search for names in terms.values()]
    matrix = np.array([[search(cell) is not None for search in found] for cell in distinct])
    return np.take(matrix.astype(np.float32).reshape(len(distinct), len(terms)), codes, axis=0)
