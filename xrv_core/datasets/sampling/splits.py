"""Split a dataset so that nobody is on both sides, and nobody moves when data is added."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from itertools import accumulate, pairwise
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.wrappers import SubsetDataset
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset

__all__ = ["official_split", "split", "split_report"]


def split(
    dataset: Dataset, fractions: Mapping[str, float], *, by: str = "patientid", seed: int | str = 0
) -> dict[str, SubsetDataset]:
    """Split by a stable hash of a column of ``csv``.

    All rows with one value of ``by`` go to the same side. The side depends on that value and ``seed``
    alone, so adding data never moves anyone. Rows where ``by`` is unknown are split one by one, by
    ``source_uid``.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        fractions: For each name its share, such as ``{"train": 0.7, "valid": 0.1, "test": 0.2}``; they sum to 1.
        by: Column of ``csv`` that tells what must stay together.
        seed: Another seed (a number or a word, the salt of the hash) gives another split.

    Raises:
        ArgumentError: Fractions that are negative or do not sum to 1, or a column that is not there.
    """
    shares = {name: float(share) for name, share in fractions.items()}
    if not shares or min(shares.values()) < 0 or not abs(sum(shares.values()) - 1) < 1e-6:  # `not <`: NaN too
        raise ArgumentError(f"fractions must be 0 or more and sum to 1, got {shares} (sum {sum(shares.values()):g}).")
    if by not in dataset.csv.columns:
        raise ArgumentError(f"by={by!r} is not a column of csv. Common ones: patientid, source_uid, view.")
    keys = dataset.csv[by].astype("str").fillna(dataset.csv["source_uid"].astype("str"))
    codes, distinct = pd.factorize(keys)
    place = np.array([_unit_hash(f"{seed}:{key}") for key in distinct])[codes]
    edges = [0.0, *accumulate(shares.values())]
    edges[-1] = 1.0 + 1e-9  # whatever the rounding of the sum, the last side takes the rest
    return {
        name: SubsetDataset(dataset, np.flatnonzero((place >= low) & (place < high)))
        for name, (low, high) in zip(shares, pairwise(edges), strict=True)
    }


def official_split(dataset: Dataset, column: str = "split") -> dict[str, SubsetDataset]:
    """The split that the source published, by name: ``{"train": ..., "test": ...}``.

    Args:
        dataset: One whose ``csv`` tells it: ``mimic`` opened with ``splits=...``, ``chexpert`` (train, valid),
            ``tbx11k`` (train, val), ``nih`` opened with ``test_list=...``, or a merge of such.
        column: Where ``csv`` tells it. Items where it is NA are in no part.

    Raises:
        ArgumentError: ``csv`` has no such column, or it is NA everywhere.
    """
    if column not in dataset.csv.columns or dataset.csv[column].isna().all():
        raise ArgumentError(
            f"csv tells no official split (column {column!r}): the source has none, or the file that names it was not "
            "given. See the dataset's card, or make one: split(dataset, {...}, by='patientid')."
        )
    names = dataset.csv[column].astype("str")
    return {
        str(name): SubsetDataset(dataset, np.flatnonzero((names == name).to_numpy()))
        for name in names.dropna().unique()
    }


def split_report(parts: Mapping[str, Dataset]) -> pd.DataFrame:
    """How alike the parts of a split are.

    Args:
        parts: What ``split`` or ``official_split`` gives; the labels of the first one count.

    Returns:
        One row for each part and each thing that is compared: ``part``, ``what`` (a label, ``view PA``, ``sex F``,
        ``age_years``), ``items`` (that tell it), ``patients`` (of the part), ``positive`` (NA for the age), ``mean``
        (the prevalence, the share, the mean age), and ``difference`` to the mean over all parts.

    Raises:
        ArgumentError: No part.
    """
    if not parts:
        raise ArgumentError("split_report needs at least one part.")
    rows = [
        {"part": name, "what": what, "items": len(values), "patients": int(part.csv["patientid"].nunique()),
         "positive": None if what == "age_years" else int(values.sum()), "sum": float(values.sum())}
        for name, part in parts.items()
        for what, values in _compared(part, list(next(iter(parts.values())).pathologies), parts)
    ]  # fmt: skip
    table = pd.DataFrame(rows)
    table["positive"] = table["positive"].astype("Int64")
    table["mean"] = (table["sum"] / table["items"]).where(table["items"] > 0)
    total = table.groupby("what", sort=False)[["sum", "items"]].sum()
    overall = (total["sum"] / total["items"]).where(total["items"] > 0)
    table["difference"] = table["mean"] - table["what"].map(overall)
    return table.drop(columns="sum")


def _compared(part: Dataset, labels: list[str], parts: Mapping[str, Dataset]) -> Iterator[tuple[str, Any]]:
    """Things that parts are compared by, each with its known values."""
    own = list(part.pathologies)
    for name in labels:
        values = part.labels[:, own.index(name)] if name in own else np.zeros(0)
        yield name, values[~np.isnan(values)] == 1
    for column in ("view", "sex"):
        seen = sorted({str(v) for p in parts.values() if column in p.csv for v in p.csv[column].dropna().unique()})
        known = part.csv[column].dropna().astype("str") if column in part.csv else pd.Series([], dtype="str")
        for value in seen:
            yield f"{column} {value}", (known == value).to_numpy()
    if "age_years" in part.csv:
        yield "age_years", part.csv["age_years"].dropna().to_numpy(dtype=float)


def _unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
