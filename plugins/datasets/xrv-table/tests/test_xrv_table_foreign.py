"""Tables as hospitals write them: other encodings, decimal commas, orders of dates, words; and all problems at once."""

from __future__ import annotations

import logging
import re
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says

import xrv_core as xrv
from xrv_core.errors import ArgumentError, MissingColumns, TableError

TABLE = """\
Datei;Patient;Aufnahme;Alter;Geschlecht;Erguß
a;Müller;31.01.2020;58,5;männlich;1
b;Müller;2.2.2020 10:30;58,6;m;0,0
c;Özil;01.03.2019;7;w;ja
d;Özil;2019-03-04;7;divers;
"""
KEYS: dict[str, Any] = {
    "image": "Datei", "patient": "Patient", "day": "Aufnahme", "age": "Alter", "sex": "Geschlecht",
    "labels": {"Effusion": "Erguß"}, "delimiter": ";", "encoding": "cp1252", "decimal": ",", "dates": "DMY",
    "sexes": {"männlich": "M", "W": "F"}, "extension": "png",
}  # fmt: skip


def written(folder: Path, text: str = TABLE.replace("ja", "1"), encoding: str = "cp1252") -> Path:
    path = folder / "liste.csv"
    path.write_bytes(text.encode(encoding))
    return path


def test_a_german_table_is_read(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        d = xrv.get_dataset("table", csvpath=written(tmp_path), **KEYS)
    assert d.csv["patientid"].tolist() == ["Müller", "Müller", "Özil", "Özil"]
    assert d.csv["offset_day_int"].tolist() == [0, 2, 0, 3]
    assert d.csv["age_years"].tolist() == [58.5, 58.6, 7, 7]
    assert d.csv["sex"].fillna("?").tolist() == ["M", "M", "F", "?"]
    np.testing.assert_array_equal(d.labels[:, 0], [1, 0, 1, np.nan])
    assert d.image_name(0) == "a.png"
    assert re.search(says("liste.csv", "1 cells of column 'Geschlecht'", "'divers' (1)", "sexes="), caplog.text)


def test_words_of_sex_are_counted_at_each_opening_unless_they_are_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = written(tmp_path)
    for _ in range(2):
        caplog.clear()
        xrv.get_dataset("table", csvpath=path, **{**KEYS, "sexes": {}})
        assert "3 cells of column 'Geschlecht'" in caplog.text
    caplog.clear()
    xrv.get_dataset("table", csvpath=path, **{**KEYS, "sexes": {**KEYS["sexes"], "divers": ""}})
    assert "Geschlecht" not in caplog.text


def test_another_encoding_is_guessed_in_the_error(tmp_path: Path) -> None:
    with pytest.raises(TableError, match=says("liste.csv", "line 1", "UTF-8", "encoding='cp1252'")):
        xrv.get_dataset("table", csvpath=written(tmp_path), **{**KEYS, "encoding": ""})


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    text = TABLE.replace("58,6", "alt").replace("01.03.2019", "31.31.2019")
    text += "a;Meyer;1.1.2020;5;m;0\n;X;1.1.2020;5;m;0\n"
    with pytest.raises(TableError) as error:
        xrv.get_dataset("table", csvpath=written(tmp_path, text), **KEYS)
    words = ("5 problems", "'ja'", "line 4", "'31.31.2019'", "line 3", "'alt'", "1 of 6 rows", "no image", "'a'")
    assert re.search(says(*words), str(error.value))
    labels = {"Effusion": "Erguß", "Mass": "Raumforderung"}
    with pytest.raises(MissingColumns, match=says("5 problems", "'Raumforderung'", "'ja'", "'31.31.2019'", "'alt'")):
        xrv.get_dataset("table", csvpath=written(tmp_path, text), **{**KEYS, "labels": labels}, on_duplicates="first")
    with pytest.raises(TableError, match=r"'ja' means nothing.*") as one:
        xrv.get_dataset("table", csvpath=written(tmp_path, TABLE), **KEYS)
    assert "1 problem" not in str(one.value)


@pytest.mark.parametrize(
    ("key", "words"),
    [("decimal", ("'58,5'", "decimal=','")), ("dates", ("'31.01.2020'", "dates='DMY'", "dates='MDY'"))],
)
def test_a_missing_key_is_named(tmp_path: Path, key: str, words: tuple[str, ...]) -> None:
    keys = {k: v for k, v in KEYS.items() if k != key}
    with pytest.raises(TableError, match=says(*words)):
        xrv.get_dataset("table", csvpath=written(tmp_path), **keys)


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("decimal", ";", ("decimal=", "'.', ','")),
        ("dates", "dmy", ("dates=", "'DMY'")),
        ("sexes", {"w": "female"}, ("no sexes", "'w'")),
        ("encoding", "utf-9", ("utf-9",)),
    ],
)
def test_a_key_that_cannot_be_used(tmp_path: Path, key: str, value: Any, words: tuple[str, ...]) -> None:
    with pytest.raises((ArgumentError, TableError), match=says(*words)):
        xrv.get_dataset("table", csvpath=written(tmp_path), **{**KEYS, key: value})


@given(st.dates(date(1900, 1, 1), date(2290, 1, 1)), st.sampled_from([".", "/", "-"]), st.booleans())
@settings(max_examples=40, deadline=None)
def test_every_day_is_the_same_in_every_order(
    tmp_path_factory: pytest.TempPathFactory, day: date, mark: str, zeros: bool
) -> None:
    d, m = (f"{n:02}" if zeros else str(n) for n in (day.day, day.month))
    folder = tmp_path_factory.mktemp("dates")
    for order, parts in (("DMY", (d, m, day.year)), ("MDY", (m, d, day.year))):
        path = folder / f"{order}.csv"
        path.write_text(f"f,p,t\na,1,{mark.join(map(str, parts))}\nb,1,1900-01-01\n")
        data = xrv.get_dataset("table", csvpath=path, image="f", labels=[], patient="p", day="t", dates=order)
        assert data.csv["offset_day_int"][0] == (day - date(1900, 1, 1)).days, (order, parts)
