"""Subsets and splits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says

from xrv_core import Dataset, DatasetSpec
from xrv_core.datasets import MergeDataset, SubsetDataset, XrayDataset, common_columns, split
from xrv_core.errors import ArgumentError, IndexOutOfRange

SPEC = DatasetSpec(
    name="toy",
    title="A toy",
    factory="toy:Toy",
    licence="CC0",
    citation="none",
    homepage="https://example.org",
    obtain="Draw it.",
    pathologies=("Mass",),
)


class Toy(XrayDataset):
    def pixels(self, row: int) -> np.ndarray:
        return np.full((1, 2, 2), row, dtype=np.float32)


def toy(patients: list[str | None]) -> Toy:
    uids = [f"toy:{i}" for i in range(len(patients))]
    csv = common_columns(pd.DataFrame({"uid": uids}), {"patientid": patients, "source_uid": uids})
    return Toy(SPEC, csv, (np.arange(len(patients)) % 2).astype(np.float32)[:, None])


# -- subsets


@pytest.mark.parametrize("idxs", [[3, 0, 3], np.array([3, 0, 3]), pd.Index([3, 0, 3]), pd.Series([3, 0, 3])])
def test_a_subset_has_the_items_asked_for_in_that_order(idxs: Any) -> None:
    d = toy(list("abcd"))
    s = d.subset(idxs)
    assert isinstance(s, Dataset)
    assert len(s) == 3
    assert s.csv["uid"].tolist() == ["toy:3", "toy:0", "toy:3"]
    assert s.csv.index.equals(pd.RangeIndex(3))
    np.testing.assert_array_equal(s.labels, [[1], [0], [1]])
    for i, original in enumerate([3, 0, 3]):
        sample = s[i]
        assert (sample["idx"], float(sample["img"].max())) == (i, original)
        np.testing.assert_array_equal(sample["lab"], s.labels[i])
    assert s.totals() == {"Mass": {0.0: 1, 1.0: 2}}


def test_subsets_nest_and_print_as_a_tree() -> None:
    s = toy(list("abcd")).subset([1, 2, 3]).subset([2])
    assert float(s[0]["img"].max()) == 3
    assert repr(s) == (
        "SubsetDataset num_samples=1\n└ of SubsetDataset num_samples=3\n  └ of Toy num_samples=4 views=['UNKNOWN']"
    )


def test_an_empty_subset_is_a_dataset() -> None:
    s = toy(list("ab")).subset([])
    assert (len(s), s.labels.shape, s.totals(), s.views) == (0, (0, 1), {"Mass": {}}, [])


@pytest.mark.parametrize(
    ("idxs", "error", "words"),
    [
        ([0, 2, 5], IndexOutOfRange, ("Position 2", "2 items", "2 of 3")),
        ([-1], IndexOutOfRange, ("Position -1", "2 items", "1 of 1")),
        ([True], ArgumentError, ("idxs", "mask of 2", "got 1 values", "bool")),
        (np.ones((2, 2), bool), ArgumentError, ("idxs", "mask of 2", "got 4 values", "bool")),
        (np.zeros(0, bool), ArgumentError, ("mask of 2", "got 0 values")),
        ([0.5], ArgumentError, ("idxs", "mask of 2", "float64")),
        (["yes", "no"], ArgumentError, ("idxs", "mask of 2")),
    ],
)
def test_positions_that_are_none(idxs: Any, error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error, match=says(*words)):
        toy(list("ab")).subset(idxs)


@pytest.mark.parametrize(
    "mask",
    [
        [True, False, True],
        np.array([True, False, True]),
        torch.tensor([True, False, True]),
        pd.Series([True, False, True]),
        pd.Series([True, None, True]),
        pd.array([True, None, True], dtype="boolean"),
        pd.Series([True, True, False], index=[2, 0, 1]),
        pd.Series([True, False, True], index=["x", "y", "z"]),
    ],
)
def test_a_mask_chooses_items(mask: Any) -> None:
    assert toy(list("abc")).subset(mask).idxs.tolist() == [0, 2]


def test_an_item_is_found_as_in_a_list_and_a_slice_is_a_subset() -> None:
    d = toy(list("abcde"))
    for view in (d, d.subset(range(5)), d.merge(), d.relabel(["Mass"])):
        same = [view[i]["idx"] for i in (-1, np.int64(-5), torch.tensor(4), np.uint8(0))]
        assert same == [4, 0, 4, 0]
        for beyond in (5, -6, np.int64(99)):
            with pytest.raises(IndexOutOfRange, match=says(f"Index {beyond}", "5 items")):
                view[beyond]
        assert [sample["idx"] for sample in view] == list(range(5))
        part = view[1:4]
        assert isinstance(part, SubsetDataset)
        assert part.csv["patientid"].tolist() == list("bcd")
        assert view[::-2].idxs.tolist() == [4, 2, 0]
        assert len(view[7:]) == 0
        assert part[-1]["idx"] == 2
        assert part[1:][0]["img"].equal(view[2]["img"])


def test_datasets_are_added_and_concatenated() -> None:
    d, e = toy(list("abc")), toy(list("de"))
    both = d + e
    assert isinstance(both, MergeDataset)
    assert both.csv["patientid"].tolist() == list("abcde")
    assert [both[i]["source"] for i in (0, -1)] == [0, 1]
    assert [sample["source"] for sample in d[:1] + e + d[:1]] == [0, 0, 0, 1], "two sides, whatever is in them"
    chain = torch.utils.data.ConcatDataset([d, e])
    assert [chain[i]["img"].equal(both[i]["img"]) for i in (0, 4, -1)] == [True] * 3
    with pytest.raises(TypeError, match="unsupported operand"):
        d + 1
    with pytest.raises(ArgumentError, match="pathology alignment"):
        d + e.relabel(["Hernia"])


def test_an_index_into_a_subset_counts_in_the_subset() -> None:
    s = SubsetDataset(toy(list("abcd")), [3])
    with pytest.raises(IndexOutOfRange, match=says("Index 1", "1 items")):
        s[1]


# -- splits

PATIENTS = st.lists(st.one_of(st.none(), st.integers(0, 20).map(str)), min_size=1, max_size=60)
SHARES = {"train": 0.7, "valid": 0.1, "test": 0.2}


def sides(parts: dict[str, SubsetDataset], column: str) -> dict[Any, set[str]]:
    """On which sides each value of ``column`` is."""
    found: dict[Any, set[str]] = {}
    for name, part in parts.items():
        for value in part.csv[column].dropna():
            found.setdefault(value, set()).add(name)
    return found


@settings(deadline=None)
@given(patients=PATIENTS, seed=st.integers(0, 5))
def test_nobody_is_on_two_sides_and_every_item_on_one(patients: list[str | None], seed: int) -> None:
    parts = split(toy(patients), SHARES, seed=seed)
    assert list(parts) == ["train", "valid", "test"]
    assert all(len(where) == 1 for where in sides(parts, "patientid").values())
    assert sorted(uid for part in parts.values() for uid in part.csv["uid"]) == sorted(
        f"toy:{i}" for i in range(len(patients))
    )


@settings(deadline=None)
@given(patients=PATIENTS, more=PATIENTS)
def test_nobody_moves_when_data_is_added(patients: list[str | None], more: list[str | None]) -> None:
    before = sides(split(toy(patients), SHARES), "uid")
    after = sides(split(toy([*patients, *more]), SHARES), "uid")
    assert {uid: after[uid] for uid in before} == before


def test_a_split_is_the_same_on_every_machine() -> None:
    """Written down from `printf 0:11 | sha256sum` and so on: the second half are the hashes from 8 on."""
    parts = split(toy([str(i) for i in range(12)]), {"train": 0.5, "test": 0.5})
    assert [int(u.removeprefix("toy:")) for u in parts["test"].csv["uid"]] == [0, 1, 2, 5, 6, 8, 11]


def test_fractions_are_what_was_asked_for() -> None:
    d = toy([str(i) for i in range(4000)])
    parts = split(d, SHARES)
    for name, share in SHARES.items():
        # five standard deviations of a binomial share
        assert abs(len(parts[name]) / 4000 - share) < 5 * np.sqrt(share * (1 - share) / 4000)
    other = split(d, SHARES, seed=1)
    assert set(other["test"].csv["uid"]) != set(parts["test"].csv["uid"])


@pytest.mark.parametrize("shares", [[0.7, 0.2, 0.1], [1 / 3, 1 / 3, 1 / 3], [0.1] * 10, [1, 0], [0, 1.0]])
def test_rounding_of_fractions_does_no_harm(shares: list[float]) -> None:
    d = toy([str(i) for i in range(200)])
    parts = split(d, {str(i): share for i, share in enumerate(shares)})
    assert sum(map(len, parts.values())) == 200
    assert all(len(part) == 0 for part, share in zip(parts.values(), shares, strict=True) if share == 0)


def test_rows_of_unknown_patients_are_split_one_by_one() -> None:
    parts = split(toy([None] * 100), {"a": 0.5, "b": 0.5})
    assert min(len(parts["a"]), len(parts["b"])) > 20


def test_by_another_column() -> None:
    d = toy(list("abababab"))
    d.csv["site"] = [1, 1, 2, 2, 3, 3, 4, 4]
    assert all(len(where) == 1 for where in sides(split(d, {"a": 0.5, "b": 0.5}, by="site"), "site").values())


@pytest.mark.parametrize(
    ("shares", "words"),
    [
        ({"a": 0.5, "b": 0.6}, ("{'a': 0.5, 'b': 0.6}", "sum 1.1")),
        ({"a": 1.5, "b": -0.5}, ("{'a': 1.5, 'b': -0.5}", "sum 1)")),
        ({"a": np.nan}, ("{'a': nan}", "sum nan")),
        ({}, ("got {}", "sum 0")),
    ],
)
def test_fractions_that_are_none(shares: dict[str, float], words: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match=says("fractions", "sum to 1", *words)):
        split(toy(list("ab")), shares)


def test_a_column_that_is_not_there() -> None:
    with pytest.raises(ArgumentError, match=r"by='site' is not a column.*patientid, source_uid"):
        split(toy(list("ab")), {"a": 1}, by="site")
