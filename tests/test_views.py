"""Relabelling, merging, filtering: views over ours, over strangers, and over each other."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from view_toys import Stranger, toy

from xrv_core import Dataset
from xrv_core.datasets import (
    FilterDataset,
    MergeDataset,
    RelabelledDataset,
    default_pathologies,
    harmonize,
    relabel_dataset,
)
from xrv_core.errors import ArgumentError, IndexOutOfRange

NAN = float("nan")


# -- relabelling


def test_relabelling_in_place_is_that_of_the_paper() -> None:
    d = toy()
    done = relabel_dataset(["Nodule", "Hernia"], d)
    assert done == (["Nodule"], ["Mass"], ["Hernia"])
    assert d.pathologies == ["Nodule", "Hernia"]
    np.testing.assert_array_equal(d.labels, [[0, NAN], [1, NAN], [1, NAN], [0, NAN]])
    assert d.labels.dtype == np.float32
    assert list(d[2]["pathology_masks"]) == [0], "the mask of Nodule, under its new number"
    assert d[2]["pathology_masks"][0][0, 1].tolist() == [1] * 4
    assert d.why(1, "Nodule") == {"Nodule": 1.0}
    assert d.why(1, "Hernia") == {}, "the source says nothing of a label that was added"


def test_a_misspelt_label_is_told(caplog: pytest.LogCaptureFixture) -> None:
    d = toy(names="Effusion Pleural_Thickening")
    view = d.relabel(["effusion", "Pleural_Thickening"])
    in_place = relabel_dataset(["effusion", "Pleural_Thickening"], toy(names="Effusion Pleural_Thickening"))
    for done in (view.relabelling, in_place):
        assert done == (["Pleural_Thickening"], ["Effusion"], ["effusion"])
        assert done.unmatched == {"effusion": "Did you mean 'Effusion'?"}
        assert "Did you mean 'Effusion'?" in repr(done)
    warned = [r.getMessage() for r in caplog.records if r.levelname == "WARNING"]
    assert len(warned) == 2
    assert "'effusion'" in warned[0]
    assert "Did you mean 'Effusion'?" in warned[0]
    caplog.clear()
    d.relabel(["Effusion", "Hernia"])
    assert not [r for r in caplog.records if r.levelname == "WARNING"], "nothing looks like Hernia"
    d.relabel(["Hernia"])
    assert "none of the labels ['Hernia']" in caplog.text


def test_misspelt_labels_of_merges_filters_and_harmonising(caplog: pytest.LogCaptureFixture) -> None:
    a, b = toy(names="Effusion Mass"), toy(names="effusion Mass")
    with pytest.raises(ArgumentError, match=says("lacks ['Effusion']", "Did you mean 'effusion'?", "Relabel")):
        MergeDataset([a, b])
    MergeDataset([a, b], pathologies="union")
    assert "'Effusion' and 'effusion' stay two columns" in caplog.text
    MergeDataset([a], pathologies=["Mass", "Efusion"])
    assert "'Efusion'" in caplog.text
    assert "Did you mean 'Effusion'?" in caplog.text
    for call in (lambda: a.filter("effusion"), lambda: a.why(0, "effusion"), lambda: a.subset([0]).why(0, "effusion")):
        with pytest.raises(ArgumentError, match=says("'effusion'", "Did you mean 'Effusion'?", "Its labels are")):
            call()
    caplog.clear()
    report = harmonize([a, b], ["Effusion", "Efusion", "Hernia"]).report
    assert report["rule"].tolist()[1:3] == ["unknown. Did you mean 'Effusion'?", "unknown"]
    assert caplog.text.count("'Efusion' is unknown. Did you mean 'Effusion'?") == 2
    assert "Hernia" not in caplog.text


def test_relabelling_back_restores_what_was_left_out_and_what_was_changed() -> None:
    d, original = toy(), toy()
    relabel_dataset(["Hernia"], d)
    d.labels[0] = 1  # somebody fills the new column
    relabel_dataset(["Nodule"], d)
    d.labels[0] = 0.5
    assert relabel_dataset(["Mass", "Nodule", "Hernia"], d) == (["Mass", "Nodule", "Hernia"], [], [])
    expected = np.column_stack([original.labels, [1, NAN, NAN, NAN]])
    expected[0, 1] = 0.5
    np.testing.assert_array_equal(d.labels, expected)


@settings(deadline=None)
@given(st.lists(st.lists(st.sampled_from(["Mass", "Nodule", "A", "B"]), min_size=1, unique=True), max_size=5))
def test_any_way_there_and_back_loses_nothing(steps: list[list[str]]) -> None:
    d, original = toy(), toy()
    for names in steps:
        relabel_dataset(names, d)
    relabel_dataset(["Mass", "Nodule"], d)
    np.testing.assert_array_equal(d.labels, original.labels)
    for i in range(4):
        assert d[i]["pathology_masks"].keys() == original[i]["pathology_masks"].keys()


def test_a_relabelled_view_leaves_the_dataset_alone() -> None:
    d = toy()
    view = d.relabel(["Hernia", "Mass"])
    assert isinstance(view, RelabelledDataset)
    assert isinstance(view, Dataset)
    assert view.relabelling == (["Mass"], ["Nodule"], ["Hernia"])
    np.testing.assert_array_equal(view.labels, [[NAN, 1], [NAN, 0], [NAN, 1], [NAN, 0]])
    assert view[2]["pathology_masks"].keys() == {1}
    assert (view.why(0, "Mass"), view.why(0, "Hernia")) == ({"Mass": 1.0}, {})
    assert d.pathologies == ["Mass", "Nodule"]
    assert repr(view) == "RelabelledDataset num_samples=4\n└ of Toy num_samples=4 views=['UNKNOWN']"


@pytest.mark.parametrize("names", ["Mass", [], ["Mass", "Mass"], ["Mass", ""], [1]])
def test_names_that_cannot_be_used(names: Any) -> None:
    for call in (lambda: relabel_dataset(names, toy()), lambda: toy().relabel(names)):
        with pytest.raises(ArgumentError, match=says("pathologies", "['Mass', 'Nodule']", repr(names))):
            call()


def test_labels_that_cannot_be_assigned_are_left_as_they_are() -> None:
    d = Stranger()
    with pytest.raises(ArgumentError) as caught:
        relabel_dataset(["Hernia"], d)
    assert "The labels of Stranger cannot be assigned (" in str(caught.value)
    assert "xrv_core.datasets.RelabelledDataset(dataset, pathologies)" in str(caught.value)
    assert d.pathologies == ["Mass", "Nodule"]
    assert RelabelledDataset(d, ["Nodule", "Mass"])[0]["pathology_masks"].keys() == {1}


# -- merging


def test_a_merge_is_one_dataset_after_the_other() -> None:
    a, b = toy("a"), toy("b", names="Nodule Mass")
    m = a.merge(b, Stranger())
    assert isinstance(m, Dataset)
    assert (len(m), m.pathologies) == (10, ["Mass", "Nodule"])
    np.testing.assert_array_equal(m.labels[:4], a.labels)
    np.testing.assert_array_equal(m.labels[4:8], b.labels[:, ::-1])
    assert m.csv.index.equals(pd.RangeIndex(10))
    assert m.csv["source_uid"].tolist() == [*[f"a:{i}" for i in range(4)], *[f"b:{i}" for i in range(4)], "s0", "s1"]
    assert m.csv["source"].tolist() == [0] * 4 + [1] * 4 + [2] * 2
    assert m.csv["source_name"].tolist() == ["a"] * 4 + ["b"] * 4 + ["Stranger"] * 2
    assert m.csv["age_years"].isna().tolist() == [False] * 8 + [True] * 2, "a stranger's missing column is NA"
    for i in range(10):
        sample = m[i]
        assert (sample["idx"], sample["source"]) == (i, m.csv["source"].iloc[i])
        np.testing.assert_array_equal(sample["lab"], m.labels[i])
    assert m[5]["pathology_masks"].keys() == {0}, "Mass is column 1 of b, and 0 of the merge"
    assert (m.why(5, "Mass"), m.why(8, "Mass")) == ({"Mass": 1.0}, {})


def test_a_merge_calls_a_view_by_the_name_of_its_dataset() -> None:
    merge = MergeDataset([toy("a").subset([0]).relabel(["Mass"]), toy("b")], pathologies=["Mass"])
    assert merge.csv["source_name"].tolist() == ["a"] + ["b"] * 4


def test_the_tree_is_that_of_the_paper() -> None:
    inner = toy("a").subset([0, 1])
    assert repr(MergeDataset([MergeDataset([inner, Stranger()]), toy("b")])) == "\n".join(
        [
            "MergeDataset num_samples=8",
            "└0 MergeDataset num_samples=4",
            "  └0 SubsetDataset num_samples=2",
            "    └ of Toy num_samples=4 views=['UNKNOWN']",
            "  └1 Stranger with two lines",
            "    the second",
            "└1 Toy num_samples=4 views=['UNKNOWN']",
        ]
    )


def test_labels_that_do_not_agree() -> None:
    a, b = toy("a"), toy("b", names="Nodule Hernia")
    words = r"incorrect pathology alignment: dataset 1 lacks \['Mass'\].*has \['Hernia'\].*pathologies=\"union\""
    with pytest.raises(ArgumentError, match=words):
        MergeDataset([a, b])
    union = MergeDataset([a, b], pathologies="union")
    assert union.pathologies == ["Mass", "Nodule", "Hernia"]
    np.testing.assert_array_equal(union.labels[2], [1, 1, NAN])
    np.testing.assert_array_equal(union.labels[6], [NAN, 1, 1])
    assert MergeDataset([a, b], pathologies="intersection").pathologies == ["Nodule"]
    assert MergeDataset([a, b], pathologies=["Hernia", "X"]).totals() == {"Hernia": {0.0: 2, 1.0: 2}, "X": {}}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([],), ("MergeDataset", "at least one dataset")),
        (([toy("a"), toy("b", names="X Y")], "intersection"),
         ("no label in common", "harmonize")),
    ],
)  # fmt: skip
def test_merges_that_cannot_be(arguments: tuple[Any, ...], words: tuple[str, ...]) -> None:
    datasets, *more = arguments
    with pytest.raises(ArgumentError, match=says(*words)):
        MergeDataset(datasets, pathologies=more[0] if more else None)
    with pytest.raises(ArgumentError, match=r"columns='some' .*'common' or 'all'"):
        MergeDataset([toy()], columns="some")


def test_columns_of_the_sources() -> None:
    a, b = toy("a"), Stranger()
    assert "uid" not in MergeDataset([a, b]).csv
    everything = MergeDataset([a, b], columns="all").csv
    assert everything["uid"].tolist()[:4] == a.csv["uid"].tolist()
    assert everything["uid"].isna().tolist() == [False] * 4 + [True] * 2


# -- filtering


def test_a_filter_gives_each_item_once() -> None:
    d = toy()
    assert FilterDataset(d, ["Mass", "Nodule"]).idxs.tolist() == [0, 1, 2]
    assert d.filter(["Mass", "Nodule"], match="all").idxs.tolist() == [2]
    assert d.filter("Mass").idxs.tolist() == [0, 2]
    assert d.filter({"Mass": 1, "Nodule": 0}, match="all").idxs.tolist() == [0]
    assert d.filter().idxs.tolist() == [0, 1, 2, 3]
    assert repr(d.filter("Mass")) == "FilterDataset num_samples=2\n└ of Toy num_samples=4 views=['UNKNOWN']"


def test_a_filter_by_the_table() -> None:
    d = toy()
    assert d.filter(query="age_years >= 10 and sex == 'F'").idxs.tolist() == [2]
    assert d.filter("Mass", lambda csv: csv["age_years"] > 0).idxs.tolist() == [2]
    assert d.filter(query="offset_day_int > 3").idxs.tolist() == [], "NA counts as no"


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({"labels": ["Mas"]}, "'Mas' is not a label .*Mass, Nodule"),
        ({"labels": []}, r"labels=\[\]"),
        ({"labels": "Mass", "match": "both"}, "match='both' .*'any' or 'all'"),
        ({"query": "age_years"}, "query='age_years' .*one boolean .*4 rows"),
        ({"query": "3"}, "query='3' .*one boolean .*4 rows"),
    ],
)
def test_filters_that_cannot_be(arguments: dict[str, Any], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        toy().filter(**arguments)


def test_a_query_that_cannot_be_evaluated() -> None:
    with pytest.raises(
        ArgumentError,
        match=says(
            "query='ages > 3'", "name 'ages' is not defined", "uid, is Mass, is Nodule, patientid, view", "source_uid"
        ),
    ):
        toy().filter(query="ages > 3")


# -- what every view does


VIEWS = {
    "subset": lambda d: d.subset([3, 1, 0]),
    "filter": lambda d: d.filter("Mass"),
    "merge": lambda d: d.merge(toy("b")),
    "relabel": lambda d: d.relabel(default_pathologies),
}


@settings(deadline=None, max_examples=50)
@given(st.lists(st.sampled_from(sorted(VIEWS)), min_size=1, max_size=4))
def test_views_nest_freely(steps: list[str]) -> None:
    d: Any = toy("a", labels=[(1, 0), (0, 1), (1, 1), (0, NAN)])
    for step in steps:
        if (step == "subset" and len(d) < 4) or (step == "merge" and d.pathologies == default_pathologies):
            continue
        d = VIEWS[step](d)
    assert d.labels.shape == (len(d), len(d.pathologies))
    assert d.csv.index.equals(pd.RangeIndex(len(d)))
    assert repr(d).count("\n") == repr(d).count("└")
    for i in range(len(d)):
        sample, uid = d[i], d.csv["source_uid"].iloc[i]
        np.testing.assert_array_equal(sample["lab"], d.labels[i])
        assert float(sample["img"][0, 0, 0]) == int(uid.split(":")[1]), "image and row belong together"
        for j, mask in sample["pathology_masks"].items():
            assert mask[0, ("Mass", "Nodule").index(d.pathologies[j])].tolist() == [1] * 4
        for j, name in enumerate(d.pathologies):
            if not np.isnan(d.labels[i, j]):
                assert d.why(i, name) == {name: d.labels[i, j]}
    again = pickle.loads(pickle.dumps(d))
    np.testing.assert_array_equal(again.labels, d.labels)


def test_every_view_has_a_transform_of_its_own() -> None:
    below = toy()
    below.transform = lambda x: x + 1
    view = below.subset([1], transform=lambda x: x * 10).merge(Stranger(), transform=lambda x: x.flip(-2))
    sample = view[0]
    assert sample["img"].unique().tolist() == [20.0], "(1 + 1) * 10"
    assert sample["pathology_masks"][1][0, 2].tolist() == [20.0] * 4, "the mask of row 1 went to row 2 of 4"
    view.transform = None
    assert view[0]["pathology_masks"][1][0, 1].tolist() == [20.0] * 4


def test_an_index_that_is_none() -> None:
    with pytest.raises(IndexOutOfRange, match=says("Index 8", "8 items")):
        toy("a").merge(toy("b"))[8]
    with pytest.raises(ArgumentError, match=says("'X'", "Mass, Nodule")):
        toy("a").merge(toy("b")).why(0, "X")


def test_a_view_serves_a_data_loader() -> None:
    merged = toy("a").merge(toy("b")).subset([0, 5, 7])
    for d in (merged,):
        d.dataset.datasets[0].pathology_masks = d.dataset.datasets[1].pathology_masks = False
    loader = torch.utils.data.DataLoader(merged, batch_size=3, num_workers=2, multiprocessing_context="fork")  # type: ignore[arg-type]
    (batch,) = list(loader)
    assert batch["source"].tolist() == [0, 1, 1]
    assert batch["img"][:, 0, 0, 0].tolist() == [0, 1, 3]
