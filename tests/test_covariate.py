"""The covariate shift: proportions, sizes, and that nobody is on two sides."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from view_toys import spec, table, toy

import xrv_core
from xrv_core import Dataset
from xrv_core.datasets import CovariateDataset, XrayDataset
from xrv_core.datasets.wrappers.covariate import cell_counts
from xrv_core.errors import ArgumentError

MODES = ("train", "valid", "test")


class Site(XrayDataset):
    """Item i is a 2 x 2 image of value i."""

    def pixels(self, row: int) -> np.ndarray:
        return np.full((1, 2, 2), row, dtype=np.float32)


def site(name: str, target: list[float], patients: list[str | None] | None = None) -> Site:
    if len(target) % 2:
        target = [*target, float("nan")]
        patients = None if patients is None else [*patients, None]
    csv = table(name, patients or [f"p{i}" for i in range(len(target))])
    return Site(spec(name, ("Mass",)), csv, np.array(target, dtype=np.float32)[:, None])


def shift(d1: Site, d2: Site, **options: Any) -> dict[str, CovariateDataset]:
    return {mode: CovariateDataset(d1, d1.labels[:, 0], d2, d2.labels[:, 0], mode=mode, **options) for mode in MODES}


def shares(d: CovariateDataset) -> tuple[float, float, float]:
    """Share of positives, and shares of positives and of negatives that come from site 1."""
    positive = d.labels[:, 0] == 1
    return float(positive.mean()), float(d.site[positive].mean()), float(d.site[~positive].mean())


@pytest.mark.parametrize("ratio", [0, 0.25, 0.5, 0.75, 1])
def test_the_semantics_of_the_paper(ratio: float) -> None:
    d1, d2 = site("a", [0, 1] * 40), site("b", [0, 1] * 60)
    made = shift(d1, d2, ratio=ratio)
    assert [len(made[mode]) for mode in MODES] == [80, 40, 40], "whatever the ratio"
    assert shares(made["train"]) == (0.5, ratio, 1 - ratio)
    for mode in ("valid", "test"):
        assert shares(made[mode]) == (0.5, 1 - ratio, ratio)


def test_an_item_tells_its_site_and_its_former_labels() -> None:
    d1, d2 = site("a", [0, 1] * 8), site("b", [1, 0] * 8)
    d = CovariateDataset(d1, d1.labels[:, 0], d2, d2.labels[:, 0], target="Mass")
    assert isinstance(d, Dataset)
    assert d.pathologies == ["Mass"]
    for i in range(len(d)):
        sample, below = d[i], (d1, d2)[d.site[i]]
        row = int(d.csv["source_uid"].iloc[i].split(":")[1])
        assert (float(sample["img"][0, 0, 0]), sample["site"]) == (row, d.site[i])
        assert sample["lab-old"].tolist() == below.labels[row].tolist()  # type: ignore[typeddict-item]
        assert sample["lab"].tolist() == d.labels[i].tolist() == [d.csv["label"].iloc[i]]
        assert "source" not in sample
    assert repr(d) == (
        "CovariateDataset num_samples=16\n└0 Site num_samples=16 views=['UNKNOWN']\n"
        "└1 Site num_samples=16 views=['UNKNOWN']"
    )


PATIENTS = st.lists(st.tuples(st.integers(0, 12), st.sampled_from([0.0, 1.0])), min_size=30, max_size=90)
SPLITS = st.tuples(st.integers(1, 9), st.integers(1, 9), st.integers(1, 9)).map(
    lambda parts: [p / sum(parts) for p in parts]
)


@settings(deadline=None, max_examples=20)
@given(PATIENTS, PATIENTS, st.floats(0, 1), SPLITS, st.integers(0, 3), st.booleans())
def test_no_patient_is_on_two_sides_and_sizes_do_not_depend_on_the_ratio(
    one: list[tuple[int, float]], two: list[tuple[int, float]], ratio: float, splits: list[float], seed: int, same: bool
) -> None:
    d1, d2 = (
        site(name, [t for _, t in rows], [f"p{p}" for p, _ in rows])
        for name, rows in (("a", one), ("a" if same else "b", two))
    )
    try:
        made, other = shift(d1, d2, ratio=ratio, splits=splits, seed=seed), shift(d1, d2, splits=splits, seed=seed)
    except ArgumentError:
        assume(False)
    seen: dict[str, str] = {}
    for mode, d in made.items():
        assert len(d) == len(other[mode])
        positives, of_positives, of_negatives = shares(d)
        assert positives == 0.5
        aimed = ratio if mode == "train" else 1 - ratio
        assert abs(of_positives - aimed) <= 1.5 / (len(d) / 2), "the share is as near as whole items allow"
        assert of_positives == pytest.approx(1 - of_negatives)
        rows = list(zip(d.site, d.csv["source_uid"], strict=True))
        assert len(set(rows)) == len(rows), "each item once"
        for uid, patient in zip(d.csv["source_uid"], d.csv["patientid"], strict=True):
            assert seen.setdefault(f"{uid.split(':')[0]}:{patient}", mode) == mode


def test_another_seed_is_another_selection_and_one_seed_always_the_same() -> None:
    d1, d2 = site("a", [0, 1] * 40), site("b", [0, 1] * 40)
    uids = [shift(d1, d2, seed=seed)["train"].csv["source_uid"].tolist() for seed in (0, 0, 1)]
    assert uids[0] == uids[1] != uids[2]


def test_nsamples_keeps_the_proportions() -> None:
    d = shift(site("a", [0, 1] * 40), site("b", [0, 1] * 40), ratio=0.75, nsamples=40)["train"]
    assert (len(d), shares(d)) == (40, (0.5, 0.75, 0.25))


def test_items_without_a_target_are_left_out() -> None:
    nan = float("nan")
    d1, d2 = site("a", [0, 1, nan, nan] * 8), site("b", [0, 1] * 8)
    assert sum(len(d) for d in shift(d1, d2).values()) == 32
    assert all(
        d.csv.loc[d.site == 0, "source_uid"].str[2:].astype(int).mod(4).max() == 1 for d in shift(d1, d2).values()
    )


def test_splits_are_tolerant_of_rounding() -> None:
    d1, d2 = site("a", [0, 1] * 70), site("b", [0, 1] * 70)
    assert [len(d) for d in shift(d1, d2, splits=[0.7, 0.2, 0.1]).values()] == [140, 40, 20]


def test_patients_of_images_without_a_collection_stay_together() -> None:
    patients = [f"p{i // 4}" for i in range(80)]
    d1, d2 = site("a", [0, 1] * 40, patients), site("b", [0, 1] * 40, patients)
    for d in (d1, d2):
        d.csv["source_uid"] = d.csv["source_uid"].str.replace(":", "-")
    made = shift(d1, d2)
    sides = [set(d.csv["patientid"]) for d in made.values()]
    assert sum(map(len, sides)) == len(set.union(*sides))


def test_by_image_uses_every_image() -> None:
    patients = ["p1"] * 4 + ["p2"] * 4 + ["p3"] * 4 + ["p4"] * 4
    d1, d2 = site("a", [0, 1] * 8, patients), site("b", [0, 1] * 8, patients)
    assert [len(d) for d in shift(d1, d2, by=None).values()] == [16, 8, 8]


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"mode": "testing"}, "mode='testing'.*train, valid, test"),
        ({"ratio": 1.5}, "ratio=1.5 .*from 0 to 1"),
        ({"ratio": float("nan")}, "ratio=nan .*from 0 to 1"),
        ({"d1_target": [0, 1]}, "d1_target has 2 values for the 8 items of d1"),
        ({"d2_target": [0, 1, 2, 3, 0, 1, 0, 1]}, r"d2_target must be 1, 0 or NaN.*item 2 has 2 \(2 "),
        ({"splits": [0.5, 0.5]}, r"splits must be three .*sum to 1; got \[0.5, 0.5\]"),
        ({"splits": [0.5, 0.6, -0.1]}, r"splits must be three .*sum to 1; got \[0.5, 0.6, -0.1\]"),
        ({"nsamples": 7}, "nsamples=7 .*even number from 2 to 8.*'train'"),
        ({"nsamples": 10}, "nsamples=10 .*even number from 2 to 8.*'train'"),
        ({"by": "patient"}, "by='patient' is not a column.*patientid"),
        ({"d1_target": [0] * 8}, "oo few items for mode 'train': d1 negative 8, d1 positive 0, d2 negative 4, d2 pos"),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be_used(options: dict[str, Any], text: str) -> None:
    d1, d2 = site("a", [0, 1] * 4), site("b", [0, 1] * 4)
    arguments = {"d1_target": d1.labels[:, 0], "d2_target": d2.labels[:, 0], **options}
    with pytest.raises(ArgumentError, match=text):
        CovariateDataset(d1=d1, d2=d2, **arguments)


def test_masks_of_the_target_are_passed_on() -> None:
    labels = [(1, 0), (0, 1)] * 4
    d1, d2 = toy("a", labels=labels), toy("b", labels=labels)
    d1.csv["patientid"] = d2.csv["patientid"] = pd.Series([f"p{i}" for i in range(8)], dtype="str")
    d = CovariateDataset(d1, d1.labels[:, 1], d2, d2.labels[:, 1], target="Nodule")
    assert {len(d[i]["pathology_masks"]) for i in np.flatnonzero(d.labels[:, 0] == 1)} == {1}
    assert {len(d[i]["pathology_masks"]) for i in np.flatnonzero(d.labels[:, 0] == 0)} == {0}


@pytest.mark.parity
@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.75, 1.0])
@pytest.mark.parametrize("sizes", [(40, 40, 40, 40), (100, 60, 80, 48)])
def test_counts_are_those_of_torchxrayvision(ratio: float, sizes: tuple[int, ...]) -> None:
    """One image a patient, the default splits, and sizes that need no rounding."""
    datasets = pytest.importorskip("torchxrayvision.datasets")
    state = np.random.get_state()
    a0, a1, b0, b1 = sizes
    d1, d2 = site("a", [0] * a0 + [1] * a1), site("b", [0] * b0 + [1] * b1)
    for mode, ours in shift(d1, d2, ratio=ratio).items():
        theirs = datasets.CovariateDataset(d1, d1.labels[:, 0], d2, d2.labels[:, 0], ratio=ratio, mode=mode)
        for s in (0, 1):
            for label in (0, 1):
                expected = int(((theirs.site == s) & (theirs.labels[:, 0] == label)).sum())
                assert int(((ours.site == s) & (ours.labels[:, 0] == label)).sum()) == expected
                assert ours.counts[mode][s, label] == expected
        assert set(theirs[0]) | {"csv"} >= {"site", "lab-old", "lab", "img"}
    np.random.set_state(state)


def test_it_opens_on_miniatures(tmp_path: Any) -> None:
    d = xrv_core.get_dataset("phantom", n=120, split="train")
    pa, ap = d.filter(query="view == 'PA'"), d.filter(query="view == 'AP'")
    column = d.pathologies.index("Effusion")
    made = CovariateDataset(pa, pa.labels[:, column], ap, ap.labels[:, column], ratio=0.75, nsamples=4)
    assert made[0]["img"].shape[0] == 1


CELL_SIZES = st.lists(st.integers(1, 200), min_size=4, max_size=4)


@settings(max_examples=500)
@given(CELL_SIZES, st.integers(1, 5), st.floats(0, 1), SPLITS)
def test_no_cell_is_ever_asked_for_more_than_it_holds(
    sizes: list[int], group: int, ratio: float, splits: list[float]
) -> None:
    largest = [min(group, size) for size in sizes]
    counts = cell_counts(sizes, largest, ratio, splits)
    assert all(number >= 0 for mode in counts.values() for number in mode.values())
    for i, (size, most) in enumerate(zip(sizes, largest, strict=True)):
        asked = sum(mode[i // 2, i % 2] for mode in counts.values())
        assert asked <= max(size - 2 * (most - 1), 0)
    for mode, balanced in zip(counts.values(), cell_counts(sizes, largest, 0.5, splits).values(), strict=True):
        assert sum(mode.values()) == sum(balanced.values())
        assert mode[0, 0] + mode[1, 0] == mode[0, 1] + mode[1, 1]
