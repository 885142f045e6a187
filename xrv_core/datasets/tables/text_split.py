"""Split and map texts of which few are different."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["coded_lists", "coded_parts", "mapped", "select_rows", "without_end"]


def coded_lists(texts: pd.Series[Any], separator: str) -> tuple[NDArray[np.intp], NDArray[np.intp], list[str]]:
    """The K parts of N texts between separators, none missing.

    Returns:
        ``[K]`` the position of each part's text, ``[K]`` the part's position in the list of distinct parts, that list.
    """
    parts = texts.reset_index(drop=True).str.split(separator, regex=False).explode()
    codes, names = pd.factorize(parts)
    return parts.index.to_numpy(), codes, names.tolist()


def coded_parts(texts: pd.Series[Any], separator: str) -> tuple[NDArray[np.intp], list[str]] | None:
    """The parts of N texts that all have the same number K of parts.

    Returns:
        ``[N, K]`` positions in a list of the distinct parts, and that list; None where K differs or a text is missing.
    """
    if not len(texts) or texts.isna().any():
        return None
    rows, codes, names = coded_lists(texts, separator)
    same = len(set(np.bincount(rows))) == 1
    return (codes.reshape(len(texts), -1), names) if same else None


def mapped(texts: pd.Series[Any], meaning: Mapping[str, str], *, others: bool = False) -> pd.Series[Any]:
    """``texts.map(meaning)`` as str; ``others=True`` keeps the texts that ``meaning`` lacks, else they become NA."""
    found = texts.map(meaning).astype("str")
    return found.fillna(texts) if others else found


def without_end(texts: pd.Series[Any], end: str) -> pd.Series[Any]:
    """``texts.str.removesuffix(end)``."""
    return texts.str.removesuffix(end)


def select_rows(table: pd.DataFrame, keep: pd.Series[Any]) -> pd.DataFrame:
    """The rows where ``keep`` is True, numbered anew."""
    return table[keep.to_numpy(dtype=bool)].reset_index(drop=True)
