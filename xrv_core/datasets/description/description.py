"""The contents of a dataset in numbers, as text, as HTML and for programs."""

from __future__ import annotations

import operator
from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.leakage import collections_in
from xrv_core.datasets.pixels import png_uri
from xrv_core.errors import ArgumentError, printable
from xrv_core.protocols import Dataset

__all__ = ["Description", "LabelCount", "Spread", "Thumbnail", "describe"]

_UNKNOWN = "unknown"
_DECADE = 10
_BLOCKS = " ▁▂▃▄▅▆▇█"
_COLUMNS = ("positive", "% of known", "negative", "unknown", "other")

# Colours that are visible on white and on black, and distinct for colour-blind people
_POSITIVE, _OTHER = "#2f8fd0", "#d9822b"
_FAINT = "currentColor"  # at a quarter of its strength
_BAR, _HIGH, _STEP = 180, 44, 22
_CELL = 'style="text-align:right;padding:1px 10px;font-variant-numeric:tabular-nums"'
_LEFT = 'style="text-align:left;padding:1px 10px 1px 0"'


@dataclass(frozen=True)
class Spread:
    """The distribution of the known values of a number.

    Attributes:
        known: Number of images with a known value.
        low, q25, median, q75, high: Minimum, quartiles and maximum of these values.
    """

    known: int
    low: float
    q25: float
    median: float
    q75: float
    high: float

    def __str__(self) -> str:
        low, q25, median, q75, high = (
            f"{round(v, 1):g}" for v in (self.low, self.q25, self.median, self.q75, self.high)
        )
        return f"median {median} (quartiles {q25} to {q75}, range {low} to {high})"


@dataclass(frozen=True)
class LabelCount:
    """Images by their value of one label: 1, 0, NaN, or another number (a score)."""

    name: str
    positive: int
    negative: int
    unknown: int
    other: int

    @property
    def share(self) -> float | None:
        """Share of positives among the images with 1 or 0; None if there are no such images."""
        known = self.positive + self.negative
        return self.positive / known if known else None


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of one item, as the data URI of a PNG, and its caption."""

    idx: int
    title: str
    uri: str


@dataclass(frozen=True)
class Description:
    """The contents of a dataset in numbers. ``print`` it, or let a notebook show it.

    Attributes:
        name: The ``repr`` of the dataset.
        n: Number of images.
        patients: Number of known patients; the same id in two collections counts twice. None if ``csv`` has no
            ``patientid``.
        of_unknown_patients: Images with an unknown patient.
        views: Images by view, most frequent first.
        sex: Images by "M", "F" and "unknown", most frequent first.
        age: Age in years; None if no age is known.
        ages: Images by decade of age, ``{0: 12, 10: 40, ...}``, from the youngest to the oldest known.
        offset: Days in ``offset_day_int``, which each source counts from a day of its own; None if unknown.
        labels: Counts for each label.
        with_masks: Images with masks; None if ``csv`` has no ``has_masks``.
        skipped: Rows without an image that ``on_error="skip"`` left out of the dataset, or of those that it wraps.
        thumbnails: The requested pictures.
    """

    name: str
    n: int
    patients: int | None
    of_unknown_patients: int
    views: dict[str, int]
    sex: dict[str, int]
    age: Spread | None
    ages: dict[int, int]
    offset: Spread | None
    labels: tuple[LabelCount, ...]
    with_masks: int | None
    skipped: int
    thumbnails: tuple[Thumbnail, ...] = ()

    def facts(self) -> dict[str, str]:
        """Everything except labels and pictures, in words."""
        patients = "" if self.patients is None else f" of {self.patients:,} patients"
        unknown = f", {self.of_unknown_patients:,} of unknown patients" if self.of_unknown_patients else ""
        facts = {"images": f"{self.n:,}{patients}{unknown}", "views": _listed(self.views), "sex": _listed(self.sex)}
        facts["age"] = self._spread(self.age, "years")
        facts["day"] = self._spread(self.offset, "days")
        if self.with_masks is not None:
            facts["masks"] = f"{self.with_masks:,} images"
        if self.skipped:
            facts["left out"] = f"{self.skipped:,} rows without an image"
        return facts

    def _spread(self, spread: Spread | None, unit: str) -> str:
        if spread is None:
            return _UNKNOWN
        missing = f", {self.n - spread.known:,} unknown" if spread.known < self.n else ""
        return f"{spread} {unit}{missing}"

    def __str__(self) -> str:
        lines = self.name.split("\n")
        for name, fact in self.facts().items():
            lines.append(f"{name:<9} {fact}")
            if name == "age" and self.ages:
                lines.append(f"{'':<9} {_histogram(self.ages)}")
        return "\n".join(map(printable, [*lines, *_label_lines(self.labels)]))

    def _repr_html_(self) -> str:
        return _page(self)


def describe(dataset: Dataset, thumbnails: int = 0) -> Description:
    """Count the contents of ``dataset``.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol; missing columns of ``csv`` count as unknown.
        thumbnails: Number of images to show, evenly spaced from first to last. 0 opens no image.

    Raises:
        ArgumentError: ``thumbnails`` is not a whole number of 0 or more.
    """
    csv = dataset.csv
    collection = _collections(csv)
    patients = csv.get("patientid")
    known = None if patients is None else (collection + "/" + patients.astype("str"))[patients.notna()]
    age = pd.to_numeric(csv.get("age_years", pd.Series(np.nan, index=csv.index)), errors="coerce")
    decades, number = np.unique(np.floor(age.dropna().to_numpy(dtype=float) / _DECADE), return_counts=True)
    found = {int(d) * _DECADE: int(c) for d, c in zip(decades, number, strict=True)}
    masks = csv.get("has_masks")
    return Description(
        name=_name(dataset),
        n=len(dataset),
        patients=None if known is None else int(known.nunique()),
        of_unknown_patients=0 if known is None else len(csv) - len(known),
        views=_counts(csv, "view"),
        sex=_counts(csv, "sex"),
        age=_spread(age),
        ages={d: found.get(d, 0) for d in range(min(found), max(found) + 1, _DECADE)} if found else {},
        offset=_spread(csv.get("offset_day_int")),
        labels=_label_counts(dataset.pathologies, dataset.labels),
        with_masks=None if masks is None else int(masks.sum()),
        skipped=_skipped(dataset),
        thumbnails=tuple(_thumbnail(dataset, i) for i in _evenly(len(dataset), thumbnails)),
    )


def _name(dataset: Any) -> str:
    """``repr`` of the dataset, without the memory address in the default one."""
    own: Any = type(dataset).__repr__
    return type(dataset).__name__ if own is object.__repr__ else repr(dataset)


def _collections(csv: pd.DataFrame) -> pd.Series[Any]:
    """The collection of each row: patient 7 of one is not patient 7 of another."""
    uids = csv.get("source_uid", pd.Series("", index=csv.index)).astype("str").fillna("")
    return collections_in(uids)


def _counts(csv: pd.DataFrame, column: str) -> dict[str, int]:
    if column not in csv.columns:
        return {_UNKNOWN: len(csv)}
    counts = csv[column].astype("str").fillna(_UNKNOWN).value_counts()
    return {str(k): int(v) for k, v in sorted(counts.items(), key=lambda pair: (-pair[1], str(pair[0])))}


def _spread(values: Any) -> Spread | None:
    known = np.array([]) if values is None else values.dropna().to_numpy(dtype=float)
    if not known.size:
        return None
    return Spread(len(known), *(float(q) for q in np.quantile(known, [0, 0.25, 0.5, 0.75, 1])))


def _label_counts(names: list[str], labels: NDArray[np.float32]) -> tuple[LabelCount, ...]:
    found = []
    for name, column in zip(names, labels.T, strict=True):
        positive, negative, unknown = (int(np.count_nonzero(x)) for x in (column == 1, column == 0, np.isnan(column)))
        found.append(LabelCount(str(name), positive, negative, unknown, len(column) - positive - negative - unknown))
    return tuple(found)


def _skipped(dataset: Any) -> int:
    """Rows left out of the dataset itself, or of the datasets that a wrapper holds."""
    below = [*getattr(dataset, "datasets", []), *([dataset.dataset] if hasattr(dataset, "dataset") else [])]
    own = getattr(dataset, "skipped", ())
    return (len(own) if isinstance(own, list | tuple) else 0) + sum(map(_skipped, below))


def _evenly(n: int, wanted: int) -> list[int]:
    try:
        number = operator.index(wanted)
    except TypeError:
        number = -1
    if number < 0 or isinstance(wanted, bool):
        raise ArgumentError(f"thumbnails={wanted!r} must be a whole number of 0 or more.")
    return np.unique(np.linspace(0, n - 1, min(number, n)).round().astype(int)).tolist() if n else []


def _thumbnail(dataset: Dataset, idx: int) -> Thumbnail:
    row = dataset.csv.iloc[idx]
    words = [str(row[c]) for c in ("source_uid", "view") if c in row.index and pd.notna(row[c])]
    pixels = np.asarray(dataset[idx]["img"], dtype=np.float32)
    return Thumbnail(idx, " ".join(words) or f"item {idx}", png_uri(pixels[0], 112))


def _listed(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {number:,}" for name, number in counts.items()) or "-"


def _histogram(ages: dict[int, int]) -> str:
    """A block for each decade, the highest for the most frequent one, and a space for 0."""
    most = max(ages.values())
    blocks = "".join(_BLOCKS[-(-number * (len(_BLOCKS) - 1) // most)] for number in ages.values())
    return f"{min(ages)} {blocks} {max(ages) + _DECADE - 1}"


def _cells(label: LabelCount, other: bool) -> list[str]:
    """The numbers of a label, in the order of ``_COLUMNS``."""
    share = "-" if label.share is None else f"{100 * label.share:.1f}"
    cells = [f"{label.positive:,}", share, f"{label.negative:,}", f"{label.unknown:,}", f"{label.other:,}"]
    return cells[: 4 + other]


def _label_lines(labels: tuple[LabelCount, ...]) -> list[str]:
    other = any(label.other for label in labels)
    rows = [("label", *_COLUMNS[: 4 + other]), *((label.name, *_cells(label, other)) for label in labels)]
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]


# -- as HTML, with inline styles because notebooks drop style sheets


def _page(description: Description) -> str:
    """The description as a ``<div>`` that loads nothing; every text of the data is escaped."""
    style = "margin:0 0 6px;white-space:pre-wrap;background:none;color:inherit"
    parts = [
        f'<pre style="{style}">{escape(description.name)}</pre>',
        _facts(description),
        _labels(description.labels),
        _pictures(description.thumbnails),
    ]
    return f'<div style="font-size:90%;line-height:1.4;max-width:60em">{"".join(parts)}</div>'


def _table(rows: Iterable[str]) -> str:
    return f'<table style="border-collapse:collapse;margin:0 0 8px;color:inherit">{"".join(rows)}</table>'


def _row(cells: Iterable[str]) -> str:
    return f'<tr style="background:none">{"".join(cells)}</tr>'


def _facts(description: Description) -> str:
    rows = []
    for name, fact in description.facts().items():
        chart = _ages(description.ages) if name == "age" and description.ages else ""
        head = f'<th style="text-align:left;vertical-align:top;padding:1px 14px 1px 0">{escape(name)}</th>'
        rows.append(_row([head, f'<td style="text-align:left">{escape(fact)}{chart}</td>']))
    return _table(rows)


def _ages(ages: dict[int, int]) -> str:
    """A column for each decade of age, over its first year."""
    most = max(ages.values())
    columns = []
    for i, (decade, number) in enumerate(ages.items()):
        height = _HIGH * number / most
        columns.append(
            f'<rect x="{i * _STEP + 1}" y="{_HIGH - height:.1f}" width="{_STEP - 2}" height="{height:.1f}" '
            f'fill="{_POSITIVE}"><title>{decade} to {decade + 9} years: {number:,} images</title></rect>'
            f'<text x="{i * _STEP + 1}" y="{_HIGH + 12}" font-size="10" fill="currentColor">{decade}</text>'
        )
    width = len(ages) * _STEP
    return (
        f'<br><svg style="margin-top:4px" role="img" aria-label="Images by age" width="{width}" height="{_HIGH + 15}" '
        f'viewBox="0 0 {width} {_HIGH + 15}">{"".join(columns)}</svg>'
    )


def _labels(labels: tuple[LabelCount, ...]) -> str:
    """Counts by label with a bar; the names of the columns show its colours."""
    other = any(label.other for label in labels)
    names = dict(zip(_COLUMNS, (_POSITIVE, "", _FAINT, "none", *[_OTHER] * other), strict=False))
    head = [f"<th {_LEFT}>label</th><th></th>", *(f"<th {_CELL}>{_key(c)}{name}</th>" for name, c in names.items())]
    rows = [_row(head)]
    for label in labels:
        cells = [f"<td {_LEFT}>{escape(label.name)}</td>", f'<td style="padding:1px 0">{_bar(label)}</td>']
        rows.append(_row([*cells, *(f"<td {_CELL}>{count}</td>" for count in _cells(label, other))]))
    return _table(rows)


def _key(colour: str) -> str:
    """A square with the colour of a column in the bars; "none" is an empty square."""
    if not colour:
        return ""
    paint = 'fill="none"' if colour == "none" else _fill(colour)
    return (
        '<svg width="9" height="9" aria-hidden="true" style="margin-right:4px"><rect x="0.5" y="0.5" width="8" '
        f'height="8" {paint} stroke="currentColor" stroke-opacity="0.3"/></svg>'
    )


def _fill(colour: str) -> str:
    return f'fill="{colour}" fill-opacity="{0.25 if colour == _FAINT else 1}"'


def _bar(label: LabelCount) -> str:
    total = label.positive + label.negative + label.unknown + label.other
    pieces, left = [], 0.0
    for number, colour in ((label.positive, _POSITIVE), (label.other, _OTHER), (label.negative, _FAINT)):
        width = _BAR * number / total if total else 0.0
        if number:
            pieces.append(f'<rect x="{left:.1f}" y="0" width="{width:.1f}" height="10" {_fill(colour)}/>')
        left += width
    frame = (
        f'<rect x="0.5" y="0.5" width="{_BAR - 1}" height="9" fill="none" stroke="currentColor" stroke-opacity="0.3"/>'
    )
    return (
        f'<svg role="img" aria-label="{label.positive:,} of {total:,} positive" width="{_BAR}" height="10" '
        f'viewBox="0 0 {_BAR} 10" style="vertical-align:middle">{"".join(pieces)}{frame}</svg>'
    )


def _pictures(thumbnails: tuple[Thumbnail, ...]) -> str:
    figures = [
        f'<figure style="margin:0 8px 8px 0;width:112px;display:inline-block;vertical-align:top">'
        f'<img src="{escape(shown.uri)}" alt="{escape(shown.title)}" style="max-width:112px;display:block">'
        f'<figcaption style="font-size:80%;overflow-wrap:anywhere">{escape(shown.title)}</figcaption></figure>'
        for shown in thumbnails
    ]
    return "".join(figures)
