"""The base of every dataset: rows, filters, items and masks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

from xrv_core import Dataset, DatasetSpec
from xrv_core.datasets import XrayDataset, common_columns
from xrv_core.errors import ArgumentError, IndexOutOfRange

SPEC = DatasetSpec(
    name="toy",
    title="A toy",
    factory="toy:Toy",
    licence="CC0",
    citation="none",
    homepage="https://example.org",
    obtain="Draw it.",
    pathologies=("Mass", "Nodule"),
)


class Toy(XrayDataset):
    gives_pathology_masks = True
    gives_semantic_masks = True

    def pixels(self, row: int) -> np.ndarray:
        return np.full((1, 3, 4), float(self.csv["shade"].iloc[row]), dtype=np.float32)

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        return {name: np.ones((1, *shape), np.float32) for name in ("Nodule", "of no label here")}

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        return {"Lungs": np.zeros((1, *shape), np.float32)}


def toy(**options: Any) -> Toy:
    table = pd.DataFrame({"shade": range(7)})
    csv = common_columns(
        table,
        {
            "patientid": ["b", "a", "b", None, "a", None, "b"],
            "view": ["PA", "PA", "AP", "L", None, "PA", "PA"],
            "offset_day_int": [5, 2, 1, 0, None, None, 1],
            "source_uid": [f"toy:{c}" for c in "zyxwvut"],
        },
    )
    labels = np.array([[0, 1], [1, np.nan], [1, 0], [0, 0], [0, 0], [1, 1], [0, 1]], dtype=np.float32)
    return Toy(SPEC, csv, labels, **options)


def shades(dataset: XrayDataset) -> list[int]:
    return dataset.csv["shade"].tolist()


def test_it_is_a_dataset() -> None:
    d = toy()
    assert isinstance(d, Dataset)
    assert (len(d), d.pathologies, d.views) == (7, ["Mass", "Nodule"], ["AP", "L", "PA", "UNKNOWN"])
    assert d.csv.index.equals(pd.RangeIndex(7))
    assert d.labels.dtype == np.float32


def test_totals_do_not_count_unknown_labels() -> None:
    assert toy().totals() == {"Mass": {0.0: 4, 1.0: 3}, "Nodule": {0.0: 3, 1.0: 3}}


def test_it_prints_its_size_and_totals() -> None:
    d = toy()
    assert repr(d) == "Toy num_samples=7 views=['AP', 'L', 'PA', 'UNKNOWN']"
    assert str(d) == repr(d) + "\n{'Mass': {0.0: 4, 1.0: 3}, 'Nodule': {0.0: 3, 1.0: 3}}"


@pytest.mark.parametrize(
    ("views", "kept"),
    [
        (None, [0, 1, 2, 3, 4, 5, 6]),
        ("*", [0, 1, 2, 3, 4, 5, 6]),
        (["PA", "*"], [0, 1, 2, 3, 4, 5, 6]),
        ("AP", [2]),
        (["PA", "AP", "of no image here"], [0, 1, 2, 5, 6]),
        (("UNKNOWN",), [4]),
    ],
)
def test_views_keep_rows_and_labels_together(views: Any, kept: list[int]) -> None:
    d = toy(views=views)
    assert shades(d) == kept
    np.testing.assert_array_equal(d.labels, toy().labels[kept])
    assert d.csv.index.equals(pd.RangeIndex(len(kept)))


@pytest.mark.parametrize("views", [["pa"], []])
def test_views_that_leave_nothing_are_an_error(views: list[str]) -> None:
    with pytest.raises(ArgumentError, match=says(f"views={views}", "'toy'", "AP (1), L (1), PA (4), UNKNOWN (1)")):
        toy(views=views)


def test_unique_patients_keeps_the_earliest_real_row_of_everybody_and_all_rows_of_nobody() -> None:
    d = toy(unique_patients=True)
    # b: two images on day 1, of which 6 has the lower image id; a: a known day comes before an unknown one
    assert shades(d) == [1, 3, 5, 6]
    np.testing.assert_array_equal(d.labels, toy().labels[[1, 3, 5, 6]])


def test_order_decides_where_days_do_not() -> None:
    order = pd.Series([0, 9, 3, 0, 1, 0, 4])
    assert shades(toy(unique_patients=True, order=order)) == [1, 2, 3, 5]


def test_views_are_chosen_before_patients() -> None:
    assert shades(toy(unique_patients=True, views=["PA"])) == [1, 5, 6]


def test_unique_patients_needs_patients() -> None:
    with pytest.raises(ArgumentError, match=says("'toy'", "patients", "leave unique_patients out")):
        toy(views=["L"], unique_patients=True)


def test_an_item_has_exactly_what_was_asked_for() -> None:
    sample = toy()[2]
    assert set(sample) == {"idx", "img", "lab"}
    assert sample["idx"] == 2
    assert torch.equal(sample["img"], torch.full((1, 3, 4), 2.0))
    np.testing.assert_array_equal(sample["lab"], np.float32([1, 0]))
    both = toy(pathology_masks=True, semantic_masks=True)[np.int64(2)]
    assert set(both) == {"idx", "img", "lab", "pathology_masks", "semantic_masks"}
    assert list(both["pathology_masks"]) == [1]
    assert torch.equal(both["semantic_masks"]["Lungs"], torch.zeros(1, 3, 4))


def test_writing_into_an_item_does_not_change_the_dataset() -> None:
    d = toy()
    d[2]["lab"][:] = 7
    np.testing.assert_array_equal(d[2]["lab"], np.float32([1, 0]))


def test_the_transform_gets_image_and_masks() -> None:
    sample = toy(pathology_masks=True, transform=lambda x: x[:, :2, :2])[0]
    assert sample["img"].shape == sample["pathology_masks"][1].shape == (1, 2, 2)


@pytest.mark.parametrize(
    ("idx", "error", "words"),
    [
        (-8, IndexOutOfRange, ("Index -8", "7 items")),
        (7, IndexOutOfRange, ("Index 7", "7 items")),
        (1.5, ArgumentError, ("integer", "float 1.5", ".subset([...])")),
        ("0", ArgumentError, ("integer", "str '0'", ".subset([...])")),
        (
            [0, 1],
            ArgumentError,
            ("integer", "list [0, 1]", ".subset([...])"),
        ),
    ],
)
def test_an_index_that_is_none_says_why(idx: Any, error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error, match=says(*words)):
        toy()[idx]


def test_it_can_be_walked_through() -> None:
    assert [s["idx"] for s in toy()] == list(range(7))


@pytest.mark.parametrize("kind", ["pathology_masks", "semantic_masks"])
def test_masks_that_no_image_has_cannot_be_asked_for(kind: str) -> None:
    with pytest.raises(ArgumentError, match=says("'toy'", f"no {kind.replace('_', ' ')}", f"leave {kind} out")):
        XrayDataset(SPEC, toy().csv, toy().labels, **{kind: True})


def test_a_subclass_must_say_where_pixels_come_from() -> None:
    d = XrayDataset(SPEC, toy().csv, toy().labels)
    with pytest.raises(TypeError, match=says("XrayDataset", "define pixels(row)")):
        d[0]
