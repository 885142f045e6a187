"""A row that a table has twice is one item; rows that contradict each other are told with their lines."""

from __future__ import annotations

import gzip
import json
import logging
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from messages import says

import xrv_core as xrv
from xrv_check import check
from xrv_core.errors import ArgumentError, TableError

# dataset -> the argument with its table; a cell of its first row and another one
TABLES: dict[str, tuple[str, str, str]] = {
    "nih": ("csvpath", ",Cardiomegaly,", ",Mass,"),
    "chexpert": ("csvpath", ",AP,1.0,", ",AP,0.0,"),
    "mimic": ("metadata", ",PA,", ",AP,"),
    "padchest": ("csvpath", "'normal'", "'pneumonia'"),
    "brax": ("csvpath", ",F,40,", ",F,41,"),
    "covid19": ("csvpath", "Pneumonia/Viral/COVID-19", "No Finding"),
    "hannover": ("csvpath", ",f,", ",m,"),
    "table": ("csvpath", ",M,1,no,", ",M,0,no,"),
}


def lines(path: Path) -> list[str]:
    data = path.read_bytes()
    return (gzip.decompress(data) if path.suffix == ".gz" else data).decode().splitlines()


def write(path: Path, rows: list[str]) -> None:
    data = "".join(f"{row}\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)


@pytest.fixture
def mini(name: str, tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature(name, tmp_path)


def same(one: Any, other: Any) -> None:
    pd.testing.assert_frame_equal(one.csv, other.csv)
    np.testing.assert_array_equal(one.labels, other.labels)


@pytest.mark.parametrize("name", TABLES)
def test_a_row_given_twice_is_one_item(name: str, mini: dict[str, Any], caplog: pytest.LogCaptureFixture) -> None:
    once = xrv.get_dataset(name, **mini)
    assert once.duplicates.empty
    path = mini[TABLES[name][0]]
    header, first, *rest = lines(path)
    write(path, [header, first, *rest, first, first])
    with caplog.at_level(logging.WARNING):
        d = xrv.get_dataset(name, **mini)
    same(d, once)
    assert d.duplicates["first"].tolist() == [0, 0]
    assert d.duplicates["again"].tolist() == [1 + len(rest), 2 + len(rest)]
    assert d.duplicates["differs"].tolist() == ["", ""]
    assert f"line {3 + len(rest)}" in caplog.text
    assert "2 equal to it, 0 not" in caplog.text
    assert d[0]["img"].equal(once[0]["img"])


@pytest.mark.parametrize("name", TABLES)
def test_rows_that_contradict_each_other(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    argument, old, new = TABLES[name]
    header, first, *rest = lines(mini[argument])
    assert old in first
    write(mini[argument], [header, first, *rest, first.replace(old, new, 1)])
    with pytest.raises(TableError, match=says(mini[argument], "lines 2 and", f"{3 + len(rest)}", "differ", "first")):
        xrv.get_dataset(name, **mini)
    taken = xrv.get_dataset(name, **mini, on_duplicates="first")
    same(taken, once)
    assert taken.duplicates["differs"].str.contains("'").tolist() == [True]
    write(mini[argument], [header, first.replace(old, new, 1), *rest, first])
    other = xrv.get_dataset(name, **mini, on_duplicates="first")
    assert len(other) == len(once)
    assert not other.csv.equals(once.csv)


@pytest.mark.parametrize("name", ["nih"])
def test_lines_count_rows_that_are_left_out_and_views_do_not_matter(name: str, mini: dict[str, Any]) -> None:
    header, first, second, *rest = lines(mini["csvpath"])
    write(mini["csvpath"], [header, second, first, *rest, first.replace("Cardiomegaly", "Mass")])
    with pytest.raises(TableError, match=f"lines 3 and {4 + len(rest)}.*'00090001_000.png'.*'Finding Labels'"):
        xrv.get_dataset(name, **mini, views=["AP"])


@pytest.mark.parametrize("name", ["nih"])
def test_an_unknown_policy(name: str, mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"on_duplicates='last'.*error, first"):
        xrv.get_dataset(name, **mini, on_duplicates="last")


@pytest.mark.parametrize("name", ["padchest"])
def test_the_number_of_a_row_is_no_contradiction(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    header, first, *rest = lines(mini["csvpath"])
    write(mini["csvpath"], [header, first, *rest, "99," + first.partition(",")[2]])
    same(xrv.get_dataset(name, **mini), once)


@pytest.mark.parametrize("name", ["mimic"])
def test_a_study_given_twice(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    rows = lines(mini["csvpath"])
    write(mini["csvpath"], [*rows, rows[1]])
    for policy in ("strict", "torchxrayvision"):
        assert len(xrv.get_dataset(name, **mini, labels=policy)) == (8 if policy == "strict" else 7)
    same(xrv.get_dataset(name, **mini), once)
    write(mini["csvpath"], [*rows, rows[1].replace("1.0", "0.0")])
    with pytest.raises(TableError, match=says(mini["csvpath"], "lines 2 and 7", "59000011", "'No Finding'")):
        xrv.get_dataset(name, **mini)
    same(xrv.get_dataset(name, **mini, on_duplicates="first"), once)


@pytest.mark.parametrize("name", ["mimic"])
def test_lines_of_the_metadata_where_studies_without_labels_are_left_out(name: str, mini: dict[str, Any]) -> None:
    header, *rows = lines(mini["metadata"])
    write(mini["metadata"], [header, rows[-1], *rows[:-1], rows[0].replace(",PA,", ",AP,")])
    with pytest.raises(TableError, match=says(mini["metadata"], "lines 3 and 10", "'ViewPosition'")):
        xrv.get_dataset(name, **mini, labels="torchxrayvision")


@pytest.mark.parametrize("name", ["siim", "rsna", "vinbrain"])
def test_tables_of_several_rows_an_image(name: str, mini: dict[str, Any]) -> None:
    """A row of them given twice is no second outline, box or reader."""
    options = {"pathology_masks": True, **({"readers": "majority"} if name == "vinbrain" else {})}
    once = xrv.get_dataset(name, **mini, **options)
    rows = lines(mini["csvpath"])
    write(mini["csvpath"], [*rows, *rows[1:]])
    twice = xrv.get_dataset(name, **mini, **options)
    same(twice, once)
    for row in range(len(once)):
        masks = [{k: float(m.sum()) for k, m in d[row]["pathology_masks"].items()} for d in (once, twice)]
        assert masks[0] == masks[1]
        assert twice.why(row, twice.pathologies[0]) == once.why(row, once.pathologies[0])


@pytest.mark.parametrize(("name", "target"), [("siim", "EncodedPixels"), ("rsna", "Target")])
def test_contradictions_in_tables_of_several_rows_an_image(name: str, target: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    rows = lines(mini["csvpath"])
    positive = next(row for row in rows[1:] if not row.endswith((",-1", ",0", ", -1")))
    image = positive.partition(",")[0]
    write(mini["csvpath"], [*rows, f"{image},-1" if name == "siim" else f"{image},,,,,0"])
    with pytest.raises(TableError, match=f"lines {rows.index(positive) + 1} and {len(rows) + 1}.*{target}"):
        xrv.get_dataset(name, **mini)
    same(xrv.get_dataset(name, **mini, on_duplicates="first"), once)


@pytest.mark.parametrize("name", ["tbx11k"])
def test_an_image_that_json_has_twice(name: str, mini: dict[str, Any]) -> None:
    once = xrv.get_dataset(name, **mini)
    path = mini["imgpath"] / "annotations/json/TBX11K_train.json"
    found = json.loads(path.read_text())
    found["images"].append(found["images"][0])
    path.write_text(json.dumps(found))
    same(xrv.get_dataset(name, **mini), once)
    found["images"][-1] = {**found["images"][0], "width": 7}
    path.write_text(json.dumps(found))
    with pytest.raises(TableError, match=says("imgs/tb/tb0001.png", "'width'")):
        xrv.get_dataset(name, **mini)


@pytest.mark.parametrize("name", ["table"])
def test_a_frame_of_many_rows_is_settled_quickly_and_kept_in_the_cache(
    name: str, mini: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XRV_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "cache" / "many.csv"  # not beside table.toml
    path.parent.mkdir()
    write(path, ["file,Mass", *[f"{i % 3000}.png,{i % 2}" for i in range(6000)]])
    opened = [xrv.get_dataset(name, csvpath=path, image="file", labels=["Mass"]) for _ in range(2)]
    for d in opened:
        assert len(d) == len(d.duplicates) == 3000
    write(path, ["file,Mass", *[f"{i % 3000}.png,{i // 3000}" for i in range(6000)]])
    with pytest.raises(TableError, match="3000 rows"):
        xrv.get_dataset(name, csvpath=path, image="file", labels=["Mass"])


@pytest.mark.parametrize("name", ["nih"])
def test_check_reports_them(name: str, mini: dict[str, Any]) -> None:
    rows = lines(mini["csvpath"])
    write(mini["csvpath"], [*rows, rows[1], rows[2].replace("Emphysema", "Mass")])
    found = {f.problem: f for f in check(name, mini["imgpath"], mini["csvpath"]).findings}
    assert set(found) == {"repeated row", "contradiction"}
    assert found["repeated row"].what == "00090001_000.png"
    assert "2 and 10" in found["repeated row"].detail
    assert "3 and 11" in found["contradiction"].detail
    assert "'Finding Labels'" in found["contradiction"].detail


@pytest.mark.parametrize("name", ["siim"])
def test_check_reports_what_the_rows_of_one_image_contradict(name: str, mini: dict[str, Any]) -> None:
    rows = lines(mini["csvpath"])
    positive = next(row for row in rows[1:] if not row.endswith("-1"))
    write(mini["csvpath"], [*rows, f"{positive.partition(',')[0]},-1"])
    assert [f.problem for f in check(name, **mini).findings] == ["contradiction"]
