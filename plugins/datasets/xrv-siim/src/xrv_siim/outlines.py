"""Read the table of the challenge: a run-length encoded outline in each row."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xrv_core.datasets import require_columns
from xrv_core.errors import TableError

_NONE = "-1"


def read_outlines(table: pd.DataFrame, path: Path, owner: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The rows that have an outline (``ImageId`` and its run-length encoding, ``rle``), and the images.

    The images are a row each: ``ImageId``, and how many ``outlines`` it has.
    """
    plain = table.rename(columns=str.strip)  # the header of stage 1 is "ImageId, EncodedPixels", with a blank
    require_columns(plain, ("ImageId", "EncodedPixels"), path, owner, "train-rle.csv")
    blank = plain.index[plain[["ImageId", "EncodedPixels"]].isna().any(axis=1)]
    if len(blank):
        raise TableError(f"{path}, line {blank[0] + 2}: a row needs an ImageId and EncodedPixels ({_NONE!r} for none).")
    images, cells = plain["ImageId"], plain["EncodedPixels"].astype("str").str.strip()
    codes, distinct = pd.factorize(images)  # far quicker to compare than the texts themselves
    without = (cells == _NONE).to_numpy(dtype=bool)
    number, none = (np.bincount(codes[rows], minlength=len(distinct)) for rows in (~without, without))
    both = np.flatnonzero((number > 0) & (none > 0))
    if len(both):
        raise TableError(
            f"{path}: the rows of {min(distinct[both])!r} contradict each other: an outline, and {_NONE!r} for none."
        )
    outlines = pd.DataFrame({"ImageId": images[~without], "rle": cells[~without]}).reset_index(drop=True)
    return outlines, pd.DataFrame({"ImageId": distinct, "outlines": number})


def outlines_by_image(table: pd.DataFrame) -> dict[str, list[str]]:
    """The run-length encodings of each image that has one, by image."""
    outlines: dict[str, list[str]] = {}
    for image, rle in zip(table["ImageId"].tolist(), table["rle"].tolist(), strict=True):
        outlines.setdefault(image, []).append(rle)
    return outlines
