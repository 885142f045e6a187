"""The terms of PadChest and the labels that they mean: terms.csv for us, substrings for torchxrayvision."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_UNKNOWN = "(unknown)"

# How torchxrayvision 1.5.7 finds a label in the text of a cell: its name in lower case, or one of these. The quote
# ends a term, so that "tube'" is none of "tuberculosis".
_ALSO = {
    "Consolidation": ("air bronchogram",),
    "Hilar Enlargement": ("adenopathy", "pulmonary artery enlargement"),
    "Infiltration": (
        "infiltrates",
        "interstitial pattern",
        "ground glass pattern",
        "alveolar pattern",
        "consolidation",
        "air bronchogram",
    ),
    "Pleural_Thickening": ("pleural thickening",),
    "Support Devices": ("device", "pacemaker"),
    "Tube": ("stent'",),
}
_NAME = {"Tube": "tube'"}


class Terms(NamedTuple):
    """What terms.csv says.

    Attributes:
        of_label: The terms of each label.
        telling: The terms that tell something about an image, if only that there is nothing.
        silent: The others, such as "unchanged".
    """

    of_label: dict[str, list[str]]
    telling: list[str]
    silent: list[str]


@cache
def terms() -> Terms:
    """Read terms.csv."""
    of_label: dict[str, list[str]] = {}
    telling, silent = [], []
    for row in csv.DictReader(_lines("terms.csv")):
        if row["labels"] == _UNKNOWN:
            silent.append(row["term"])
            continue
        telling.append(row["term"])
        for label in filter(None, row["labels"].split("|")):
            of_label.setdefault(label, []).append(row["term"])
    return Terms(of_label, telling, silent)


def substrings(label: str) -> list[str]:
    """What torchxrayvision 1.5.7 looks for in the text of a cell."""
    return [_NAME.get(label, label.lower()), *_ALSO.get(label, ())]


@cache
def broken_files() -> frozenset[str]:
    """The files that cannot be read, from broken_files.txt."""
    return frozenset(line for line in _lines("broken_files.txt") if line and not line.startswith("#"))


def _lines(name: str) -> list[str]:
    return (files("xrv_padchest") / name).read_text(encoding="utf-8").splitlines()
