"""The meaning of a table's columns, from arguments and a ``table.toml`` next to the table."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from xrv_core.datasets import read_table
from xrv_core.errors import ArgumentError, PathMissing, TableError

_HELP = "The card of xrv-table lists the keys."
_CHOICES = {"decimal": (".", ","), "dates": ("YMD", "DMY", "MDY")}


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The description of a table.

    Attributes:
        image: Column of the image's path below ``imgpath``.
        labels: Columns of labels, or label name -> column. With ``findings``: labels, or label name -> terms; None
            is all terms of the table.
        findings: Column of terms, such as ``"Effusion|Mass"``, instead of one column a label.
        separator: Separator of the terms in ``findings``.
        patient, view, age, sex, day: Columns of the patient's identifier, the view, the age (years, or
            058Y as in DICOM), the sex (M, F, male, female) and the day (a number or a date).
        masks: Name of a label or structure -> column of its mask's path below ``imgpath``.
        extension: Suffix to add to the paths of ``image``, such as ".png" or "png".
        delimiter: Delimiter of a CSV file.
        encoding: Encoding of a CSV file, such as "cp1252"; "" is UTF-8.
        decimal: "." or ",", the decimal mark of ages, days and labels.
        dates: Order of the parts of dates: "YMD" (2020-01-31), "DMY" (31.01.2020) or "MDY" (1/31/2020). Dates that
            begin with the year are read in any case.
        sexes: More words for a sex -> "M", "F" or "" (unknown); upper and lower case are equal.
        collection: Name of the images in ``source_uid``; default: the table's folder and name.
    """

    image: str = ""
    labels: Mapping[str, Any] | None = None
    findings: str | None = None
    separator: str = "|"
    patient: str | None = None
    view: str | None = None
    age: str | None = None
    sex: str | None = None
    day: str | None = None
    masks: Mapping[str, str] = field(default_factory=dict)
    extension: str = ""
    delimiter: str = ","
    collection: str = ""
    encoding: str = ""
    decimal: str = "."
    dates: str = "YMD"
    sexes: Mapping[str, str] = field(default_factory=dict)

    @property
    def reading(self) -> dict[str, Any]:
        """How the file is written, for ``read_table``."""
        return {"sep": self.delimiter, **({"encoding": self.encoding} if self.encoding else {})}

    @property
    def used(self) -> tuple[str, ...]:
        """All columns of the description, each once."""
        named = [self.image, self.findings, self.patient, self.view, self.age, self.sex, self.day]
        if self.findings is None and self.labels:
            named += self.labels.values()
        return tuple(dict.fromkeys(c for c in (*named, *self.masks.values()) if c))


KEYS = tuple(f.name for f in fields(Columns))


def describe(csvpath: Path, given: Mapping[str, Any], path: Path | None = None) -> Columns:
    """The description from a TOML file and arguments; arguments take precedence.

    Args:
        csvpath: The table.
        given: Keys and values of the arguments; None is ignored.
        path: The TOML file; None takes ``table.toml`` next to the table, if it exists.

    Raises:
        PathMissing: ``path`` does not exist.
        TableError: The column of images or labels is missing, or ``table.toml`` is unreadable or has an unknown key.
        ArgumentError: A value has the wrong type.
    """
    if path is not None and not path.is_file():
        raise PathMissing(f"{path}: no such file. Give the path of a TOML file that describes the table. {_HELP}")
    path = path or csvpath.parent / "table.toml"
    written = _read(path) if path.is_file() else {}
    asked = {key: value for key, value in given.items() if value is not None}
    values = {key: _checked(key, value, f"{path}: {key} = ") for key, value in written.items() if key not in asked}
    values |= {key: _checked(key, value, f"{key}=") for key, value in asked.items()}
    missing = []
    if not values.get("image"):
        missing.append("image=... (the column of file names)")
    if "labels" not in values and "findings" not in values:
        missing.append("labels=[...] (the columns of labels, or none) or findings=... (a column of terms)")
    if missing:
        reading = Columns(**{key: values[key] for key in ("delimiter", "encoding") if key in values}).reading
        has = ", ".join(map(repr, read_table(csvpath, owner="table", **reading).columns[:12]))
        raise TableError(
            f"{csvpath}: which column means what? Pass {' and '.join(missing)}, or write it into {path}. "
            f"The table has {has}. {_HELP}"
        )
    return Columns(**values)


def _read(path: Path) -> dict[str, Any]:
    try:
        written = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TableError(f"{path}: cannot be read as TOML: {error}. {_HELP}") from error
    unknown = [key for key in written if key not in KEYS]
    if unknown:
        raise TableError(f"{path}: unknown key {unknown[0]!r}. Keys are: {', '.join(KEYS)}.")
    return written


def _checked(key: str, value: Any, where: str) -> Any:
    """``value`` if its type is right; a list of labels becomes a mapping."""
    if key == "labels":
        if _is_list(value):
            return {name: name for name in value}
        if isinstance(value, Mapping) and all(isinstance(v, str) or _is_list(v) for v in value.values()):
            return dict(value)
        raise ArgumentError(f"{where}{value!r} names no labels. Give a list such as ['Effusion', 'Mass'], or a table.")
    if key == "masks":
        if isinstance(value, Mapping) and all(isinstance(v, str) for v in value.values()):
            return dict(value)
        raise ArgumentError(f"{where}{value!r} names no masks. Give a table such as {{'Effusion': 'a column'}}.")
    if key == "sexes":
        if isinstance(value, Mapping) and all(isinstance(k, str) and v in ("M", "F", "") for k, v in value.items()):
            return dict(value)
        raise ArgumentError(f"{where}{value!r} names no sexes. Give a table such as {{'w': 'F', 'divers': ''}}.")
    if not isinstance(value, str):
        raise ArgumentError(f"{where}{value!r} is no text, such as the name of a column.")
    if value not in _CHOICES.get(key, (value,)):
        raise ArgumentError(f"{where}{value!r} is not one of {', '.join(map(repr, _CHOICES[key]))}.")
    return f".{value.lstrip('.')}" if key == "extension" and value else value


def _is_list(value: Any) -> bool:
    """Whether ``value`` is a list of texts."""
    return isinstance(value, list | tuple) and all(isinstance(v, str) for v in value)
