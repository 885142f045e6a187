"""Checks of the arguments that select items."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from xrv_core.errors import ArgumentError, XrvError
from xrv_core.protocols import Dataset
from xrv_core.testing.common.compare import array_difference, by_uid, column, sample_difference, table_difference
from xrv_core.testing.common.results import Check, NotApplicable, described
from xrv_core.testing.datasets.subject import DatasetSubject

__all__ = ["CHECKS", "rewritten"]

_UNKNOWN = "no such thing"


def bad_options(subject: DatasetSubject) -> Iterator[str]:
    """An unknown view, label policy or error policy raises an ArgumentError that names it."""
    subject.dataset  # noqa: B018
    for name, value in (("views", [_UNKNOWN]), ("labels", _UNKNOWN), ("on_error", _UNKNOWN)):
        try:
            subject.open(**{name: value})
        except ArgumentError as error:
            if _UNKNOWN not in str(error):
                yield f"{name}={value!r} raises a message that does not name it: {error}"
        except Exception as error:
            yield f"{name}={value!r} raises {described(error)} instead of ArgumentError"
        else:
            yield f"{name}={value!r} opens, although it is unknown"


def views_filter(subject: DatasetSubject) -> Iterator[str]:
    """``views=[...]`` keeps the rows of those views, in order, with their labels."""
    full = subject.dataset
    rows_of = column(full, "view")
    for wanted in [*([view] for view in full.views), full.views]:
        rows = np.flatnonzero([view in wanted for view in rows_of])
        kept = subject.open(views=wanted)
        difference = table_difference(kept.csv, full.csv.iloc[rows]) or array_difference(kept.labels, full.labels[rows])
        if difference:
            yield f"views={wanted!r} does not keep the rows with that view: {difference}"


def unique_patients(subject: DatasetSubject) -> Iterator[str]:
    """``unique_patients=True`` keeps the earliest row of each patient, unchanged, and all rows of unknown patients."""
    full = subject.dataset
    patients = column(full, "patientid")
    known = {p for p in patients if p is not None}
    try:
        kept = subject.open(unique_patients=True)
    except ArgumentError:
        if not known:
            raise NotApplicable("its patients are unknown, and it says so") from None
        raise
    rows = [by_uid(full).get(uid, -1) for uid in kept.csv["source_uid"]]
    if -1 in rows:
        uid = kept.csv["source_uid"][rows.index(-1)]
        yield f"row {rows.index(-1)} has the source_uid {uid!r}, which is not in the full table"
        return
    difference = table_difference(kept.csv, full.csv.iloc[rows])
    difference = difference or array_difference(kept.labels, full.labels[rows])
    if difference:
        yield f"a row differs from the full table: {difference}"
    chosen = [patients[row] for row in rows]
    for patient in sorted(known):
        if chosen.count(patient) != 1:
            yield f"patient {patient!r} has {chosen.count(patient)} rows instead of 1"
        elif (better := _earlier(full, rows[chosen.index(patient)])) is not None:
            yield f"patient {patient!r} keeps row {rows[chosen.index(patient)]}, but row {better} is earlier"
    if chosen.count(None) != patients.count(None):
        yield f"{chosen.count(None)} of {patients.count(None)} rows of unknown patients are kept"


def _earlier(full: Dataset, row: int) -> int | None:
    """A row of the same patient that is certainly earlier: by days, or by age if no day is known."""
    patients = column(full, "patientid")
    same = [i for i, patient in enumerate(patients) if patient == patients[row]]
    for name in ("offset_day_int", "age_years"):
        when = column(full, name)
        known = [i for i in same if when[i] is not None]
        if known:
            first = min(known, key=lambda i: float(when[i]))
            late = when[row] is None or when[row] > when[first]
            return first if late and (when[row] is not None or name == "offset_day_int") else None
    return None


def alignment(subject: DatasetSubject) -> Iterator[str]:
    """If items are filtered or reordered, an image keeps its pixels, labels and masks."""
    subject.steady  # noqa: B018
    full = subject.open_with_masks()
    samples, place = subject.read(full), by_uid(full)
    for name, options in _rearranged(subject):
        try:
            other = subject.open_with_masks(**options)
        except XrvError:  # unknown patients, a table whose order matters: an error is no mix-up
            continue
        for i, uid in enumerate(other.csv["source_uid"]):
            if uid not in place:
                continue
            difference = sample_difference(other[i], samples[place[uid]], ignore=["idx"])
            if difference:
                yield f"{name}, {uid!r} differs in {difference}"
                break


def _rearranged(subject: DatasetSubject) -> Iterator[tuple[str, dict[str, Any]]]:
    views = subject.dataset.views
    yield f"with views=[{views[-1]!r}]", {"views": [views[-1]]}
    yield "with unique_patients=True", {"unique_patients": True}
    table = subject.arguments.get("csvpath")
    if table is not None and Path(table).suffix == ".csv":
        target = subject.folder / "reversed" / Path(table).name
        rewritten(Path(table), target, lambda rows: [rows[0], *rows[:0:-1]])
        yield "with the rows of the table in reverse order", {"csvpath": target}


def rewritten(table: Path, target: Path, change: Callable[[Any], Any]) -> None:
    """Write a changed copy of a CSV file, as a list of rows, or of a JSON file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    if table.suffix == ".json":
        target.write_text(json.dumps(change(json.loads(table.read_text(encoding="utf-8")))), encoding="utf-8")
        return
    with table.open(newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    with target.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows(change(rows))


CHECKS: tuple[Check, ...] = (bad_options, views_filter, unique_patients, alignment)
