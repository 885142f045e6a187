"""Read the table of the challenge: a run-length encoded outline in each row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xrv_core.datasets.tables import require_columns
from xrv_core.errors import TableError

_NONE = "-1"


def outlines_by_image(table: pd.DataFrame, path: Path, owner: str) -> dict[str, list[str]]:
    """The run-length encodings of each image that has one, by image."""
    plain = table.rename(columns=str.strip)  # the header of stage 1 is "ImageId, EncodedPixels", with a blank
    require_columns(plain, ("ImageId", "EncodedPixels"), path, owner, "train-rle.csv")
    blank = plain.index[plain[["ImageId", "EncodedPixels"]].isna().any(axis=1)]
    if len(blank):
        raise TableError(f"{path}, line {blank[0] + 2}: a row needs an ImageId and EncodedPixels ({_NONE!r} for none).")
    outlines: dict[str, list[str]] = {}
    without = set()
    for image, cell in zip(plain["ImageId"].tolist(), plain["EncodedPixels"].astype("str").tolist(), strict=True):
        if cell.strip() == _NONE:
            without.add(image)
        else:
            outlines.setdefault(image, []).append(cell.strip())
    both = without & outlines.keys()
    if both:
        raise TableError(
            f"{path}: the rows of {min(both)!r} contradict each other: an outline, and {_NONE!r} for none."
        )
    return outlines
