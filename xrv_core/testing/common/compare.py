"""Describe how two samples, two tables or the outputs of two models differ."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch

from xrv_core.protocols import Dataset, Sample

__all__ = [
    "Tensors", "array_difference", "by_uid", "column", "output_differences", "sample_difference",
    "samples_differences", "table_difference",
]  # fmt: skip

#: What a model gives, by name: ``{"out": logits}``, ``{"z": code, "out": image}``.
Tensors = Mapping[str, torch.Tensor]


def array_difference(one: Any, other: Any, tolerance: float = 0.0) -> str:
    """How two tensors or arrays differ, empty if they are equal (NaN equals NaN)."""
    a, b = np.asarray(one), np.asarray(other)
    if a.shape != b.shape:
        return f"shape {a.shape} instead of {b.shape}"
    if a.dtype != b.dtype:
        return f"{a.dtype} instead of {b.dtype}"
    apart = ~np.isclose(a, b, rtol=0, atol=tolerance, equal_nan=True)
    return f"{int(apart.sum())} of {apart.size} values are different" if apart.any() else ""


def sample_difference(one: Mapping[str, Any], other: Mapping[str, Any], *, ignore: Iterable[str] = ()) -> str:
    """The first difference of two samples, empty if they are equal."""
    keys = set(ignore)
    if set(one) - keys != set(other) - keys:
        return f"keys {sorted(one)} instead of {sorted(other)}"
    for key in sorted(set(one) - keys):
        if isinstance(one[key], Mapping) and isinstance(other[key], Mapping):
            difference = sample_difference(one[key], other[key]) if one[key] or other[key] else ""
        elif hasattr(one[key], "shape"):
            difference = array_difference(one[key], other[key])
        else:
            difference = "" if one[key] == other[key] else f"{one[key]!r} instead of {other[key]!r}"
        if difference:
            return f"{key!r}: {difference}"
    return ""


def samples_differences(
    found: Sequence[Sample], expected: Sequence[Sample], where: str = "", **options: Any
) -> Iterator[str]:
    """A sentence for each item that is not as expected; ``where`` is its beginning."""
    if len(found) != len(expected):
        yield f"{where}there are {len(found)} items instead of {len(expected)}"
        return
    for i, (one, other) in enumerate(zip(found, expected, strict=True)):
        difference = sample_difference(one, other, **options)
        if difference:
            yield f"{where}item {i} differs in {difference}"


def table_difference(one: pd.DataFrame, other: pd.DataFrame) -> str:
    """The first difference of two tables, empty if they are equal."""
    if list(one.columns) != list(other.columns):
        return f"columns {list(one.columns)} instead of {list(other.columns)}"
    if len(one) != len(other):
        return f"{len(one)} rows instead of {len(other)}"
    for name in one.columns:
        a, b = one[name].reset_index(drop=True), other[name].reset_index(drop=True)
        apart = np.flatnonzero([not _same(x, y) for x, y in zip(a, b, strict=True)])
        if len(apart):
            row = int(apart[0])
            return f"column {str(name)!r}, row {row}: {a[row]!r} instead of {b[row]!r}"
        if a.dtype != b.dtype:
            return f"column {str(name)!r}: {a.dtype} instead of {b.dtype}"
    return ""


def output_differences(found: Tensors, expected: Tensors, share: float, where: str = "") -> Iterator[str]:
    """A sentence for each output of a model that is not as expected.

    Args:
        found: Outputs by name; NaN equals NaN, and infinite values are never equal.
        expected: What they should be; compared in float32.
        share: Largest difference that is allowed, as a share of the largest absolute value expected.
        where: Beginning of each sentence.
    """
    if set(found) != set(expected):
        yield f"{where}it gives {sorted(found)} instead of {sorted(expected)}"
        return
    for name, wanted in expected.items():
        one = found[name]
        if one.shape != wanted.shape:
            yield f"{where}{name!r} has the shape {list(one.shape)} instead of {list(wanted.shape)}"
            continue
        a, b = one.detach().float().cpu(), wanted.detach().float().cpu()
        if not torch.equal(a.isnan(), b.isnan()) or not a.nan_to_num().isfinite().all():
            nan, infinite = int((a.isnan() & ~b.isnan()).sum()), int(a.isinf().sum())
            yield f"{where}{name!r} has {nan} NaN and {infinite} infinite values"
            continue
        largest = float((a - b).nan_to_num().abs().max()) if a.numel() else 0.0
        scale = float(b.nan_to_num().abs().max()) if b.numel() else 0.0
        if largest > share * scale:
            yield f"{where}{name!r} differs by up to {largest:.3g}, and the largest value is {scale:.3g}"


def column(dataset: Dataset, name: str) -> list[Any]:
    """A column of ``csv`` with None for unknown values."""
    return [None if _missing(value) else value for value in dataset.csv[name]]


def by_uid(dataset: Dataset) -> dict[str, int]:
    """The row of each ``source_uid``."""
    return {uid: row for row, uid in enumerate(dataset.csv["source_uid"])}


def _missing(value: Any) -> bool:
    return bool(pd.api.types.is_scalar(value) and pd.isna(value))


def _same(a: Any, b: Any) -> bool:
    if _missing(a) or _missing(b):
        return _missing(a) and _missing(b)
    return bool(np.all(a == b))
