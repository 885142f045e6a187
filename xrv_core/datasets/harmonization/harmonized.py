"""Map the labels of several datasets to common names, and report how.

A label is read from the column with its name or a synonym. ``infer`` decides which unknown values are then inferred;
known values are never changed:

* "none": nothing is inferred.
* "exact": from unions. Nodule/Mass is Nodule or Mass: it is known if both are known, and if it is absent, both are.
* "positives": also from narrower labels: a nodule is a lung lesion. A collection may then have only positives, which
  a network can use as a shortcut: check the report.
* "all": also from broader labels: if the broader label is absent, so is the narrower one. This is true only if all
  collections mean the same by the broader label.

Columns with values other than 1, 0 and NaN (severity scores) are not used.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import check_rows
from xrv_core.datasets.harmonization.vocabulary import Vocabulary, packaged_vocabulary
from xrv_core.datasets.wrappers import View, label_names
from xrv_core.errors import ArgumentError, logger, suggestion
from xrv_core.protocols import Dataset

__all__ = ["Harmonized", "HarmonizedDataset", "harmonize"]

_log = logger(__name__)

INFER = ("none", "exact", "positives", "all")
_COLUMNS = ["dataset", "label", "rule", "from", "positive", "negative", "unknown", "inferred", "contradictions"]


class Harmonized(NamedTuple):
    """The result of ``harmonize``.

    Attributes:
        datasets: A view of each dataset with the requested labels.
        report: One row for each dataset and label: the ``rule``, the labels it came ``from``, the number of
            ``positive``, ``negative`` and ``unknown`` items, how many were ``inferred`` from another label, and
            ``contradictions``: the label is 0 but a narrower label is 1 (the label stays 0).
    """

    datasets: list[HarmonizedDataset]
    report: pd.DataFrame


class _Column(NamedTuple):
    """One label of a harmonised dataset, and where it comes from."""

    values: NDArray[np.float32]
    rule: str
    same: list[str]  # labels that mean it, or a case of it: their masks are its masks
    other: list[str]  # labels that can only show that it is absent
    inferred: int
    contradictions: int


class HarmonizedDataset(View):
    """A view of ``dataset`` with canonical label names; ``harmonize`` creates these views and a report.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol; it is not changed.
        pathologies: The requested labels.
        vocabulary: The vocabulary.
        infer: See ``harmonize``.
        transform: Applied after the transform of ``dataset``.

    Attributes:
        report: The rows of ``Harmonized.report`` for this dataset, without the column ``dataset``.
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
            raise ArgumentError(f"Unknown infer={infer!r}. Choose one of: {', '.join(INFER)}.")
        check_rows(dataset)
        self.dataset = dataset
        self.transform = transform
        self.pathologies = label_names(pathologies)
        source = _Source(dataset, vocabulary)
        made = {name: source.column(name, infer) for name in self.pathologies}
        self.labels = np.column_stack([column.values for column in made.values()])
        self.csv = dataset.csv
        self._same = {name: tuple(column.same) for name, column in made.items()}
        self._evidence = {name: (*column.same, *column.other) for name, column in made.items()}
        for name, column in made.items():
            if column.rule.startswith("unknown."):  # not even the vocabulary knows it
                _log.warning("%s: the label %r is %s", type(dataset).__name__, name, column.rule)
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
    """Map the labels of datasets to the names ``pathologies`` by a reviewed vocabulary (``labels.toml``).

    Args:
        datasets: One or more datasets; they are not changed.
        pathologies: The requested labels, by canonical name or synonym; default ``default_pathologies``.
        infer: Which values to infer from related labels: "none", "exact", "positives" or "all"; see this module.
        vocabulary: Your own ``Vocabulary`` or TOML file instead of the packaged one.

    Returns:
        The views and a report on each label.

    Raises:
        ArgumentError: Invalid names or ``infer``, or no dataset.
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
            return "not used: its values are scores, not 1 and 0"
        rule = " and ".join(filter(None, [own, "relation" if inferred else ""]))
        known = rule or self.vocabulary.canonical(wanted)
        return rule or "unknown" + ("" if known else "." + suggestion(wanted, [*self.values, *self.vocabulary.names]))


def _any(rows: int, columns: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
    """1 where any column is 1, 0 where all are 0, else NaN; NaN where there is no column."""
    if not columns:
        return np.full(rows, np.nan, dtype=np.float32)
    stacked = np.stack(columns)
    out = np.where((stacked == 1).any(axis=0), 1, np.where((stacked == 0).all(axis=0), 0, np.nan))
    return out.astype(np.float32)


def _fill(values: NDArray[np.float32], more: NDArray[Any]) -> None:
    """Replace unknown values by ``more``."""
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
