"""Columns of texts that are read when somebody looks at them: what pandas reads, whatever is done to them before."""

from __future__ import annotations

import copy
import gc
import gzip
import pickle
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import whole
from pandas.testing import assert_frame_equal
from table_bench import Bench, assert_same, bench, every_file, kept

from xrv_core.datasets import arrowcsv, read_table, tablecache
from xrv_core.datasets.tables.text_split import select_rows
from xrv_core.datasets.tables.texts import Later, is_late
from xrv_core.errors import PathMissing, TableError

__all__ = ["bench", "every_file"]  # the fixtures

pytest.importorskip("pyarrow")
LATE = ("report", "codes")
ROWS = "\n".join(f'{i},im{i}.png,"über ""{i}"",\n{i % 3}",{"NA" if i % 2 else f"c{i}"},{i}.5,end{i}' for i in range(9))
TABLE = f"n,image,report,codes,size,end\n{ROWS}\n"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "table.csv.gz"
    made.write_bytes(gzip.compress(TABLE.encode()))
    return made


def opened(path: Path) -> pd.DataFrame:
    table = read_table(path, needs=["image"], owner="toy", later=True)
    assert late_of(table) == LATE
    return table


def late_of(table: pd.DataFrame) -> tuple[str, ...]:
    return tuple(str(name) for name, column in table.items() if is_late(column.array))


def rows_of(numbers: list[int]) -> Callable[[pd.DataFrame], pd.DataFrame]:
    return lambda table: table.iloc[[n % len(table) for n in numbers]] if len(table) else table


STEPS = st.one_of(
    st.lists(st.integers(0, 20), max_size=12).map(rows_of),
    st.tuples(st.integers(-3, 3), st.integers(3, 12), st.sampled_from([1, 2, -1])).map(
        lambda cut: lambda table: table.iloc[slice(*cut)]
    ),
    st.integers(1, 3).map(lambda n: lambda table: table[table["size"] % (n + 0.5) > n / 2]),
    st.integers(1, 3).map(lambda n: lambda table: select_rows(table, table["size"] % (n + 0.5) > n / 2)),
    st.sampled_from(
        [
            lambda table: table.reset_index(drop=True),
            lambda table: table.copy(),
            lambda table: table.drop(columns="image", errors="ignore"),
            lambda table: table.assign(more=1),
            lambda table: pd.concat([table, table[["size"]].rename(columns={"size": "again"})], axis=1),
            lambda table: table.sort_values("size", ascending=False),
        ]
    ),
)


@settings(max_examples=150, deadline=None)
@given(steps=st.lists(STEPS, max_size=4))
def test_rows_and_columns_are_chosen_before_anything_is_read(
    steps: list[Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("late") / "table.csv"
    path.write_text(TABLE, encoding="utf-8")
    table, read = opened(path), pd.read_csv(path)
    for step in steps:
        table, read = (made.loc[:, ~made.columns.duplicated()] for made in (step(table), step(read)))
        if len(table):
            assert late_of(table) == LATE
    assert_frame_equal(table, read, check_exact=True)
    assert late_of(table) == ()
    assert table.dtypes.tolist() == read.dtypes.tolist()


@pytest.mark.parametrize(
    "look",
    [
        lambda t: t["report"].iloc[3],
        lambda t: t["report"].str.len().tolist(),
        lambda t: t["codes"].isna().tolist(),
        lambda t: t["codes"].fillna("none").tolist(),
        lambda t: t["codes"].value_counts().to_dict(),
        lambda t: t["report"].to_numpy(dtype=object).tolist(),
        lambda t: t["report"].reindex([1, 99]).tolist()[:1],
        lambda t: t["report"].array.take([-1, 0], allow_fill=True)[1:].tolist(),
        lambda t: t["report"].array[np.array([True] * 9)].tolist(),
        lambda t: t["report"].array[[2, 5]].tolist(),
        lambda t: t["report"].array[-1],
        lambda t: t["report"].array[:0].tolist(),
        lambda t: (t["report"] + "!").tolist(),
        lambda t: (t["report"] == t["report"].iloc[0]).tolist(),
        lambda t: pd.concat([t, t], ignore_index=True)["report"].tolist(),
        lambda t: t.merge(t, on="n")["report_y"].tolist(),
        lambda t: t.groupby("codes")["size"].sum().to_dict(),
        lambda t: t.to_csv(),
        lambda t: repr(t),
        lambda t: t.loc[3].to_dict(),
        lambda t: t["report"].astype(object).tolist(),
        lambda t: pickle.loads(pickle.dumps(t)).to_csv(),
        lambda t: copy.deepcopy(t).to_csv(),
        lambda t: t.to_dict("list"),
    ],
)
def test_a_look_is_what_pandas_gives(path: Path, look: Callable[[pd.DataFrame], Any]) -> None:
    assert look(opened(path)) == look(pd.read_csv(path))


def test_what_was_read_is_of_pandas_own_class_and_the_rest_of_the_file_is_let_go(path: Path) -> None:
    before = len(Later._known)
    table, twin = opened(path), opened(path)
    assert len(Later._known) == before + 1, "two tables of one file share what is read"
    assert len(table) == len(table["report"].array) == 9
    assert table.memory_usage(index=False)["report"] == 0
    first = table["report"]
    assert first.iloc[0] == 'über "0",\n0'
    assert type(first.array) is pd.arrays.ArrowStringArray
    table.loc[0, "report"] = "changed"
    assert [table["report"].iloc[0], first.iloc[0], twin["report"].iloc[0]] == ["changed", *['über "0",\n0'] * 2]
    assert late_of(table.drop(columns="report")) == ("codes",)
    del table, twin, first
    gc.collect()
    assert len(Later._known) == before


def test_many_threads_may_look_at_once(path: Path) -> None:
    table, read = opened(path), pd.read_csv(path)
    looks = [lambda: len(table["report"]), lambda: table["report"].tolist(), lambda: table.iloc[2:]["report"].tolist()]
    with ThreadPoolExecutor(8) as pool:
        found = [task.result() for task in [pool.submit(looks[n % 3]) for n in range(60)]]
    texts = read["report"].tolist()
    assert found == [len(texts), texts, texts[2:]] * 20


def test_a_pickle_needs_no_file(path: Path) -> None:
    read = pd.read_csv(path)
    data = pickle.dumps(opened(path))
    assert len(data) < len(pickle.dumps(read)) + 200, "nothing of the other columns comes with one"
    path.unlink()
    assert_frame_equal(pickle.loads(data), read)


def test_the_working_directory_may_change(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    table = opened(Path(path.name))
    monkeypatch.chdir("/")
    assert table["codes"].iloc[0] == "c0"


LOOKED_AT = "its columns 'report', 'codes' are read when they are looked at"


def test_a_file_that_is_gone_or_changed_is_told(path: Path) -> None:
    table, data = opened(path), path.read_bytes()
    path.unlink()
    text = f"{path}: no such file any more; {LOOKED_AT}. Put it back, or open the dataset anew."
    with pytest.raises(PathMissing, match=whole(text)):
        table["report"].tolist()
    path.write_bytes(gzip.compress(TABLE.replace("im3", "im4").encode()))
    text = f"{path}: was changed after it was opened; {LOOKED_AT}. Open the dataset anew."
    with pytest.raises(TableError, match=whole(text)):
        table["report"].tolist()
    assert table["n"].tolist() == [*range(9)]
    path.write_bytes(data)
    assert table["report"].tolist() == pd.read_csv(path)["report"].tolist()


def test_a_file_that_cannot_be_read_any_more_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    table = opened(path)

    def fail(*_: Any) -> None:
        raise OSError("the disk is gone")

    with monkeypatch.context() as patch:
        patch.setattr(arrowcsv, "_split", fail)
        with pytest.raises(
            TableError, match=whole(f"{path}: its columns 'report', 'codes' cannot be read: the disk is gone")
        ):
            table["report"].tolist()
    with monkeypatch.context() as patch:
        patch.setattr(arrowcsv, "read_texts", lambda path, names: pd.read_csv(path)[list(names)][:5])
        text = f"{path}: was changed while it was read; {LOOKED_AT}. Open the dataset anew."
        with pytest.raises(TableError, match=whole(text)):
            table["codes"].tolist()


def test_columns_that_are_needed_numbers_and_the_ends_are_read_at_once(path: Path) -> None:
    assert late_of(read_table(path, needs=["report"], text=["codes"], owner="toy", later=True)) == ("image", "codes")
    assert late_of(read_table(path, needs=["report"], owner="toy")) == ()
    assert late_of(read_table(path, needs=["report"], owner="toy", later=True, skiprows=0)) == ()


# -- with the cache of indices


@pytest.fixture
def wordy(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Its table has texts that no label depends on, and more rows."""
    rows = bench.source_rows()
    rows.insert(2, "report", [f"text {i}" for i in range(len(rows))])
    rows.assign(end="e").to_csv(bench.csv, index=False)
    monkeypatch.setattr(bench.module.Toy, "needs", ("image", "finding", "patient", "sex"))
    return bench


def test_an_index_tells_where_they_are_and_the_texts_have_a_file_of_their_own(
    wordy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    cold, built = wordy.open()
    again, rebuilt = wordy.open()
    assert (built, rebuilt) == (True, False)
    assert late_of(cold.csv) == late_of(again.csv) == ("report",)
    assert len(kept()) == 1
    assert cold.csv["report"].tolist() == pd.read_csv(wordy.csv)["report"].tolist()
    assert len(kept()) == 2
    del cold
    gc.collect()
    with monkeypatch.context() as patch:
        patch.setattr(arrowcsv, "read_texts", None)  # it is not parsed again
        assert again.csv["report"].tolist() == pd.read_csv(wordy.csv)["report"].tolist()
    assert_same(again, wordy.open()[0])


def test_rows_that_were_chosen_come_back(wordy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    keep = lambda self, table: select_rows(table, table["whole"] > 0)  # noqa: E731
    monkeypatch.setattr(wordy.module.Heir, "keeps_index", True, raising=False)
    monkeypatch.setattr(wordy.module.Heir, "rows", keep)
    cold = wordy.open("Heir")[0]
    assert [path.suffix for path in kept()] == [".index"]
    again = wordy.open("Heir")[0]
    for found in (again, cold):
        assert late_of(found.csv) == ("report",)
        assert found.csv["report"].tolist() == ["text 0", "text 3", "text 4", "text 5"]


def test_common_columns_are_read_at_once_even_of_columns_that_a_class_forgot_to_need(
    wordy: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wordy.module.Toy, "needs", ("image",))
    for _ in range(2):
        found, _ = wordy.open()
        assert late_of(found.csv) == ("finding", "report", "patient")
        assert type(found.csv["patientid"].array) is pd.arrays.ArrowStringArray
        assert found.csv["patient"].equals(found.csv["patientid"].rename("patient"))


def test_a_moved_mtime_is_no_change(wordy: Bench) -> None:
    cold, _ = wordy.open()
    data = wordy.csv.read_bytes()
    wordy.csv.unlink()
    wordy.csv.write_bytes(data)
    assert cold.csv["report"].iloc[5] == "text 5"


def test_without_the_cache(wordy: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_TABLE_CACHE", "0")
    found, _ = wordy.open()
    assert late_of(found.csv) == ("report",)
    assert found.csv["report"].tolist() == pd.read_csv(wordy.csv)["report"].tolist()
    assert kept() == []
    assert tablecache.index_file({}, (Later,), wordy.csv) is None
