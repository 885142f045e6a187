"""Read the table of the challenge, which has a run-length encoded outline in each row."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xrv_core.datasets import distinct_rows, grouped, require_columns, row_place
from xrv_core.errors import TableError

_NONE = "-1"


def read_outlines(table: pd.DataFrame, path: Path, owner: str, on_duplicates: str) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The outlines (``ImageId``, ``rle``), and one row an image (``ImageId``, number of ``outlines``)."""
    plain = table.rename(columns=str.strip)  # the header of stage 1 is "ImageId, EncodedPixels", with a blank
    require_columns(plain, ("ImageId", "EncodedPixels"), path, owner, "train-rle.csv")
    blank = plain.index[plain[["ImageId", "EncodedPixels"]].isna().any(axis=1)]
    if len(blank):
        raise TableError(f"{row_place(path, blank[0])}: a row needs an ImageId and EncodedPixels ({_NONE!r} for none).")
    images, cells = plain["ImageId"], plain["EncodedPixels"].astype("str").str.strip()
    plain = pd.DataFrame({"ImageId": images, "EncodedPixels": cells}).drop_duplicates()  # a row given twice counts once
    told = plain.assign(EncodedPixels=plain["EncodedPixels"] != _NONE).drop_duplicates()
    agreed = distinct_rows(told, "ImageId", where=path, on_duplicates=on_duplicates)
    if len(agreed) < len(told):
        right = plain["ImageId"].map(agreed.set_index("ImageId")["EncodedPixels"])
        plain = plain[right == (plain["EncodedPixels"] != _NONE)]
    images, cells = plain["ImageId"], plain["EncodedPixels"]
    drawn = cells != _NONE
    counts = drawn.groupby(images, sort=False).sum()
    outlines = pd.DataFrame({"ImageId": images[drawn], "rle": cells[drawn]}).reset_index(drop=True)
    return outlines, pd.DataFrame({"ImageId": counts.index, "outlines": counts.to_numpy()})


def outlines_by_image(table: pd.DataFrame) -> dict[str, list[str]]:
    """The run-length encodings of each image that has one, by image."""
    return grouped(table["ImageId"].tolist(), table["rle"].tolist())
