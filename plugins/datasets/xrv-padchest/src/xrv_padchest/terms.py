"""The labels of PadChest's terms: terms.csv for "strict", substrings for "torchxrayvision"."""

from __future__ import annotations

import csv
from functools import cache
from importlib.resources import files
from typing import NamedTuple

_UNKNOWN = "(unknown)"

# torchxrayvision 1.5.7 searches a cell for the name of a label in lower case, or for one of these. The quote ends a
# term, so that "tube'" does not match "tuberculosis".
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
    """The content of terms.csv.

    Attributes:
        of_label: The terms of each label.
        telling: The terms with information about an image, such as "normal".
        silent: The other terms, such as "unchanged".
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
    """The texts that torchxrayvision 1.5.7 searches for in a cell."""
    return [_NAME.get(label, label.lower()), *_ALSO.get(label, ())]


@cache
def broken_files() -> frozenset[str]:
    """The unreadable files of broken_files.txt."""
    return frozenset(line for line in _lines("broken_files.txt") if line and not line.startswith("#"))


def _lines(name: str) -> list[str]:
    return (files("xrv_padchest") / name).read_text(encoding="utf-8").splitlines()
