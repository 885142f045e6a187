"""Official splits, and how alike the parts of a split are."""

from __future__ import annotations

import pandas as pd
import pytest
from messages import says
from view_toys import toy

from xrv_core.datasets import MergeDataset, official_split, split, split_report
from xrv_core.errors import ArgumentError


def test_the_split_that_the_source_tells() -> None:
    d = toy()
    d.csv["split"] = pd.Series(["train", "test", None, "train"], dtype="str")
    parts = official_split(d)
    assert {name: part.idxs.tolist() for name, part in parts.items()} == {"train": [0, 3], "test": [1]}


def test_a_merge_keeps_it() -> None:
    a, b = toy("a"), toy("b")
    a.csv["split"], b.csv["split"] = "train", "valid"
    merged = MergeDataset([a, b, toy("c")])
    assert {name: len(part) for name, part in official_split(merged).items()} == {"train": 4, "valid": 4}


def test_no_split_is_told() -> None:
    for d in (toy(), toy()):
        with pytest.raises(ArgumentError, match=r"no official split \(column 'split'\).*split\(dataset, "):
            official_split(d)
        d.csv["split"] = None


def test_a_word_is_a_salt() -> None:
    d = toy("a", [(0, 0)] * 60)
    sides = [
        split(d, {"train": 0.5, "test": 0.5}, seed=seed)["test"].idxs.tolist() for seed in ("trial A", "trial A", 0)
    ]
    assert sides[0] == sides[1] != sides[2]


def test_the_report_compares_labels_views_sex_and_age() -> None:
    d = toy("a", [(1, 0), (0, 1), (1, 1), (float("nan"), 0)])
    report = split_report({"train": d.subset([0, 1]), "test": d.subset([2, 3])}).set_index(["what", "part"])
    assert report.loc[("Mass", "train")].tolist() == [2, 1, 1, 0.5, pytest.approx(0.5 - 2 / 3)]
    assert report.loc[("Mass", "test")].tolist() == [1, 1, 1, 1.0, pytest.approx(1 - 2 / 3)]
    assert report.loc[("sex F", "test")].tolist() == [2, 1, 1, 0.5, 0.0]
    assert report.loc[("view UNKNOWN", "test"), "mean"] == 1
    assert report.loc[("age_years", "train"), "mean"] == 5
    assert report.loc[("age_years", "train"), "difference"] == -10
    assert pd.isna(report.loc[("age_years", "train"), "positive"])


def test_a_report_of_nothing() -> None:
    with pytest.raises(ArgumentError, match=says("split_report", "at least one part")):
        split_report({})
