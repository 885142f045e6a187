"""List the images of both sets from file names and clinical readings, because there is no table."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

from xrv_core.datasets import ImageSource
from xrv_core.errors import ImagePathError

_IMAGE = re.compile(r"(?P<root>(?:.*/)?)CXR_png/(?P<stem>(?P<set>[A-Z]+)[^/]*)\.png")
_COPY = re.compile(_IMAGE.pattern.replace(r"*)\.png", r"*?)(?:\.(?:png|jpe?g|tiff?|bmp|webp|dcm))+"), re.IGNORECASE)
_SETS = {"MCUCXR": "Montgomery", "CHNCXR": "Shenzhen"}
_SEX = re.compile(r"\b(?:Sex:\s*)?(m|male|f|femal|female)(?:\b|(?=\d))", re.IGNORECASE)
_AGE = re.compile(r"(?<!\d)(\d{1,5})\s*(y|yrs?|years?|months?|days?)\b", re.IGNORECASE)
_YEAR_OF = {"y": 1.0, "m": 12.0, "d": 365.25}
_SAME = re.compile(r"same\s+pt\s+as\s+(\w+)", re.IGNORECASE)


class Reading(NamedTuple):
    """The content of a clinical reading."""

    sex: str | None
    age_years: float | None
    text: str
    same_as: str | None  # another image of this patient


def list_images(source: ImageSource) -> list[dict[str, Any]]:
    """One row for each PNG in a folder ``CXR_png`` or, if there is none, each converted copy; by set and name.

    Keys: ``path``, ``fname``, ``set``, ``label`` (the last digit of the name, or None), ``patient``,
    ``sex``, ``age``, ``reading``, and ``left_mask``, ``right_mask``, ``lung_mask``: paths or None.
    """
    names = source.names()
    if source.outside:  # images and masks in there would be left out without a word
        raise ImagePathError(" ".join(source.passed_over))
    there = set(names)
    of_name = {name.rpartition("/")[2]: name for name in names if name.endswith("_mask.png")}
    rows = []
    matches = [_IMAGE.fullmatch(name) for name in names]
    if not any(matches):
        matches = [_COPY.fullmatch(name) for name in names]
    for name, found in zip(names, matches, strict=True):
        if found is None:
            continue
        root, stem = found["root"], found["stem"]
        text = f"{root}ClinicalReadings/{stem}.txt"
        reading = read_reading(source.read(text).decode("utf-8", "replace")) if text in there else Reading(*[None] * 4)
        sides = {f"{side}_mask": f"{root}ManualMask/{side}Mask/{stem}.png" for side in ("left", "right")}
        rows.append(
            {
                "path": name,
                "fname": f"{stem}.png",
                "set": _SETS.get(found["set"], found["set"]),
                "label": int(stem[-1]) if stem[-1] in "01" else None,
                "patient": (reading.same_as or stem).rpartition("_")[0] or stem,
                "sex": reading.sex,
                "age": reading.age_years,
                "reading": reading.text,
                **{key: path if path in there else None for key, path in sides.items()},
                "lung_mask": of_name.get(f"{stem}_mask.png"),
            }
        )
    return sorted(rows, key=lambda row: (row["set"], row["fname"]))


def read_reading(text: str) -> Reading:
    """Sex, age and findings of a clinical reading.

    Montgomery writes ``Patient's Sex: F``, ``Patient's Age: 027Y`` and the findings on lines of their
    own; Shenzhen ``male 45yrs``, ``female24yrs``, ``femal 32yrs``, ``male , 29yrs`` or ``female 64days``,
    then the findings. An age without a unit is unknown.
    """
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    about = lines[:2] if lines and "Sex:" in lines[0] else lines[:1]
    sex, age = _SEX.search(" ".join(about)), _AGE.search(" ".join(about))
    about = about if sex or age else []
    same = _SAME.search(text)
    return Reading(
        sex=sex[1][0].upper() if sex else None,
        age_years=int(age[1]) / _YEAR_OF[age[2][0].lower()] if age else None,
        text=" ".join(lines[len(about) :]),
        same_as=same[1] if same else None,
    )
