"""The MeSH terms that coders gave to the reports, and which labels they mean: the rules are in terms.csv."""

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

_EVERY = "*"  # the label of a rule that holds for all of them


class Rule(NamedTuple):
    """A term has a rule's heading, and its qualifiers among its own."""

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
    """What a coded term says: label -> "present", "unknown" or "absent", for the labels that it says something about.

    A term is a heading with qualifiers, ``Opacity/lung/base/left``. Of the rules that fit, the one
    with the most qualifiers decides. Words are compared whole, whatever their case.
    """
    heading, qualifiers = _parts(term)
    return {r.label: r.value for r in _rules_by_heading().get(heading, ()) if r.qualifiers <= qualifiers}


def mesh_labels(cells: pd.Series[Any], labels: Sequence[str]) -> NDArray[np.float32]:
    """1, 0 or NaN for each report and label: what is present, else what is unknown, else absent.

    Args:
        cells: N coded reports, their terms joined by ``|``; nothing is known of a blank one.
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
    for value, number in (("unknown", np.nan), ("present", 1)):  # what is present has the last word
        part, column = np.nonzero(says[value][term])
        matrix[row[part], column] = number
    matrix[distinct == ""] = np.nan
    return matrix[codes]


def deciding_terms(cell: str, label: str) -> str:
    """The terms of a cell that a rule of ``label`` knows, joined by ``|``; the whole cell where there is none."""
    return "|".join(term for term in cell.split("|") if {label, _EVERY} & term_values(term).keys()) or cell


@cache
def _rules_by_heading() -> dict[str, list[Rule]]:
    return {heading: [r for r in rules() if r.heading == heading] for heading in {r.heading for r in rules()}}


def _parts(term: str) -> tuple[str, frozenset[str]]:
    """Heading and qualifiers in lower case; some terms are written with a blank too many."""
    heading, *qualifiers = (" ".join(part.split()).lower() for part in term.split("/"))
    return heading, frozenset(qualifiers)
