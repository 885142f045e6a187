"""Batches of samples: ours, and what torch's own collate makes of ours."""

from __future__ import annotations

import functools
import pickle
from typing import Any

import numpy as np
import pytest
import torch
from messages import says
from torch.utils.data import DataLoader, default_collate
from torchvision import tv_tensors
from torchvision.transforms import v2
from view_toys import Stranger, toy

import xrv_core
from xrv_core.datasets import XRayResizer, collate
from xrv_core.errors import ArgumentError

NAN = float("nan")


@pytest.mark.parametrize("workers", [0, 2])
def test_masks_are_a_list_of_dicts(workers: int) -> None:
    d = toy()
    (batch,) = DataLoader(d.relabel(["Nodule", "Mass"]), batch_size=4, num_workers=workers, collate_fn=collate)
    assert (batch["img"].shape, batch["img"].dtype) == ((4, 1, 4, 4), torch.float32)
    assert batch["idx"].tolist() == [0, 1, 2, 3]
    np.testing.assert_array_equal(batch["lab"], d.labels[:, ::-1])
    assert [sorted(masks) for masks in batch["pathology_masks"]] == [[1], [0], [0, 1], []]
    assert batch["pathology_masks"][2][0].equal(d[2]["pathology_masks"][1])


@pytest.mark.parametrize("workers", [0, 2])
def test_dense_masks_tell_none_from_unknown(workers: int) -> None:
    d = toy()
    d.labels[3] = [1, NAN]  # nobody drew these
    dense = functools.partial(collate, dense_masks=True)
    (batch,) = DataLoader(d, batch_size=4, num_workers=workers, collate_fn=dense)
    masks = batch["pathology_masks"]
    assert (masks.shape, masks.dtype) == ((4, 2, 4, 4), torch.float32)
    assert masks[2, 1].equal(d[2]["pathology_masks"][1][0])
    assert masks[0, 1].eq(0).all()
    assert masks[3].isnan().all()


def test_semantic_masks_too() -> None:
    d = xrv_core.get_dataset("phantom", n=3, size=64, semantic_masks=True, pathology_masks=True)
    samples = [d[i] for i in range(3)]
    samples[1]["semantic_masks"].pop("Heart")
    dense = collate(samples, dense_masks=True)["semantic_masks"]
    assert dense["Heart"].shape == (3, 1, 64, 64)
    assert dense["Heart"].isnan().flatten(1).all(1).tolist() == [False, True, False]
    assert [len(one) for one in collate(samples)["semantic_masks"]] == [len(dense), len(dense) - 1, len(dense)]


def test_views_and_their_keys() -> None:
    merged = toy() + Stranger().__class__(rows=2)  # type: ignore[operator]
    batch = collate([merged[i] for i in (0, 5)])
    assert batch["source"].tolist() == [0, 1]
    batch = collate([toy()[0], {**toy()[1], "pathology_masks": {}}])
    assert batch["pathology_masks"][1] == {}


@pytest.mark.parametrize("workers", [0, 2])
def test_torchs_own_collate_says_what_to_do(workers: int) -> None:
    for d in (toy(), toy().subset([3, 0]), toy().relabel(["Mass"])):  # torch drops all masks where the first has none
        d.transform = v2.Identity()
        with pytest.raises(ArgumentError, match=says("default_collate", "masks", "xrv_core.datasets.collate")):
            list(DataLoader(d, batch_size=2, num_workers=workers))
    same = default_collate([toy()[2], toy()[2]])
    assert same["pathology_masks"][1].shape == (2, 1, 4, 4)


def test_samples_stay_dicts_for_everybody_else() -> None:
    sample = toy()[2]
    assert sample["pathology_masks"] == dict(sample["pathology_masks"])
    again = pickle.loads(pickle.dumps(sample))
    assert type(again["pathology_masks"]) is type(sample["pathology_masks"])
    with pytest.raises(KeyError):
        sample["pathology_masks"][7]
    typed = {"masks": {**sample["pathology_masks"]}, "own": sample["pathology_masks"]}
    typed["own"][0] = tv_tensors.Mask(typed["own"][0])
    moved: Any = v2.RandomHorizontalFlip(1)({**typed, "img": tv_tensors.Image(sample["img"])})
    typed["own"][0][0, 0, 0] = 7
    assert moved["own"].keys() == {0, 1}
    assert v2.RandomVerticalFlip(1)(typed)["own"][0][0, 3, 0] == 7, "v2 transforms look into it"


def test_what_cannot_be_a_batch() -> None:
    d = toy()
    large = XRayResizer(8)(d[1])
    with pytest.raises(ArgumentError, match=says("images", "1 x 4 x 4 (2)", "1 x 8 x 8 (1)", "XRayResizer")):
        collate([d[0], large, d[2]])
    with pytest.raises(ArgumentError, match=says("labels", "2 (1)", "1 (1)")):
        collate([d[0], d.relabel(["Mass"])[1]])
    with pytest.raises(ArgumentError, match=says("keys", "source")):
        collate([d[0], (d + d)[1]])
    for nothing in ([], [d[0]["img"]]):
        with pytest.raises(ArgumentError, match="samples"):
            collate(nothing)
