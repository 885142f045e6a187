"""Split a dataset by patient; adding data never moves a patient to another part."""

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

    All rows with one value of ``by`` go to the same part. The part depends only on that value and ``seed``, so
    adding data never moves a patient. Rows where ``by`` is NA are split one by one, by ``source_uid``.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        fractions: The share of each part, such as ``{"train": 0.7, "valid": 0.1, "test": 0.2}``; they sum to 1.
        by: Column of ``csv`` whose equal values stay together.
        seed: A number or word (the salt of the hash); another seed gives another split.

    Raises:
        ArgumentError: Fractions are negative or do not sum to 1, or the column does not exist.
    """
    shares = {name: float(share) for name, share in fractions.items()}
    if not shares or min(shares.values()) < 0 or not abs(sum(shares.values()) - 1) < 1e-6:  # `not <` also catches NaN
        raise ArgumentError(f"fractions must be 0 or more and sum to 1, got {shares} (sum {sum(shares.values()):g}).")
    if by not in dataset.csv.columns:
        raise ArgumentError(f"by={by!r} is not a column of csv. Try patientid, source_uid or view.")
    keys = dataset.csv[by].astype("str").fillna(dataset.csv["source_uid"].astype("str"))
    codes, distinct = pd.factorize(keys)
    place = np.array([_unit_hash(f"{seed}:{key}") for key in distinct])[codes]
    edges = [0.0, *accumulate(shares.values())]
    edges[-1] = 1.0 + 1e-9  # the last part takes the rest, in spite of rounding
    return {
        name: SubsetDataset(dataset, np.flatnonzero((place >= low) & (place < high)))
        for name, (low, high) in zip(shares, pairwise(edges), strict=True)
    }


def official_split(dataset: Dataset, column: str = "split") -> dict[str, SubsetDataset]:
    """The published split by name: ``{"train": ..., "test": ...}``.

    Args:
        dataset: A dataset whose ``csv`` has the split: ``mimic`` opened with ``splits=...``, ``chexpert`` (train,
            valid), ``tbx11k`` (train, val), ``nih`` opened with ``test_list=...``, or a merge of these.
        column: Column of ``csv`` with the split. Items where it is NA are in no part.

    Raises:
        ArgumentError: ``csv`` does not have the column, or it is NA everywhere.
    """
    if column not in dataset.csv.columns or dataset.csv[column].isna().all():
        raise ArgumentError(
            f"csv has no official split (column {column!r}): the source has none, or its file was not passed. "
            "See the dataset's card, or make a split: split(dataset, {...}, by='patientid')."
        )
    names = dataset.csv[column].astype("str")
    return {
        str(name): SubsetDataset(dataset, np.flatnonzero((names == name).to_numpy()))
        for name in names.dropna().unique()
    }


def split_report(parts: Mapping[str, Dataset]) -> pd.DataFrame:
    """Compare the parts of a split.

    Args:
        parts: The result of ``split`` or ``official_split``; the labels of the first part are compared.

    Returns:
        One row for each part and property: ``part``, ``what`` (a label, ``view PA``, ``sex F``, ``age_years``),
        ``items`` (with a known value), ``patients`` (of the part), ``positive`` (NA for the age), ``mean`` (the
        prevalence, share or mean age), and ``difference`` to the mean over all parts.

    Raises:
        ArgumentError: ``parts`` is empty.
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
    """The properties to compare, each with its known values."""
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
    """A number in [0, 1) that depends only on ``text``, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
