"""Masks that are image files, named in columns of a table."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import ImageSource, decode_image, fit_mask
from xrv_core.errors import ImageMissing


def has_masks(table: pd.DataFrame, columns: Iterable[str], source: ImageSource | None, path: Path) -> NDArray[np.bool_]:
    """The rows where a cell of ``columns`` names a mask.

    Raises:
        ImageMissing: A named mask is not in ``source``.
    """
    has = np.zeros(len(table), dtype=bool)
    for column in columns:
        names = table[column].dropna()
        absent = [] if source is None else source.missing(names.tolist())
        if absent and source is not None:
            raise ImageMissing(
                f"{source.root}: {len(absent)} of the {len(names)} masks that column {column!r} of {path} names "
                f"are not there; the first is {names.iloc[absent[0]]!r}. Check the column, or leave the mask out."
            )
        has |= table[column].notna().to_numpy()
    return has


def read_mask(source: ImageSource, name: str, shape: tuple[int, int]) -> NDArray[np.float32]:
    """float32 ``[1, H, W]``: 1 where a pixel is above half of the maximum, so that 0/1, 0/255 and JPEG files work.

    Raises:
        ImageError: The file cannot be decoded, or its proportions are not those of the image.
    """
    where = f"{source.root}/{name}"
    levels = decode_image(source.read(name), where) + 1024
    return fit_mask((levels > levels.max() / 2).astype(np.float32), shape, where=where)
