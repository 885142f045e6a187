"""Checks of a dataset's labels, table and counts, which need no image."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from xrv_core.datasets.tables import COMMON_COLUMNS
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset, missing_members
from xrv_core.testing.common.compare import column, table_difference
from xrv_core.testing.common.results import Check, NotApplicable
from xrv_core.testing.datasets.subject import DatasetSubject

__all__ = ["CHECKS"]

_NOT_WORDS = {"", "nan", "none", "null", "na", "n/a", "<na>", "nat"}
_OLDEST = 120  # years
_LONGEST = 500  # characters of a repr


def opens(subject: DatasetSubject) -> Iterator[str]:
    """The miniature can be written and opened."""
    if len(subject.dataset) < 1:
        yield "the miniature has no items"


def members(subject: DatasetSubject) -> Iterator[str]:
    """It has all attributes and methods of the ``Dataset`` protocol."""
    missing = missing_members(subject.dataset, Dataset)
    if missing:
        yield f"{type(subject.dataset).__name__} has no {', '.join(missing)}"


def pathologies(subject: DatasetSubject) -> Iterator[str]:
    """``pathologies`` are different names: those of the spec, if it has any."""
    names = subject.dataset.pathologies
    if not isinstance(names, list) or not all(isinstance(n, str) and n.strip() for n in names):
        yield f"pathologies must be a list of names, got {names!r}"
    elif len(set(names)) < len(names):
        yield f"pathologies has a name twice: {names}"
    elif subject.spec.pathologies and names != list(subject.spec.pathologies):
        yield f"pathologies are {names}, but the spec says {list(subject.spec.pathologies)}"


def labels(subject: DatasetSubject) -> Iterator[str]:
    """``labels`` is a float32 array ``[N, P]``."""
    d = subject.dataset
    if not isinstance(d.labels, np.ndarray) or d.labels.dtype != np.float32:
        yield f"labels must be a float32 array, got {getattr(d.labels, 'dtype', type(d.labels).__name__)}"
    if np.shape(d.labels) != (len(d), len(d.pathologies)):
        yield f"labels have shape {np.shape(d.labels)} for {len(d)} items and {len(d.pathologies)} pathologies"


def label_values(subject: DatasetSubject) -> Iterator[str]:
    """Labels are 1, 0 or NaN. (A severity dataset, which holds scores, is exempt.)"""
    d = subject.dataset
    values = np.asarray(d.labels, dtype=float)
    for row, place in np.argwhere(~(np.isnan(values) | (values == 0) | (values == 1)))[:4]:
        yield f"the label {d.pathologies[place]!r} of item {row} is {values[row, place]:g}: a label is 1, 0 or NaN"


def label_range(subject: DatasetSubject) -> Iterator[str]:
    """No label is infinite, and not all are NaN."""
    values = np.asarray(subject.dataset.labels, dtype=float)
    if np.isinf(values).any():
        yield "labels have infinite values"
    if values.size and np.isnan(values).all():
        yield "every label of the miniature is NaN, so it proves nothing"


def csv_columns(subject: DatasetSubject) -> Iterator[str]:
    """``csv`` has a row for each item, a RangeIndex and every common column in its type."""
    d: Any = subject.dataset
    if not isinstance(d.csv, pd.DataFrame):
        yield f"csv must be a DataFrame, got {type(d.csv).__name__}"
        return
    if len(d.csv) != len(d) or not d.csv.index.equals(pd.RangeIndex(len(d))):
        yield f"csv has {len(d.csv)} rows and the index {d.csv.index!r} for {len(d)} items: row i must belong to item i"
    twice = sorted({str(name) for name in d.csv.columns[d.csv.columns.duplicated()]})
    if twice:
        yield f"csv has the column {twice[0]!r} more than once"
    for name in COMMON_COLUMNS:
        if name not in d.csv.columns:
            yield f"csv has no column {name!r}"
        elif name not in twice:
            yield from _wrong_type(name, d.csv[name])


def _wrong_type(name: str, values: pd.Series[Any]) -> Iterator[str]:
    if name in ("patientid", "view", "sex", "source_uid"):
        if not isinstance(values.dtype, pd.StringDtype) and not all(isinstance(v, str) for v in values.dropna()):
            yield f"column {name!r} must hold text, got {values.dtype}"
        return
    wanted = {"offset_day_int": "Int64", "age_years": "float64", "has_masks": "bool"}[name]
    if str(values.dtype) != wanted:
        yield f"column {name!r} must be {wanted}, got {values.dtype}"


def csv_values(subject: DatasetSubject) -> Iterator[str]:
    """An unknown value is NA, never a word, an empty text or a special number."""
    d = subject.dataset
    for name in ("patientid", "view", "sex"):
        words = sorted({repr(v) for v in column(d, name) if isinstance(v, str) and v.strip().lower() in _NOT_WORDS})
        if words:
            yield f"column {name!r} has the value {words[0]}: an unknown value must be NA"
    if None in column(d, "view"):
        yield "column 'view' has NA: an unknown view must be \"UNKNOWN\""
    sexes = sorted({str(v) for v in column(d, "sex") if v is not None and v not in ("M", "F")})
    if sexes:
        yield f"column 'sex' has the value {sexes[0]!r}: it must be 'M', 'F' or NA"
    ages = [v for v in column(d, "age_years") if v is not None and not 0 <= float(v) <= _OLDEST]
    if ages:
        yield f"column 'age_years' has the value {ages[0]}: it must be 0 to {_OLDEST} or NA"
    days = [v for v in column(d, "offset_day_int") if v is not None and abs(int(v)) > 365 * _OLDEST]
    if days:
        yield f"column 'offset_day_int' has the value {days[0]}: it counts days, and no life is that long"


def views(subject: DatasetSubject) -> Iterator[str]:
    """``views`` are those in the table, sorted, and all are in the spec."""
    d = subject.dataset
    expected = sorted({v for v in column(d, "view") if isinstance(v, str)})
    if list(d.views) != expected:
        yield f"views are {d.views!r}, but the table has {expected!r}"
    unknown = sorted(set(expected) - {*subject.spec.views, "UNKNOWN"})
    if subject.spec.views and unknown:
        yield f"the table has the view {unknown[0]!r}, which is not in the spec: {', '.join(subject.spec.views)}"


def source_uid(subject: DatasetSubject) -> Iterator[str]:
    """``source_uid`` is ``<collection>:<image>``, different for every image."""
    spec, uids = subject.spec, column(subject.dataset, "source_uid")
    known = {spec.name, *spec.aliases, *spec.overlaps}
    for row, uid in enumerate(uids):
        match = re.fullmatch(r"([a-z0-9._-]+):(.*\S.*)", str(uid))
        if uid is None or match is None or match[2].strip().lower() in _NOT_WORDS:
            yield f"source_uid of row {row} is {uid!r}: it must be '<collection>:<image>'"
        elif match[1] not in known:
            yield f"source_uid of row {row} is {uid!r}, but {match[1]!r} is neither its name nor in overlaps"
    twice = sorted({str(uid) for uid in uids if uids.count(uid) > 1})
    if twice:
        yield f"source_uid {twice[0]!r} is in {uids.count(twice[0])} rows: it identifies one image"


def totals(subject: DatasetSubject) -> Iterator[str]:
    """``totals()`` counts the values of ``labels``."""
    d = subject.dataset
    expected: dict[str, dict[float, int]] = {}
    for place, name in enumerate(d.pathologies):
        values = np.asarray(d.labels)[:, place]
        found, counts = np.unique(values[~np.isnan(values)], return_counts=True)
        expected[name] = dict(zip(found.tolist(), counts.tolist(), strict=True))
    if d.totals() != expected:
        yield f"totals() gives {d.totals()}, but labels have {expected}"


def representation(subject: DatasetSubject) -> Iterator[str]:
    """``repr`` is short."""
    text = repr(subject.dataset)
    if len(text) > _LONGEST:
        yield f"repr has {len(text)} characters: one or two lines are enough"


def label_policies(subject: DatasetSubject) -> Iterator[str]:
    """``labels="strict"`` is the default, and ``labels="torchxrayvision"`` opens or is an ArgumentError."""
    strict, d = subject.open(labels="strict"), subject.dataset
    difference = table_difference(strict.csv, d.csv)
    if difference or not np.array_equal(strict.labels, d.labels, equal_nan=True):
        yield f"labels='strict' is not the default{difference and f': {difference}'}"
    try:
        other = subject.open(labels="torchxrayvision")
    except ArgumentError:
        return  # a dataset that torchxrayvision does not have may refuse
    if other.labels.shape != (len(other), len(other.pathologies)):
        yield f"labels='torchxrayvision' gives labels {other.labels.shape} for {len(other)} items"


def why(subject: DatasetSubject) -> Iterator[str]:
    """``why(i, label)`` gives the evidence in the source for a positive label."""
    d: Any = subject.dataset
    if not hasattr(d, "why"):
        raise NotApplicable("it has no why(i, label)")
    for row, place in np.argwhere(np.asarray(d.labels) > 0):
        evidence = d.why(int(row), d.pathologies[place])
        if not isinstance(evidence, dict) or not evidence:
            yield f"why({row}, {d.pathologies[place]!r}) gives {evidence!r} for a positive label"
            return


CHECKS: tuple[Check, ...] = (
    opens, members, pathologies, labels, label_values, label_range, label_policies, csv_columns, csv_values, views,
    source_uid, totals, representation, why,
)  # fmt: skip
