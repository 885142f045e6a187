"""What a run over a whole dataset relies on: checks of the dataset and of numbers that say how."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from xrv_core.datasets.base.labelled import check_rows
from xrv_core.errors import ArgumentError, MissingColumns

__all__ = ["NEEDED", "check_dataset", "whole_number"]

#: Columns that a run writes beside its results.
NEEDED = ("patientid", "view", "source_uid")


def check_dataset(dataset: Any, verb: str) -> None:
    """Refuse what does not keep the part of the Dataset contract that any run over its items needs.

    Args:
        dataset: Any object.
        verb: What it is wanted for, for messages, such as "evaluate".

    Raises:
        ArgumentError: It is no dataset, has no items, or contradicts itself.
        MissingColumns: ``csv`` lacks one of ``NEEDED``.
    """
    missing = [n for n in ("pathologies", "labels", "csv", "__len__", "__getitem__") if not hasattr(dataset, n)]
    if missing:
        raise ArgumentError(
            f"The dataset ({type(dataset).__name__}) has no {_names(missing)}. "
            "It must keep the contract of xrv_core.Dataset; load one by name with xrv_core.get_dataset(name, ...)."
        )
    check_rows(dataset)
    items = len(dataset)
    if items == 0:
        raise ArgumentError(f"The dataset has no items, so there is nothing to {verb}.")
    rows, shape, wanted = len(dataset.csv), tuple(dataset.labels.shape), (items, len(dataset.pathologies))
    if rows != items or shape != wanted:
        raise ArgumentError(
            f"The dataset contradicts itself: {items} items and {wanted[1]} pathologies, but {rows} rows in csv "
            f"and labels of shape {shape}. Row i of both must belong to item i."
        )
    absent = [column for column in NEEDED if column not in dataset.csv.columns]
    if absent:
        raise MissingColumns(
            f"dataset.csv has no column {_names(absent)}. Every dataset has {_names(NEEDED)}; NA where unknown."
        )


def whole_number(name: str, value: Any, least: int) -> int:
    """``value`` as an int.

    Raises:
        ArgumentError: It is no integer, or less than ``least``; the message calls it ``name``.
    """
    try:
        found = least - 1 if isinstance(value, bool) else operator.index(value)
    except TypeError:
        found = least - 1
    if found < least:
        raise ArgumentError(f"{name} must be an integer, {least} or more, got {value!r}.")
    return found


def _names(names: Sequence[str]) -> str:
    return ", ".join(map(repr, names))
