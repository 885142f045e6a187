"""Views beside torchxrayvision's: attributes, printed trees, refusals; and classes of people's own."""

from __future__ import annotations

import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torchvision import transforms

import xrv_compat as xrv
from xrv_core.errors import ArgumentError

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning")]

ALL = {"views": ["*"], "unique_patients": False}
LABELS = xrv.datasets.default_pathologies


class Mine(xrv.datasets.Dataset):
    """What people write, as for torchxrayvision."""

    def __init__(self, views: Any = "*") -> None:
        super().__init__()
        self.pathologies = ["Mass"]
        self.csv = pd.DataFrame({"view": ["PA", None, "L"], "value": [1, 2, 3]})
        self.limit_to_selected_views(views)
        self.csv = self.csv.reset_index(drop=True)
        self.labels = np.ones((len(self.csv), 1), np.float32)

    def string(self) -> str:
        return f"Mine num_samples={len(self)}"

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"idx": idx, "lab": self.labels[idx], "img": np.full((1, 4, 4), self.csv["value"][idx], np.float32)}


def merged(opened: Callable[..., Any], *classes: str) -> tuple[Any, Any, Any]:
    """Relabelled datasets of both libraries, merged: theirs, ours, and our datasets."""
    pairs = [opened(cls, **ALL) for cls in classes]
    for theirs, ours in pairs:
        for dataset in (theirs, ours):
            xrv.datasets.relabel_dataset(LABELS, dataset, silent=True)
    return [a for a, _ in pairs], [b for _, b in pairs], pairs


def test_a_merge_is_theirs(peer: Any, opened: Callable[..., Any]) -> None:
    theirs, ours, _ = merged(opened, "NIH_Dataset", "RSNA_Pneumonia_Dataset", "ObjectCXR_Dataset")
    a, b = peer.datasets.MergeDataset(theirs), xrv.datasets.MergeDataset(ours)
    assert repr(b) == str(b) == b.string() == a.string()
    assert (len(b), b.length) == (len(a), a.length)
    assert b.which_dataset.tolist() == a.which_dataset.tolist()
    assert b.offset.tolist() == a.offset.tolist()
    np.testing.assert_array_equal(b.labels, a.labels)
    assert b.totals() == a.totals()
    assert set(a.csv.columns) - set(b.csv.columns) <= {"index", "x", "y", "width", "height", "Unnamed: 0"}
    for i in (0, 8, 14):
        p, q = a[i], b[i]
        assert set(p) == set(q)
        assert (p["source"], type(q["img"])) == (q["source"], np.ndarray)
        np.testing.assert_array_equal(p["img"], q["img"])
        np.testing.assert_array_equal(p["lab"], q["lab"])
    nested = [library.datasets.MergeDataset([d, d]) for library, d in ((peer, a), (xrv, b))]
    assert nested[1].string() == nested[0].string()
    assert xrv.datasets.Merge_Dataset is xrv.datasets.MergeDataset


def test_subsets_and_filters_are_theirs(peer: Any, opened: Callable[..., Any]) -> None:
    theirs, ours, _ = merged(opened, "NIH_Dataset", "RSNA_Pneumonia_Dataset")
    a, b = peer.datasets.MergeDataset(theirs), xrv.datasets.MergeDataset(ours)
    a, b = (library.datasets.SubsetDataset(d, [9, 0, 2]) for library, d in ((peer, a), (xrv, b)))
    assert b.string() == a.string()
    assert b.which_dataset.tolist() == a.which_dataset.tolist() == [1, 0, 0]
    np.testing.assert_array_equal(b.labels, a.labels)
    np.testing.assert_array_equal(b[0]["img"], a[0]["img"])
    with pytest.raises(AttributeError, match=r"^SubsetDataset has no which_dataset"):
        _ = xrv.datasets.SubsetDataset(ours[0], [0]).which_dataset
    p, q = (library.datasets.FilterDataset(d[0], ["Mass"]) for library, d in ((peer, theirs), (xrv, ours)))
    assert q.string() == p.string()
    assert q.csv["Image Index"].tolist() == p.csv["Image Index"].tolist()


def test_a_filter_has_each_item_once(opened: Callable[..., Any]) -> None:
    _, ours = opened("NIH_Dataset", **ALL)
    found = xrv.datasets.FilterDataset(ours, ["Effusion", "Infiltration"])
    assert found.csv["Image Index"].is_unique
    assert (found.labels[:, [ours.pathologies.index(n) for n in ("Effusion", "Infiltration")]] == 1).any(axis=1).all()


@pytest.mark.parametrize("name", ["transform", "data_aug", "labels", "pathologies", "targets"])
def test_what_belongs_to_the_datasets_below_cannot_be_set(opened: Callable[..., Any], name: str) -> None:
    _, ours = opened("NIH_Dataset")
    for view in (xrv.datasets.MergeDataset([ours]), xrv.datasets.SubsetDataset(ours, [0])):
        with pytest.raises(NotImplementedError, match=f"^Cannot set {name} on a {type(view).__name__}: "):
            setattr(view, name, None)


def test_labels_that_do_not_agree(opened: Callable[..., Any]) -> None:
    nih, rsna = opened("NIH_Dataset").ours, opened("RSNA_Pneumonia_Dataset").ours
    with pytest.raises(ArgumentError, match="incorrect pathology alignment: dataset 1 lacks"):
        xrv.datasets.MergeDataset([nih, rsna])
    with pytest.raises(ArgumentError, match=r"^label_concat=True is not supported"):
        xrv.datasets.MergeDataset([nih], label_concat=True)


def test_relabelling_prints_what_theirs_prints(
    peer: Any, opened: Callable[..., Any], capsys: pytest.CaptureFixture[str]
) -> None:
    printed = []
    for library, dataset in zip((peer, xrv), opened("NIH_Dataset", **ALL), strict=True):
        capsys.readouterr()
        assert library.datasets.relabel_dataset(["Mass", "Fracture"], dataset) is None
        printed.append(sorted(capsys.readouterr().out.replace("{", "").replace("}", "").split()))
        assert dataset.pathologies == ["Mass", "Fracture"]
        assert np.isnan(dataset.labels[:, 1]).all()
        np.testing.assert_array_equal(dataset[0]["lab"], dataset.labels[0])
    assert [w.strip(",") for w in printed[1]] == [w.strip(",") for w in printed[0]]


def test_masks_follow_relabelling(opened: Callable[..., Any]) -> None:
    _, ours = opened("NIH_Dataset", **ALL, pathology_masks=True)
    row = next(i for i in range(len(ours)) if ours[i]["pathology_masks"])
    before = {ours.pathologies[i]: mask for i, mask in ours[row]["pathology_masks"].items()}
    xrv.datasets.relabel_dataset(sorted(LABELS, reverse=True), ours, silent=True)
    after = {ours.pathologies[i]: mask for i, mask in ours[row]["pathology_masks"].items()}
    assert before.keys() == after.keys()
    ours.pathology_masks = False
    assert "pathology_masks" not in ours[row]


class Many(xrv.datasets.Dataset):
    """Eighty images of eighty patients of a hospital."""

    def __init__(self, hospital: str) -> None:
        names = [f"{hospital}:{i}" for i in range(80)]
        self.pathologies, self.labels = ["Mass"], np.ones((80, 1), np.float32)
        self.csv = pd.DataFrame({"patientid": names, "source_uid": names, "view": "PA"})

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"idx": idx, "lab": self.labels[idx], "img": np.zeros((1, 4, 4), np.float32)}


@pytest.mark.parametrize("mode", ["train", "valid", "test"])
def test_the_covariate_shift_has_their_sizes(peer: Any, mode: str, capsys: pytest.CaptureFixture[str]) -> None:
    one, two, target = Many("a"), Many("b"), np.arange(80) % 2
    a, b = (
        library.datasets.CovariateDataset(one, target, two, target, ratio=0.75, mode=mode, verbose=True)
        for library in (peer, xrv)
    )
    assert "train" in capsys.readouterr().out, "verbose"
    assert (len(b), b.string()) == (len(a), f"CovariateDataset num_samples={len(a)}")
    assert repr(b) == repr(a)
    assert b.pathologies == a.pathologies == ["Custom"]
    assert b.imageids.shape == a.imageids.shape
    assert set(b[0]) == set(a[0])
    for site in (0, 1):
        assert b.labels[b.site == site].mean() == a.labels[a.site == site].mean()
        assert (b.site == site).sum() == (a.site == site).sum()


def test_classes_of_ones_own(opened: Callable[..., Any]) -> None:
    assert repr(Mine()) == str(Mine()) == "Mine num_samples=3"
    assert (len(Mine("L")), Mine("L").views) == (1, ["L"])
    assert len(Mine(["PA", "UNKNOWN"])) == 2
    assert Mine().totals() == {"Mass": {1.0: 3}}
    both = xrv.datasets.MergeDataset([Mine(), xrv.datasets.SubsetDataset(Mine(), [2])])
    assert both.string() == "MergeDataset num_samples=4\n├0 Mine num_samples=3\n└1 SubsetDataset num_samples=1\n   " + (
        "└ of Mine num_samples=3\n"
    )
    assert both[3]["img"].max() == 3
    google = opened("NIH_Google_Dataset").ours
    assert isinstance(google, xrv.datasets.NIH_Google_Dataset)
    assert isinstance(both, xrv.datasets.Dataset)

    class Special(xrv.datasets.NIH_Google_Dataset):
        def string(self) -> str:
            return f"special {len(self)}"

    assert str(Special(google.imgpath, str(google.csvpath), views="*", unique_patients=False)) == "special 5"


def test_paths_are_checked_for_classes_of_ones_own(tmp_path: Any) -> None:
    mine = Mine()
    mine.imgpath, mine.csvpath = tmp_path, tmp_path / "none.csv"
    with pytest.raises(FileNotFoundError, match=r"^csvpath must be a file, but '.*none\.csv'"):
        mine.check_paths_exist()
    mine.imgpath = tmp_path / "none"
    with pytest.raises(FileNotFoundError, match=r"^imgpath must be a directory, but '.*none'"):
        mine.check_paths_exist()


def test_random_split_and_merge_as_their_training_script_does(opened: Callable[..., Any]) -> None:
    _, ours, _ = merged(opened, "NIH_Dataset", "NIH_Google_Dataset")
    halves = []
    for dataset in ours:
        half, _ = torch.utils.data.random_split(dataset, [len(dataset) // 2, len(dataset) - len(dataset) // 2])
        half.labels, half.csv = dataset.labels[half.indices], dataset.csv.iloc[half.indices]
        half.pathologies = dataset.pathologies
        halves.append(half)
    both = xrv.datasets.Merge_Dataset(halves)
    assert len(both) == sum(len(half) for half in halves)
    np.testing.assert_array_equal(both[0]["lab"], halves[0].labels[0])


def test_loaders_transforms_and_pickles(opened: Callable[..., Any]) -> None:
    chain = transforms.Compose([xrv.datasets.XRayCenterCrop(), xrv.datasets.XRayResizer(32)])
    aug = transforms.Compose(
        [xrv.datasets.ToPILImage(), transforms.RandomAffine(20, translate=(0.1, 0.1)), transforms.ToTensor()]
    )
    _, ours = opened("NIH_Dataset", **ALL, pathology_masks=True, transform=chain, data_aug=aug)
    masked = next(i for i in range(len(ours)) if ours[i]["pathology_masks"])
    assert isinstance(ours[masked]["img"], torch.Tensor), "what the transform gives"
    ours.data_aug, ours.pathology_masks = None, False
    assert ours[0]["img"].shape == (1, 32, 32)
    assert ours[-1]["img"].shape == (1, 32, 32)
    again = pickle.loads(pickle.dumps(xrv.datasets.SubsetDataset(ours, [1, 2])))
    np.testing.assert_array_equal(again[0]["img"], ours[1]["img"])
    (batch,) = torch.utils.data.DataLoader(again, batch_size=4, num_workers=2, multiprocessing_context="fork")
    assert batch["img"].shape == (2, 1, 32, 32)
    assert batch["lab"].dtype == torch.float32
