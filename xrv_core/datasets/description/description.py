"""What is in a dataset, in numbers: for a terminal, a notebook, and programs."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.leakage import collections_in
from xrv_core.datasets.pixels import png_uri
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset

__all__ = ["Description", "LabelCount", "Spread", "Thumbnail", "describe"]

_UNKNOWN = "unknown"
_DECADE = 10
_BLOCKS = " ▁▂▃▄▅▆▇█"


@dataclass(frozen=True)
class Spread:
    """How the known values of a number are spread.

    Attributes:
        known: For how many images the number is known.
        low, q25, median, q75, high: Minimum, quartiles and maximum of these.
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
        """Share of positives among the images with 1 or 0; None where there is none."""
        known = self.positive + self.negative
        return self.positive / known if known else None


@dataclass(frozen=True)
class Thumbnail:
    """A small picture of one item, as the data URI of a PNG, and what stands under it."""

    idx: int
    title: str
    uri: str


@dataclass(frozen=True)
class Description:
    """What is in a dataset. ``print`` it, or let a notebook show it.

    Attributes:
        name: What the dataset says of itself.
        n: Number of images.
        patients: Number of known patients, told apart by collection; None where ``csv`` has no ``patientid``.
        of_unknown_patients: Images whose patient is not known.
        views: Images by view, most frequent first.
        sex: Images by "M", "F" and "unknown", likewise.
        age: Age in years; None where no age is known.
        ages: Images by decade of age, ``{0: 12, 10: 40, ...}``, from the youngest to the oldest known.
        offset: Days as ``offset_day_int`` counts them (from which day is the source's affair); None where unknown.
        labels: Counts for each label.
        with_masks: Images with masks; None where ``csv`` has no ``has_masks``.
        skipped: Rows that ``on_error="skip"`` left out of the dataset, or of those it is made of, for want of an image.
        thumbnails: The pictures asked for.
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
        """All but the labels and the pictures, in words."""
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
        lines = [self.name]
        for name, fact in self.facts().items():
            lines.append(f"{name:<9} {fact}")
            if name == "age" and self.ages:
                lines.append(f"{'':<9} {_histogram(self.ages)}")
        return "\n".join([*lines, *_label_lines(self.labels)])

    def _repr_html_(self) -> str:
        from xrv_core.datasets.description.description_html import page

        return page(self)


def describe(dataset: Dataset, thumbnails: int = 0) -> Description:
    """Count what is in ``dataset``.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract; columns that ``csv`` lacks count as unknown.
        thumbnails: How many images to show, taken evenly from first to last. No image is opened for 0.

    Raises:
        ArgumentError: ``thumbnails`` is no whole number of 0 or more.
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
    """What the dataset prints, without the memory address that plain objects print."""
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
    """Rows left out of the dataset itself, or of all that a view is made of."""
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
    """A block for each decade, the highest for the most frequent one; only 0 has none."""
    most = max(ages.values())
    blocks = "".join(_BLOCKS[-(-number * (len(_BLOCKS) - 1) // most)] for number in ages.values())
    return f"{min(ages)} {blocks} {max(ages) + _DECADE - 1}"


def _label_lines(labels: tuple[LabelCount, ...]) -> list[str]:
    other = any(label.other for label in labels)
    rows = [("label", "positive", "% of known", "negative", "unknown", *["other"] * other)]
    for label in labels:
        share = "-" if label.share is None else f"{100 * label.share:.1f}"
        counts = [f"{label.positive:,}", share, f"{label.negative:,}", f"{label.unknown:,}"]
        rows.append((label.name, *counts, *[f"{label.other:,}"] * other))
    widths = [max(len(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join([row[0].ljust(widths[0]), *(c.rjust(w) for c, w in zip(row[1:], widths[1:], strict=True))])
        for row in rows
    ]
