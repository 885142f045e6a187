"""Users filter and shuffle csv and labels by their own code: an item is its row's image, or there is an error."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from messages import says
from view_toys import toy

from xrv_core.datasets import (
    CovariateDataset,
    FilterDataset,
    MergeDataset,
    RelabelledDataset,
    SubsetDataset,
    harmonize,
    relabel_dataset,
)
from xrv_core.errors import ArgumentError

pytestmark = pytest.mark.filterwarnings("ignore:The inplace keyword")

ROWS = 8
LABELS = [(i % 2, i // 4) for i in range(ROWS)]


def plain() -> Any:
    return toy(labels=LABELS)


#: Every kind of dataset and view; image i of the toy is grey of value i.
KINDS: dict[str, Callable[[], Any]] = {
    "dataset": plain,
    "subset": lambda: SubsetDataset(plain(), range(ROWS)),
    "filter": lambda: FilterDataset(plain(), query="age_years >= 0"),
    "merge": lambda: MergeDataset([plain()]),
    "relabelled": lambda: RelabelledDataset(plain(), ["Nodule", "Hernia"]),
    "harmonized": lambda: harmonize(plain(), ["Nodule"]).datasets[0],
    "covariate": lambda: CovariateDataset(
        plain(), [0, 1] * 4, toy("other", LABELS), [0, 1] * 4, by=None, splits=(1, 0, 0)
    ),
}


def picture(d: Any, i: int) -> tuple[str, int]:
    """The row's identity, and the value of the image."""
    return str(d.csv["source_uid"].iloc[i]).rsplit(":", 1)[-1], int(d[i]["img"][0, 0, 0])


def _rows(d: Any, picked: list[int]) -> list[int]:
    return [i % len(d.csv) for i in picked]


def _assign_csv(d: Any, picked: list[int]) -> None:
    d.csv = d.csv.iloc[_rows(d, picked)].reset_index(drop=True)


def _assign_csv_old_index(d: Any, picked: list[int]) -> None:
    d.csv = d.csv.iloc[_rows(d, picked)]


def _assign_labels(d: Any, picked: list[int]) -> None:
    d.labels = d.labels[_rows(d, picked)]


def _double(d: Any, picked: list[int]) -> None:
    d.csv = pd.concat([d.csv, d.csv], ignore_index=True)
    d.labels = np.concatenate([d.labels, d.labels])


def _sort(d: Any, picked: list[int]) -> None:
    d.csv.sort_values("age_years", ascending=False, inplace=True, ignore_index=True)


def _drop(d: Any, picked: list[int]) -> None:
    d.csv.drop(index=d.csv.index[sorted(set(_rows(d, picked)))[1:]], inplace=True)


def _column(d: Any, picked: list[int]) -> None:
    d.csv["own"] = range(len(d.csv))
    d.csv = d.csv.assign(more=1)


def _sample(d: Any, picked: list[int]) -> None:
    d.csv = d.csv.sample(frac=1, random_state=len(picked))


CODE = [_assign_csv, _assign_csv_old_index, _assign_labels, _double, _sort, _drop, _column, _sample]


@settings(deadline=None, max_examples=50, phases=[Phase.explicit, Phase.generate])
@given(
    st.sampled_from(sorted(KINDS)),
    st.lists(st.tuples(st.sampled_from(CODE), st.lists(st.integers(0, ROWS - 1), min_size=1)), max_size=3),
)
def test_an_item_shows_the_image_of_its_row_or_an_error_comes(kind: str, code: list[Any]) -> None:
    d = KINDS[kind]()
    try:
        for change, picked in code:
            change(d, picked)
        seen = [picture(d, i) for i in range(len(d))]
        assert len(d) == len(d.csv) == len(d.labels)
    except ArgumentError as error:
        assert "subset" in str(error)  # noqa: PT017
        assert "filter" in str(error)  # noqa: PT017
        return
    assert all(uid == str(value) for uid, value in seen)


@pytest.mark.parametrize("kind", KINDS)
def test_rows_that_are_not_the_datasets_own(kind: str) -> None:
    d = KINDS[kind]()
    before = [picture(d, i) for i in range(len(d))]
    last = len(d) - 1
    for csv in (
        d.csv.iloc[::-1].reset_index(drop=True),
        d.csv.iloc[::-1],
        d.csv.iloc[:last],
        d.csv.drop(columns="source_uid"),
        d.csv.to_dict(),
    ):
        with pytest.raises(ArgumentError, match=says("csv", "subset", "filter")):
            d.csv = csv
    for labels in (d.labels[:last], d.labels[[0, *range(last + 1)]]):
        with pytest.raises(ArgumentError, match=says("labels", str(len(labels)), str(len(d)), "subset", "filter")):
            d.labels = labels
    assert [picture(d, i) for i in range(len(d))] == before


@pytest.mark.parametrize("kind", KINDS)
def test_more_columns_and_other_labels_are_welcome(kind: str) -> None:
    d = KINDS[kind]()
    before = [picture(d, i) for i in range(len(d))]
    d.csv = d.csv.assign(own=1.5).set_index("own", drop=False)
    assert isinstance(d.csv.index, pd.RangeIndex), "row i belongs to item i"
    d.csv["more"] = 2
    d.labels = 1 - d.labels
    d.csv = d.csv.copy()
    for same in (d, copy.deepcopy(d), pickle.loads(pickle.dumps(d))):
        assert [picture(same, i) for i in range(len(d))] == before
        np.testing.assert_array_equal(same[0]["lab"], d.labels[0])
        with pytest.raises(ArgumentError, match="subset"):
            same.csv = same.csv.iloc[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_a_table_that_was_changed_in_place(kind: str) -> None:
    d = KINDS[kind]()
    d.csv.sort_values("source_uid", ascending=False, inplace=True, ignore_index=True)
    with pytest.raises(ArgumentError, match=says("csv", "source_uid", "subset")):
        d[0]
    with pytest.raises(ArgumentError, match="subset"):
        d.subset([0])
    d = KINDS[kind]()
    whole = d.csv.copy()
    d.csv.drop(index=0, inplace=True)
    for use in (
        len,
        repr,
        lambda it: it[0],
        lambda it: it.filter(query="age_years > 0"),
        lambda it: MergeDataset([it]),
    ):
        with pytest.raises(ArgumentError, match=says("csv", str(len(d.csv)), str(len(d.labels)), "subset")):
            use(d)
    if kind not in ("relabelled", "harmonized"):  # these share the csv of the dataset below
        d.csv = whole
        assert d[0]["idx"] == 0
    d = KINDS[kind]()
    d.csv.loc[1, "source_uid"] = d.csv["source_uid"][2]
    d[0]
    with pytest.raises(ArgumentError, match=says("Row 1", "source_uid")):
        d[1]
    del d.csv["source_uid"]
    with pytest.raises(ArgumentError, match="source_uid"):
        d[0]


@pytest.mark.parametrize("kind", KINDS)
def test_images_may_get_other_names(kind: str) -> None:
    d = KINDS[kind]()
    d.csv["source_uid"] = [f"mine:{uid}" for uid in d.csv["source_uid"]]
    before = [picture(d, i) for i in range(len(d))]
    d.csv = d.csv.assign(own=1)
    assert [picture(d, i) for i in range(len(d))] == before
    assert picture(d.subset([2]), 0) == before[2]
    with pytest.raises(ArgumentError, match="subset"):
        d.csv = d.csv.iloc[::-1]


@pytest.mark.parametrize("kind", KINDS)
def test_pathologies_of_another_number_than_the_columns(kind: str) -> None:
    d = KINDS[kind]()
    d.pathologies = [*d.pathologies, "One more"]
    for use in (lambda: d[0], d.totals, lambda: d.subset([0])):
        with pytest.raises(ArgumentError, match=says("labels", "pathologies", "relabel")):
            use()
    d.labels = np.zeros((len(d), len(d.pathologies)), dtype=np.float32)
    assert d[0]["lab"].shape == (len(d.pathologies),)


def test_relabelling_in_place_is_still_possible() -> None:
    d = plain()
    relabel_dataset(["Nodule", "Hernia"], d)
    relabel_dataset(["Mass"], d)
    assert [picture(d, i) for i in range(ROWS)] == [(str(i), i) for i in range(ROWS)]
