"""Labels from the MeSH terms that people coded, by the rules in terms.csv."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from importlib.resources import files
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import coded_lists

_EVERY = "*"  # label of the rules for all labels


class Rule(NamedTuple):
    """A rule applies to terms with its heading and all its qualifiers."""

    label: str
    heading: str
    qualifiers: frozenset[str]
    value: str


@cache
def rules() -> tuple[Rule, ...]:
    """The rows of terms.csv, those with more qualifiers last."""
    text = files("xrv_openi").joinpath("terms.csv").read_text(encoding="utf-8")
    rows = (Rule(r["label"], *_parts(r["term"]), r["value"]) for r in csv.DictReader(text.splitlines()))
    return tuple(sorted(rows, key=lambda rule: len(rule.qualifiers)))


def term_values(term: str) -> dict[str, str]:
    """Whether each label that a term is about is "present", "unknown" or "absent".

    A term is a heading with qualifiers, ``Opacity/lung/base/left``. The matching rule with the most
    qualifiers decides. Whole words are compared, without case.
    """
    heading, qualifiers = _parts(term)
    return {r.label: r.value for r in _rules_by_heading().get(heading, ()) if r.qualifiers <= qualifiers}


def mesh_labels(cells: pd.Series[Any], labels: Sequence[str]) -> NDArray[np.float32]:
    """1, 0 or NaN for each report and label: present wins over unknown, and unknown over absent.

    Args:
        cells: The terms of N reports, joined by ``|``; a blank cell is unknown.
        labels: P label names.

    Returns:
        float32 ``[N, P]``.
    """
    codes, distinct = pd.factorize(cells.fillna("").astype(str))
    row, term, terms = coded_lists(pd.Series(distinct), "|")
    columns = {label: [i] for i, label in enumerate(labels)} | {_EVERY: list(range(len(labels)))}
    says = {value: np.zeros((len(terms), len(labels)), dtype=bool) for value in ("absent", "unknown", "present")}
    for i, name in enumerate(terms):
        for label, value in term_values(name).items():
            says[value][i, columns.get(label, [])] = True
    matrix = np.zeros((len(distinct), len(labels)), dtype=np.float32)
    for value, number in (("unknown", np.nan), ("present", 1)):  # present is written last, so it wins
        part, column = np.nonzero(says[value][term])
        matrix[row[part], column] = number
    matrix[distinct == ""] = np.nan
    return matrix[codes]


def deciding_terms(cell: str, label: str) -> str:
    """The terms of a cell with a rule for ``label``, joined by ``|``; the whole cell if there is none."""
    return "|".join(term for term in cell.split("|") if {label, _EVERY} & term_values(term).keys()) or cell


@cache
def _rules_by_heading() -> dict[str, list[Rule]]:
    return {heading: [r for r in rules() if r.heading == heading] for heading in {r.heading for r in rules()}}


def _parts(term: str) -> tuple[str, frozenset[str]]:
    """Heading and qualifiers in lower case; extra blanks of some terms are removed."""
    heading, *qualifiers = (" ".join(part.split()).lower() for part in term.split("/"))
    return heading, frozenset(qualifiers)
