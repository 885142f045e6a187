"""Split texts that hold several terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

__all__ = ["coded_lists"]


def coded_lists(texts: pd.Series[Any], separator: str) -> tuple[NDArray[np.intp], NDArray[np.intp], list[str]]:
    """The K parts of N texts between separators, none missing.

    Returns:
        ``[K]`` the position of each part's text, ``[K]`` the part's position in the list of distinct parts, that list.
    """
    parts = texts.reset_index(drop=True).str.split(separator, regex=False).explode()
    codes, names = pd.factorize(parts)
    return parts.index.to_numpy(), codes, names.tolist()
