"""A row carries its image wherever the caller's code puts it; local tables open without a network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import xrv_compat as xrv
from xrv_compat.old_datasets import OLD_DATASETS
from xrv_core.errors import ArgumentError, ImageMissing, OfflineError

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore::RuntimeWarning"),
]

ALL = {"views": ["*"], "unique_patients": False, "pathology_masks": True}
#: Classes whose masks, names of images and tables differ most.
SEVERAL = ("NIH_Dataset", "RSNA_Pneumonia_Dataset", "MIMIC_Dataset", "Openi_Dataset", "CheX_Dataset", "TBX11K_Dataset")

#: What people do to ``csv`` and ``labels``: a function of the number of rows gives the rows to keep.
CHANGES: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "filter": lambda n, rng: np.flatnonzero(rng.random(n) < 0.7),
    "shuffle": lambda n, rng: rng.permutation(n),
    "sample": lambda n, rng: rng.integers(0, max(n, 1), n),
    "twice": lambda n, rng: np.tile(np.arange(n), 2),
    "half": lambda n, rng: np.arange(n // 2),
}


def change(dataset: Any, keep: Any, reset: bool) -> None:
    dataset.csv = dataset.csv.iloc[keep].reset_index(drop=True) if reset else dataset.csv.iloc[keep]
    dataset.labels = dataset.labels[keep]


@pytest.mark.parametrize("cls", SEVERAL)
def test_rows_carry_their_images_as_theirs_do(opened: Callable[..., Any], cls: str) -> None:
    both = opened(cls, **ALL)
    before = [(dataset.csv, dataset.labels) for dataset in both]
    assert len({both.ours[i]["img"].tobytes() for i in range(len(both.ours))}) > 1, "images that can be told apart"

    @settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        names=st.lists(st.sampled_from(sorted(CHANGES)), min_size=1, max_size=3),
        seed=st.integers(0, 99),
        reset=st.booleans(),
    )
    def check(names: list[str], seed: int, reset: bool) -> None:
        for dataset, (csv, labels) in zip(both, before, strict=True):
            dataset.csv, dataset.labels = csv, labels
        rng = np.random.default_rng(seed)
        for name in names:
            keep = CHANGES[name](len(both.ours), rng)
            for dataset in both:
                change(dataset, keep, reset)
        assert len(both.ours) == len(both.theirs)
        for i in range(min(len(both.ours), 3)):
            a, b = (dataset[i] for dataset in both)
            np.testing.assert_allclose(b["img"], a["img"], atol=1e-3)
            np.testing.assert_array_equal(b["lab"], a["lab"])
            assert b["idx"] == a["idx"] == i
            assert set(b.get("pathology_masks", {})) == set(a.get("pathology_masks", {}))

    check()


@pytest.mark.parametrize("cls", sorted(OLD_DATASETS))
def test_every_class_keeps_row_and_image_together(opened: Callable[..., Any], cls: str) -> None:
    ours = opened(cls, views="*", unique_patients=False).ours
    first = {str(name): ours[i]["img"] for i, name in enumerate(ours.csv[OLD_DATASETS[cls].image])}
    change(ours, np.arange(len(ours))[::-1], reset=True)
    for i, name in enumerate(ours.csv[OLD_DATASETS[cls].image]):
        np.testing.assert_array_equal(ours[i]["img"], first[str(name)])


def test_pandas_own_ways(opened: Callable[..., Any]) -> None:
    theirs, ours = both = opened("NIH_Dataset", **ALL)
    for dataset in both:
        keep = dataset.csv.view == "PA"
        dataset.csv, dataset.labels = dataset.csv[keep], dataset.labels[keep]
        dataset.csv = pd.concat([dataset.csv, dataset.csv])
        dataset.labels = np.concatenate([dataset.labels, dataset.labels])
        dataset.csv["mine"] = range(len(dataset.csv))
        dataset.csv = dataset.csv.sort_values("mine", ascending=False)
        dataset.labels = dataset.labels[::-1]
        dataset.csv = dataset.csv[["Image Index", "mine"]]  # what is not needed is dropped
    for i in range(len(theirs)):
        np.testing.assert_array_equal(ours[i]["img"], theirs[i]["img"])
        np.testing.assert_array_equal(ours[i]["lab"], theirs[i]["lab"])
    assert ours.why(0, "Mass") == ours.registered.why(ours._row(0), "Mass")
    subset = xrv.datasets.SubsetDataset(ours, [2, 0])
    np.testing.assert_array_equal(subset[0]["img"], theirs[2]["img"])


def test_labels_and_csv_of_different_length(opened: Callable[..., Any]) -> None:
    ours = opened("NIH_Dataset", **ALL).ours
    rows = len(ours)
    ours.csv = ours.csv.iloc[:3]
    two = rf"csv has 3 rows and labels has {rows}"
    views = (
        lambda: ours[0],
        lambda: ours.why(0, "Mass"),
        lambda: xrv.datasets.SubsetDataset(ours, [0]),
        lambda: xrv.datasets.FilterDataset(ours, ["Mass"]),
        lambda: xrv.datasets.MergeDataset([ours, ours]),
        lambda: xrv.datasets.relabel_dataset(["Mass"], ours, silent=True),
        lambda: xrv.datasets.CovariateDataset(ours, np.ones(rows), ours, np.ones(rows)),
    )
    for view in views:
        with pytest.raises(ArgumentError, match=two):
            view()
    ours.labels = ours.labels[:3]
    assert ours[2]["img"].ndim == 3


def test_rows_that_name_no_image_of_the_table(opened: Callable[..., Any]) -> None:
    ours = opened("NIH_Dataset", **ALL).ours
    ours.csv = ours.csv.assign(**{"Image Index": "other.png"})
    with pytest.raises(ImageMissing, match=r"'Image Index': 'other\.png' is no image of the table .*Data_Entry"):
        ours[0]
    ours.csv = ours.csv.drop(columns="Image Index")
    with pytest.raises(ArgumentError, match=r"csv has no column 'Image Index'"):
        ours[0]


# -- tables of the caller's own


@pytest.mark.parametrize("cls", sorted(OLD_DATASETS))
def test_local_tables_open_offline(opened: Callable[..., Any], cls: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is asked for that is not needed: boxes without masks, headers without views."""
    optional = {
        "NIH_Dataset": "bbox_list_path",
        "Openi_Dataset": "dicomcsv_path",
        "CheXlocalize_Dataset": "segmentation_jsonpath",
    }
    with_all = opened(cls, views="*").ours
    given_ = {name: value for name, value in opened.arguments(cls).items() if name != optional.get(cls)}
    more = {"views": "*", "pathology_masks": False}
    given_ |= {name: value for name, value in more.items() if name in OLD_DATASETS[cls].arguments}
    monkeypatch.setenv("XRV_OFFLINE", "1")
    alone = getattr(xrv.datasets, cls)(**given_)
    np.testing.assert_array_equal(alone.labels, with_all.labels)
    assert alone[0]["img"].shape == with_all[0]["img"].shape


def test_what_is_needed_is_asked_for(opened: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    files = dict(opened.arguments("NIH_Dataset"))
    boxes = files.pop("bbox_list_path")
    ours = xrv.datasets.NIH_Dataset(**files)
    with pytest.raises(OfflineError, match="BBox_List_2017"):
        ours.pathology_masks = True
    assert not ours.pathology_masks
    assert "pathology_masks" not in ours[0]
    with pytest.raises(OfflineError, match="BBox_List_2017"):
        xrv.datasets.NIH_Dataset(**files, pathology_masks=True)
    ours = xrv.datasets.NIH_Dataset(**files, bbox_list_path=boxes, views="*")
    ours.pathology_masks = True
    assert any(ours[i]["pathology_masks"] for i in range(len(ours)))
