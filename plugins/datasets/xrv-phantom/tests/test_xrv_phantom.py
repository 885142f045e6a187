"""The phantom dataset: contract, populations, arguments."""

from __future__ import annotations

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from torch.utils.data import DataLoader

import xrv_core as xrv
from xrv_core.errors import ArgumentError
from xrv_phantom import dataset as module
from xrv_phantom.dataset import PhantomDataset
from xrv_phantom.findings import DRAWERS, PATHOLOGIES
from xrv_phantom.plugin import PHANTOM, xrv_datasets
from xrv_phantom.population import PREVALENCE, SITES


def phantom(**options: Any) -> PhantomDataset:
    d = xrv.get_dataset("phantom", **{"n": 20, "size": 64, **options})
    assert isinstance(d, PhantomDataset)
    return d


# -- the contract


def test_the_hook_offers_it_and_lists_agree() -> None:
    assert xrv_datasets() == [PHANTOM]
    assert "phantom" in xrv.list_datasets()
    assert PHANTOM.synthetic
    assert list(PHANTOM.pathologies) == sorted(PHANTOM.pathologies) == list(PATHOLOGIES) == list(PREVALENCE)
    assert set(DRAWERS) == set(PATHOLOGIES)


def test_it_keeps_the_dataset_contract() -> None:
    d = phantom(n=30, pathology_masks=True, semantic_masks=True)
    assert isinstance(d, xrv.Dataset)
    assert len(d) == len(d.csv) == len(d.labels) == 30
    assert d.labels.dtype == np.float32
    assert set(np.unique(d.labels)) == {0.0, 1.0}
    assert d.views == ["AP", "L", "PA"]
    assert not d.csv.isna().any(axis=None), "a phantom knows everything about itself"
    sample = d[3]
    assert sample["img"].dtype == torch.float32
    assert sample["img"].shape == (1, 64, 64)
    assert sorted(sample["semantic_masks"]) == ["Heart", "Left Lung", "Lungs", "Right Lung"]
    assert sorted(sample["pathology_masks"]) == np.flatnonzero(sample["lab"]).tolist()


def test_the_table_tells_who_when_and_where() -> None:
    d = phantom(n=400, split="valid", seed=3)
    row = d.csv.iloc[0]
    assert (row["patientid"], row["source_uid"]) == ("3-valid-0", "phantom:3-valid-0")
    assert d.csv["source_uid"].is_unique
    assert d.csv["age_years"].between(18, 95).all()
    assert set(d.csv["sex"]) == {"F", "M"}
    assert set(d.csv["site"]) == set(SITES)
    assert (d.csv["has_masks"].to_numpy() == d.labels.any(axis=1)).all()
    assert (d.csv.groupby("patientid")[["site", "sex"]].nunique() == 1).all(axis=None)
    ages = d.csv["age_years"] - d.csv["offset_day_int"].astype(float) / 365.25
    assert (ages.groupby(d.csv["patientid"]).agg(np.ptp) < 0.2).all()
    assert d.csv.groupby("patientid")["offset_day_int"].min().eq(0).all()


def test_views_of_one_visit_share_their_labels() -> None:
    d = phantom(n=600)
    for _, rows in d.csv.groupby(["patientid", "visit"]):
        assert len(np.unique(d.labels[rows.index], axis=0)) == 1
        assert rows["offset_day_int"].nunique() == 1
        assert sorted(rows["view"]) in (["PA"], ["AP"], ["L", "PA"], ["L"])  # "L": cut off by n
    chronic = d.pathologies.index("Cardiomegaly")
    per_patient = [d.labels[rows.index, chronic] for _, rows in d.csv.groupby("patientid") if len(rows) > 1]
    assert np.mean([len(set(values)) == 1 for values in per_patient]) > 0.9


def test_filters_keep_the_picture_of_a_row() -> None:
    d = phantom(n=60)
    some = phantom(n=60, views=["L"], unique_patients=True)
    assert 0 < len(some) < len(d)
    assert set(some.csv["view"]) == {"L"}
    assert some.csv["patientid"].is_unique
    for row in (0, len(some) - 1):
        twin = d.csv.index[d.csv["source_uid"] == some.csv["source_uid"].iloc[row]][0]
        assert torch.equal(some[row]["img"], d[int(twin)]["img"])
        assert (some.labels[row] == d.labels[twin]).all()


def test_the_miniature_opens(tmp_path: Path) -> None:
    d = xrv.get_dataset("phantom", **xrv.miniature("phantom", tmp_path))
    assert len(d) == 12
    assert d[0]["img"].shape == (1, 96, 96)


def test_ten_thousand_rows_draw_no_image(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "draw", lambda *_: pytest.fail("an image was drawn"))
    assert len(phantom(n=10_000)) == 10_000


# -- one seed, one population


_DIGEST = """
import hashlib, numpy as np, xrv_core
np.random.seed({noise})
d = xrv_core.get_dataset("phantom", n=9, size=80, seed=5)
images = {{i: d[i]["img"].numpy().tobytes() for i in {order}}}
print(hashlib.sha256(b"".join(images[i] for i in sorted(images)) + d.labels.tobytes()).hexdigest())
"""


def test_same_bytes_in_every_process_order_and_global_state() -> None:
    digests = {
        subprocess.run(
            [sys.executable, "-c", _DIGEST.format(noise=noise, order=order)], capture_output=True, text=True, check=True
        ).stdout
        for noise, order in ((0, [0, 3, 8]), (1, [8, 0, 3]))
    }
    assert len(digests) == 1
    assert len(digests.pop().strip()) == 64


def test_global_random_state_is_left_alone() -> None:
    np.random.seed(1)
    torch.manual_seed(1)
    before = (np.random.get_state()[1].copy(), torch.get_rng_state())
    phantom()[0]
    assert (np.random.get_state()[1] == before[0]).all()
    assert torch.equal(torch.get_rng_state(), before[1])


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), n=st.integers(1, 60), more=st.integers(1, 4000))
def test_a_longer_dataset_begins_with_the_shorter_one(seed: int, n: int, more: int) -> None:
    short, long = phantom(seed=seed, n=n), phantom(seed=seed, n=n + more)
    assert (short.labels == long.labels[:n]).all()
    assert short.csv.equals(long.csv.iloc[:n])
    assert torch.equal(short[n - 1]["img"], long[n - 1]["img"])


def test_splits_share_neither_patients_nor_pictures() -> None:
    parts = [phantom(split=split, n=300) for split in ("train", "valid", "test", None)]
    for column in ("patientid", "source_uid"):
        values = [value for part in parts for value in part.csv[column].unique()]
        assert len(values) == len(set(values))
    pictures = {part[0]["img"].numpy().tobytes() for part in parts} | {phantom(seed=1)[0]["img"].numpy().tobytes()}
    assert len(pictures) == 5
    assert len({part.labels.tobytes() for part in parts}) == 4


def test_workers_and_pickles_give_the_same_items() -> None:
    d = phantom(n=8)
    one = torch.cat([batch["img"] for batch in DataLoader(d, batch_size=4)])
    two = torch.cat([batch["img"] for batch in DataLoader(d, batch_size=4, num_workers=2)])
    assert torch.equal(one, two)
    assert torch.equal(pickle.loads(pickle.dumps(d))[5]["img"], one[5])


def test_masks_follow_the_transform() -> None:
    flip = phantom(semantic_masks=True, transform=xrv_flip())[0]
    plain = phantom(semantic_masks=True)[0]
    assert torch.equal(flip["img"], plain["img"].flip(-1))
    assert torch.equal(flip["semantic_masks"]["Heart"], plain["semantic_masks"]["Heart"].flip(-1))


def xrv_flip() -> Any:
    from torchvision.transforms import v2

    return v2.RandomHorizontalFlip(1.0)


# -- who has what


def test_prevalence_is_what_was_asked_for() -> None:
    d = phantom(n=20_000)
    assert np.allclose(d.labels.mean(axis=0), list(PREVALENCE.values()), atol=0.015)
    assert 0.3 < (d.labels.sum(axis=1) == 0).mean() < 0.5, "many are healthy"
    together = np.corrcoef(d.labels.T)
    names = d.pathologies.index
    assert together[names("Effusion"), names("Atelectasis")] > 0.15
    half = phantom(n=20_000, prevalence={"Mass": 0.5})
    assert half.labels[:, names("Mass")].mean() == pytest.approx(0.5, abs=0.02)
    rest = [i for i, name in enumerate(d.pathologies) if name != "Mass"]
    assert (half.labels[:, rest] == d.labels[:, rest]).all(), "the others stay as they were"


def test_all_none_and_some() -> None:
    assert phantom(prevalence=0).labels.sum() == 0
    assert phantom(prevalence=1).labels.all()
    some = phantom(n=300, pathologies=["Nodule", "Effusion"], pathology_masks=True)
    assert some.pathologies == ["Effusion", "Nodule"]
    full = phantom(n=300)
    columns = [full.pathologies.index(name) for name in some.pathologies]
    assert (some.labels == full.labels[:, columns]).all()
    row = int(np.flatnonzero(some.labels[:, 1])[0])
    assert 1 in some[row]["pathology_masks"]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"n": 0}, ("n=0", "1 or more")),
        ({"n": 2.5}, ("n=2.5", "whole number")),
        ({"n": True}, ("n=True", "whole number")),
        ({"seed": -1}, ("seed=-1", "0 to 4294967295")),
        ({"size": 63}, ("size=63", "64 to 2048")),
        ({"size": 4096}, ("size=4096", "64 to 2048")),
        ({"split": "dev"}, ("split='dev'", "'phantom'", "train, valid, test, None")),
        ({"sites": ["D"]}, ("sites=['D']", "'D'", "A, B, C")),
        ({"sites": []}, ("sites=[]", "empty", "A, B, C")),
        (
            {"pathologies": ["Hernia"]},
            ("pathologies=['Hernia']", "'Hernia'", "Atelectasis, Cardiomegaly", "Pneumothorax"),
        ),
        ({"prevalence": 1.5}, ("prevalence", "'Atelectasis'", "1.5", "0 to 1")),
        ({"prevalence": {"Mass": "much"}}, ("prevalence", "'Mass'", "'much'", "0 to 1")),
        ({"prevalence": float("nan")}, ("prevalence", "'Atelectasis'", "nan", "0 to 1")),
        (
            {"pathologies": ["Mass"], "prevalence": {"Nodule": 0.5}},
            ("prevalence", "'Nodule'", "not drawn", "Mass"),
        ),
        ({"on_error": "ignore"}, ("on_error='ignore'", "raise, skip, defer")),
        ({"imgpath": "images"}, ("'phantom'", "no files", "leave imgpath out")),
        ({"csvpath": "a.csv"}, ("'phantom'", "no files", "leave csvpath out")),
    ],
)
def test_bad_arguments_say_what_would_do(options: dict[str, Any], words: tuple[str, ...]) -> None:
    with pytest.raises(ArgumentError, match=says(*words)):
        phantom(**options)
