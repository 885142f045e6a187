"""The files of the table cache: what is written comes back exactly, and is private to the process that changes it."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from table_bench import Bench, assert_same, bench, kept

from xrv_core import Asset
from xrv_core.assets import cache_dir, fetch
from xrv_core.assets.store import known_sha256
from xrv_core.datasets import Index
from xrv_core.datasets.tables.cache import read_index, write_index

__all__ = ["bench"]  # the fixture

KEY = "0" * 64
TEXT = st.one_of(st.none(), st.text(max_size=5))
WHOLE = st.integers(-(2**63), 2**63 - 1)


def four(cells: st.SearchStrategy[Any]) -> st.SearchStrategy[list[Any]]:
    return st.lists(cells, min_size=4, max_size=4)


TYPES = {"text": "str", "nullable": "Int64", "whole": "int64", "number": "float64", "small": "float32", "flag": "bool"}
COLUMNS = st.fixed_dictionaries(
    {
        "text": four(TEXT),
        "nullable": four(st.one_of(st.none(), WHOLE)),
        "whole": four(WHOLE),
        "number": four(st.floats()),
        "small": four(st.floats(width=32)),
        "flag": four(st.booleans()),
    }
)


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache") / "toy.index"


def restored(path: Path, index: Index) -> Index:
    path.unlink(missing_ok=True)
    write_index(path, KEY, index)
    found = read_index(path, KEY)
    assert found is not None
    return found


def assert_identical(a: pd.DataFrame, b: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(a, b, check_exact=True, check_index_type="exact", check_column_type="exact")
    assert a.dtypes.tolist() == b.dtypes.tolist()
    for name in a.columns:
        assert a[name].isna().tolist() == b[name].isna().tolist()
        if isinstance(a[name].dtype, np.dtype):
            assert a[name].to_numpy().tobytes() == b[name].to_numpy().tobytes()


@settings(max_examples=100, deadline=None)
@given(columns=COLUMNS, first=st.integers(0, 4), again=st.booleans(), names=st.permutations([*TYPES]))
def test_what_is_written_is_what_is_read(
    path: Path, columns: dict[str, list[Any]], first: int, again: bool, names: list[str]
) -> None:
    table = pd.DataFrame({name: pd.Series(columns[name], dtype=TYPES[name]) for name in names})
    if again:  # texts in several pieces
        table = pd.concat([table, table], ignore_index=True)
    table = table.iloc[first:].reset_index(drop=True)  # and in a part of them
    table["same"] = table["text"]
    labels = np.arange(2 * len(table), dtype=np.float32).reshape(-1, 2)
    extras = {"plain": {"x": [1, 2.5, None, "a", True]}, "frame": table[["text"]], "flags": np.zeros((2, 3), bool)}
    images, order = table["text"].fillna("-").rename(None), table["number"].rename(None)
    found = restored(path, Index(table, labels, images, ["a", "b"], order, extras))
    assert_identical(found.csv, table)
    np.testing.assert_array_equal(found.labels, labels, strict=True)
    assert found.pathologies == ["a", "b"]
    assert found.order is not None
    assert_identical(found.images.to_frame(), images.to_frame())
    assert_identical(found.order.to_frame(), order.to_frame())
    assert found.extras["plain"] == extras["plain"]
    assert_identical(found.extras["frame"], table[["text"]])
    np.testing.assert_array_equal(found.extras["flags"], np.zeros((2, 3), bool), strict=True)


ODD = {
    "objects": np.array(["a"], dtype=object),
    "complex": np.array([1j]),
    "dates": np.array(["2020-01-01"], "M8[D]"),
    "tuple": (1, 2),
    "numbers as keys": {1: 2},
    "numpy scalar": [np.float64(1)],
    "index": pd.DataFrame({"a": [1]}, index=[5]),
    "categories": pd.DataFrame({"a": ["x"]}, dtype="category"),
    "numbers as columns": pd.DataFrame([[1]], columns=[0]),
    "two columns of a name": pd.DataFrame([[1, 2]], columns=["a", "a"]),
    "any object": object(),
}


@pytest.mark.parametrize("what", ODD)
def test_what_would_come_back_as_something_else_is_not_written(tmp_path: Path, what: str) -> None:
    images = pd.Series(["a"], dtype="str")
    for extras in ({"value": ODD[what]}, {"value": {"deep": ODD[what]}}):
        index = Index(pd.DataFrame({"a": [1]}), np.zeros((1, 1), np.float32), images, extras=extras)
        write_index(tmp_path / "toy.index", KEY, index)
        assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("texts", [[], [None, None], [""]])
def test_columns_without_a_letter_come_back(path: Path, texts: list[str | None]) -> None:
    table = pd.DataFrame({"a": pd.Series(texts, dtype="str"), "n": pd.Series([1.0] * len(texts), dtype="float64")})
    found = restored(path, Index(table, np.zeros((len(texts), 0), np.float32), table["a"]))
    assert_identical(found.csv, table)
    assert found.labels.shape == (len(texts), 0)


def test_a_file_of_another_key_is_not_believed(path: Path) -> None:
    restored(path, Index(pd.DataFrame({"a": [1]}), np.zeros((1, 1), np.float32), pd.Series(["a"])))
    assert read_index(path, "1" * 64) is None


def test_changes_stay_in_the_process(bench: Bench) -> None:
    cold, _ = bench.open()
    (file,) = kept()
    data = file.read_bytes()
    again, built = bench.open()
    assert not built
    again.csv.loc[0, ["age_years", "day"]] = 99.0
    again.csv.loc[0, "has_masks"] = False
    again.labels[0, 0] = 7
    assert file.read_bytes() == data
    assert_same(cold, bench.open()[0])


def test_the_hash_of_a_fetched_file_is_known_until_it_changes(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_bytes(b"a\n1\n")
    path = fetch(Asset(name="toy/a.csv", urls=(source.as_uri(),), sha256=None, size=None))
    assert path.is_relative_to(cache_dir())
    assert known_sha256(path) == hashlib.sha256(b"a\n1\n").hexdigest()
    assert known_sha256(source) is None
    path.write_bytes(b"a\n2\n")
    assert known_sha256(path) is None
    path.unlink()
    assert known_sha256(path) is None
