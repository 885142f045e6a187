"""Split a dataset so that nobody is on both sides, and nobody moves when data is added."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from itertools import accumulate, pairwise

import numpy as np
import pandas as pd

from xrv_core.datasets.views import SubsetDataset
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset

__all__ = ["split"]


def split(
    dataset: Dataset, fractions: Mapping[str, float], *, by: str = "patientid", seed: int = 0
) -> dict[str, SubsetDataset]:
    """Split by a stable hash of a column of ``csv``.

    All rows with one value of ``by`` go to the same side. The side depends on that value and ``seed``
    alone, so adding data never moves anyone. Rows where ``by`` is unknown are split one by one, by
    ``source_uid``.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        fractions: For each name its share, such as ``{"train": 0.7, "valid": 0.1, "test": 0.2}``; they sum to 1.
        by: Column of ``csv`` that tells what must stay together.
        seed: Another seed gives another split.

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


def _unit_hash(text: str) -> float:
    """A number in [0, 1) that depends on ``text`` alone, on every machine."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / 2**56
