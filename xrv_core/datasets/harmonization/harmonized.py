"""Bring the labels of several datasets to common names, and tell how.

A label is taken from the column of that name or a synonym. What is unknown then is filled in, as far as ``infer`` says;
a known value is never overruled:

* "none": nothing is filled in.
* "exact": from unions. Nodule/Mass is Nodule or Mass: it is known where both are, and both are absent where it is.
* "positives": also, a case of it is present, so it is present (a nodule is a lung lesion). A collection may then give
  positives only, which a network can use as a shortcut: look at the report.
* "all": also, something of which it is a case is absent, so it is absent. True only where all collections mean the
  same by the broader label.

Columns with other values than 1, 0 and NaN (severity scores) are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.harmonization.vocabulary import Vocabulary, packaged_vocabulary
from xrv_core.datasets.wrappers import View, label_names
from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset

__all__ = ["Harmonized", "HarmonizedDataset", "harmonize"]

INFER = ("none", "exact", "positives", "all")
_COLUMNS = ["dataset", "label", "rule", "from", "positive", "negative", "unknown", "inferred", "contradictions"]


class Harmonized(NamedTuple):
    """What ``harmonize`` gives.

    Attributes:
        datasets: A view of each dataset, with the labels asked for.
        report: One row for each dataset and label: ``rule`` and the labels it was made ``from``, number of
            ``positive``, ``negative`` and ``unknown`` items, how many of them were ``inferred`` by a relation and
            not said by the label itself, and ``contradictions`` (the label says no, a case of it says yes; the label
            is believed).
    """

    datasets: list[HarmonizedDataset]
    report: pd.DataFrame


class _Column(NamedTuple):
    """One label of a harmonised dataset, and where it comes from."""

    values: NDArray[np.float32]
    rule: str
    same: list[str]  # labels that mean it, or a case of it: their masks are its masks
    other: list[str]  # labels that only tell that it is absent
    inferred: int
    contradictions: int


class HarmonizedDataset(View):
    """``dataset`` under canonical label names. Use ``harmonize``, which makes these views and reports on them.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract; it stays as it is.
        pathologies: The labels wanted.
        vocabulary: What means what.
        infer: See ``harmonize``.
        transform: Applied after the one of ``dataset``.

    Attributes:
        report: The rows of ``Harmonized.report`` for this dataset, but for ``dataset``.
    """

    def __init__(
        self,
        dataset: Dataset,
        pathologies: Iterable[str],
        vocabulary: Vocabulary,
        *,
        infer: str = "exact",
        transform: Callable[..., Any] | None = None,
    ) -> None:
        if infer not in INFER:
            raise ArgumentError(f"infer={infer!r} is not one of {', '.join(INFER)}.")
        self.dataset = dataset
        self.transform = transform
        self.pathologies = label_names(pathologies)
        source = _Source(dataset, vocabulary)
        made = {name: source.column(name, infer) for name in self.pathologies}
        self.labels = np.column_stack([column.values for column in made.values()])
        self.csv = dataset.csv
        self._same = {name: tuple(column.same) for name, column in made.items()}
        self._evidence = {name: (*column.same, *column.other) for name, column in made.items()}
        self.report = pd.DataFrame([_row(name, column) for name, column in made.items()])

    def _names_here(self, name: str) -> tuple[str, ...]:
        return tuple(here for here, names in self._same.items() if name in names)

    def _evidence_here(self, name: str) -> tuple[str, ...]:
        return tuple(here for here, names in self._evidence.items() if name in names)


def harmonize(
    datasets: Dataset | Sequence[Dataset],
    pathologies: Iterable[str] | None = None,
    *,
    infer: str = "exact",
    vocabulary: Vocabulary | str | Path | None = None,
) -> Harmonized:
    """Bring the labels of datasets to the names ``pathologies``, by a reviewed vocabulary (``labels.toml``).

    Args:
        datasets: One dataset or several; they stay as they are.
        pathologies: The labels wanted, by canonical name or synonym; default ``default_pathologies``.
        infer: What may be filled in by relations between labels: "none", "exact", "positives" or "all", as explained
            at the top of this module.
        vocabulary: A ``Vocabulary`` or a TOML file of one's own instead of the packaged one.

    Returns:
        Views, and a report on what became of each label.

    Raises:
        ArgumentError: Names or ``infer`` that cannot be used, or no dataset.
        PathMissing, TableError: The vocabulary cannot be read.
    """
    from xrv_core.datasets import default_pathologies

    given: list[Any] = list(datasets) if isinstance(datasets, list | tuple) else [datasets]
    if not given:
        raise ArgumentError("harmonize needs at least one dataset.")
    if vocabulary is None:
        words = packaged_vocabulary()
    else:
        words = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary.from_file(vocabulary)
    wanted = label_names(default_pathologies if pathologies is None else pathologies)
    views = [HarmonizedDataset(dataset, wanted, words, infer=infer) for dataset in given]
    reports = [view.report.assign(dataset=_title(number, view.dataset)) for number, view in enumerate(views)]
    return Harmonized(views, pd.concat(reports, ignore_index=True)[_COLUMNS])


class _Source:
    """The label columns of a dataset, by canonical name."""

    def __init__(self, dataset: Dataset, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.rows = len(dataset)
        self.columns: dict[str, list[str]] = {}
        self.values: dict[str, NDArray[np.float32]] = {}
        self.scores: set[str] = set()
        for i, name in enumerate(dataset.pathologies):
            column = dataset.labels[:, i]
            canonical = vocabulary.canonical(name) or name
            if bool((np.isnan(column) | (column == 0) | (column == 1)).all()):
                self.columns.setdefault(canonical, []).append(name)
                self.values[name] = column
            else:
                self.scores.add(canonical)

    def column(self, wanted: str, infer: str) -> _Column:
        """The column for ``wanted``, by the rules of ``harmonize``."""
        words = self.vocabulary
        name = words.canonical(wanted) or wanted
        direct = self.columns.get(name, [])
        said = _any(self.rows, [self.values[c] for c in direct])
        values = said.copy()
        same, other = list(direct), list[str]()
        if infer != "none":
            self._fill_from_unions(name, values, same, other)
        cases = [c for narrow in words.narrower(name) for c in self.columns.get(narrow, [])]
        present = np.zeros(self.rows, dtype=bool)
        for c in cases:
            present |= self.values[c] == 1
        if infer in ("positives", "all") and cases:
            _fill(values, np.where(present, 1, np.nan))
            same += [c for c in cases if c not in same]
        if infer == "all":
            for c in (c for broad in words.broader(name) for c in self.columns.get(broad, []) if c not in same):
                _fill(values, np.where(self.values[c] == 0, 0, np.nan))
                other.append(c)
        inferred = int((np.isnan(said) & ~np.isnan(values)).sum())
        rule = self._rule(wanted, name, direct, inferred)
        return _Column(values, rule, same, list(dict.fromkeys(other)), inferred, int(((said == 0) & present).sum()))

    def _fill_from_unions(self, name: str, values: NDArray[np.float32], same: list[str], other: list[str]) -> None:
        parts = [self.columns.get(part, []) for part in self.vocabulary.parts(name)]
        if parts and all(parts):
            _fill(values, _any(self.rows, [self.values[c] for part in parts for c in part]))
            same += [c for part in parts for c in part]
        for c in (c for union in self.vocabulary.unions_with(name) for c in self.columns.get(union, [])):
            _fill(values, np.where(self.values[c] == 0, 0, np.nan))
            other.append(c)

    def _rule(self, wanted: str, name: str, direct: list[str], inferred: int) -> str:
        own = "" if not direct else "same name" if direct == [wanted] else "synonym"
        if not own and name in self.scores:
            return "left out: its values are scores, not 1 and 0"
        return " and ".join(filter(None, [own, "relation" if inferred else ""])) or "unknown"


def _any(rows: int, columns: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """1 where any column is 1, 0 where all are 0, else NaN; NaN where there is no column."""
    if not columns:
        return np.full(rows, np.nan, dtype=np.float32)
    stacked = np.stack(columns)
    out = np.where((stacked == 1).any(axis=0), 1, np.where((stacked == 0).all(axis=0), 0, np.nan))
    return out.astype(np.float32)


def _fill(values: NDArray[np.float32], more: NDArray[Any]) -> None:
    """Put ``more`` where nothing is known yet."""
    unknown = np.isnan(values)
    values[unknown] = more[unknown]


def _row(name: str, column: _Column) -> dict[str, Any]:
    return {
        "label": name,
        "rule": column.rule,
        "from": ", ".join([*column.same, *column.other]),
        "positive": int((column.values == 1).sum()),
        "negative": int((column.values == 0).sum()),
        "unknown": int(np.isnan(column.values).sum()),
        "inferred": column.inferred,
        "contradictions": column.contradictions,
    }


def _title(number: int, dataset: Dataset) -> str:
    spec = getattr(dataset, "spec", None)
    return f"{number} {getattr(spec, 'name', type(dataset).__name__)}"
