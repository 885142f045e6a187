"""Where torchxrayvision is lenient, so is the facade: both on the same input."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest

import xrv_compat as xrv
from xrv_core.datasets import write_dicom
from xrv_core.errors import ArgumentError, MissingDependency

pytestmark = [
    pytest.mark.parity,
    pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::DeprecationWarning", "ignore:Converting MONOCHROME1"),
]

ALL = {"views": ["*"], "unique_patients": False}


def picture(*shape: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng(0).uniform(-1024, 1024, shape).astype(np.float32)


# -- items and their numbers


def test_negative_numbers_count_from_the_end(opened: Callable[..., Any]) -> None:
    theirs, ours = opened("NIH_Dataset", **ALL)
    for idx in (-1, np.int64(-2), -len(ours)):
        a, b = theirs[idx], ours[idx]
        np.testing.assert_array_equal(b["img"], a["img"])
        np.testing.assert_array_equal(b["lab"], a["lab"])
        assert b["idx"] == a["idx"] == idx
    with pytest.raises(IndexError):
        ours[-len(ours) - 1]
    assert ours[1:3].csv["Image Index"].tolist() == ours.csv["Image Index"].tolist()[1:3]
    assert len(xrv.datasets.SubsetDataset(ours, ours.csv["view"] == "PA")) == (ours.csv["view"] == "PA").sum()


def test_idx_is_that_of_the_dataset_below(peer: Any, opened: Callable[..., Any]) -> None:
    for cls in ("NIH_Dataset", "ObjectCXR_Dataset"):
        sides = []
        for library, d in zip((peer, xrv), opened(cls, **ALL), strict=True):
            data = library.datasets
            merge = data.MergeDataset([d, d])
            part = data.SubsetDataset(d, [3, 1])
            deep = data.SubsetDataset(merge, np.array([len(d) + 2, 0, len(d)]))
            label = d.pathologies[0]
            views = [merge, part, deep, data.FilterDataset(d, [label]), data.MergeDataset([part, part])]
            sides.append([[(int(v[i]["idx"]), v[i].get("source")) for i in range(len(v))] for v in views])
        assert sides[1] == sides[0]


def test_negative_positions_in_a_subset(peer: Any, opened: Callable[..., Any]) -> None:
    theirs, ours = (
        library.datasets.SubsetDataset(d, [-1, 0, -2])
        for library, d in zip((peer, xrv), opened("NIH_Dataset", **ALL), strict=True)
    )
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    assert ours.csv["Image Index"].tolist() == theirs.csv["Image Index"].tolist()
    for i in (0, 1, 2, -1):
        np.testing.assert_array_equal(ours[i]["img"], theirs[i]["img"])
    with pytest.raises(IndexError):
        xrv.datasets.SubsetDataset(ours, [-4])


# -- transforms


@pytest.mark.parametrize("shape", [(1, 37, 50), (3, 50, 37), (1, 30, 30), (2, 31, 40)])
def test_the_crop_is_theirs(peer: Any, shape: tuple[int, ...]) -> None:
    for kind in (np.float32, np.float64, np.uint8):
        image = picture(*shape).astype(kind)
        a, b = (library.datasets.XRayCenterCrop()(image) for library in (peer, xrv))
        assert (b.shape, b.dtype) == (a.shape, a.dtype)
        np.testing.assert_array_equal(b, a)


def test_the_crop_takes_a_plain_image_which_theirs_refuses() -> None:
    assert xrv.datasets.XRayCenterCrop()(picture(37, 50)).shape == (37, 37)


@pytest.mark.parametrize("shape", [(1, 37, 50), (37, 50), (3, 50, 37), (4, 20, 20), (2, 9, 8)])
def test_the_resizer_gives_their_shapes(peer: Any, shape: tuple[int, ...]) -> None:
    image = picture(*shape)
    a, b = (library.datasets.XRayResizer(16)(image) for library in (peer, xrv))
    assert (b.shape, b.dtype) == (a.shape, a.dtype) == ((1, 16, 16), np.float32)
    if shape[0] == 1:
        np.testing.assert_allclose(b, a, atol=1e-2)
    elif len(shape) == 2:  # theirs takes the rows for columns
        np.testing.assert_array_equal(b, xrv.datasets.XRayResizer(16)(image[None]))
    elif shape[0] == 3:  # theirs filters over the channels
        grey = np.array([0.299, 0.587, 0.114], np.float32) @ image.reshape(3, -1)
        np.testing.assert_allclose(b, xrv.datasets.XRayResizer(16)(grey.reshape(1, *shape[1:])), atol=1e-2)


def test_white_in_three_channels_stays_white(peer: Any) -> None:
    white = np.full((3, 20, 20), 1024, np.float32)
    white[:, :4] = -1024
    a, b = (library.datasets.XRayResizer(20)(white) for library in (peer, xrv))
    assert b[0, 10, 10] == 1024
    assert a[0, 10, 10] < 950, "theirs loses light, which the README says"


def test_the_engine_cv2(monkeypatch: pytest.MonkeyPatch) -> None:
    resizer = xrv.datasets.XRayResizer(8, engine="cv2")
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingDependency, match=r"engine='cv2' needs OpenCV .*pip install opencv"):
        resizer(picture(1, 16, 16))
    calls: list[Any] = []

    def resize(image: Any, size: tuple[int, int], interpolation: int) -> Any:
        calls.append((image.shape, size, interpolation))
        return image.reshape(8, 2, 8, 2).mean(axis=(1, 3)).astype(np.float64)

    monkeypatch.setitem(sys.modules, "cv2", SimpleNamespace(resize=resize, INTER_AREA=3))
    found = resizer(picture(1, 16, 16))
    assert (found.shape, found.dtype) == ((1, 8, 8), np.float32)
    assert calls == [((16, 16), (8, 8), 3)]
    for engine in ("skimage", "cv2"):
        assert xrv.datasets.XRayResizer(8, engine=engine).engine == engine
    with pytest.raises(ArgumentError, match=r"Must be skimage \(default\) or cv2.*'pil'"):
        xrv.datasets.XRayResizer(8, engine="pil")


# -- files


def test_an_open_dicom_file_is_read(peer: Any, tmp_path: Path) -> None:
    pixels = np.arange(64, dtype=np.uint8).reshape(8, 8)
    write_dicom(tmp_path / "x.dcm", pixels)
    data = (tmp_path / "x.dcm").read_bytes()
    for options in ({}, {"fix_monochrome": False}, {"voi_lut": True}):
        a, b, c = (
            peer.utils.read_xray_dcm(io.BytesIO(data), **options),
            xrv.utils.read_xray_dcm(io.BytesIO(data), **options),
            xrv.utils.read_xray_dcm(tmp_path / "x.dcm", **options),
        )
        np.testing.assert_array_equal(b, c)
        np.testing.assert_allclose(b, a, atol=1e-3)
        assert (b.dtype, b.shape) == (a.dtype, a.shape)
    with (tmp_path / "x.dcm").open("rb") as file:
        np.testing.assert_array_equal(xrv.utils.read_xray_dcm(file), b if not options else c)


@pytest.mark.realdata
def test_monochrome1_is_told(peer: Any, realdata: Path) -> None:
    file = realdata / "dicom" / "Fake_MONOHR1.dcm"
    xrv.utils.read_xray_dcm(file)  # its note is told
    for read in (peer.utils.read_xray_dcm, xrv.utils.read_xray_dcm):
        for given in (str(file), io.BytesIO(file.read_bytes())):
            with pytest.warns(UserWarning, match="Converting MONOCHROME1 to MONOCHROME2"):
                read(given)
    xrv.utils.load_image(str(file))
    with pytest.warns(UserWarning, match="Converting MONOCHROME1"):
        xrv.utils.load_image(str(file))


# -- masks, by the methods that subclasses override


MASKS = {
    "NIH_Dataset": ("get_mask_dict", "Image Index"),
    "RSNA_Pneumonia_Dataset": ("get_mask_dict", "patientId"),
    "VinDr_Dataset": ("get_mask_dict", "image_id"),
    "SIIM_Pneumothorax_Dataset": ("get_pathology_mask_dict", "ImageId"),
    "CheXlocalize_Dataset": ("get_mask_dict", "Path"),
}


@pytest.mark.parametrize("cls", MASKS)
def test_masks_are_asked_for_as_theirs(opened: Callable[..., Any], cls: str) -> None:
    method, column = MASKS[cls]
    theirs, ours = opened(cls, **ALL, pathology_masks=True)
    size: Any = (1, 64, 64) if cls == "VinDr_Dataset" else 64
    some = 0
    for name in theirs.csv[column]:
        a, b = (getattr(dataset, method)(name, size) for dataset in (theirs, ours))
        a = {key: mask for key, mask in a.items() if mask.any() or cls.startswith("RSNA")}
        assert b.keys() == a.keys()
        some += len(b)
        for key, mask in b.items():
            assert mask.shape == a[key].shape == (1, 64, 64)
            assert set(np.unique(mask)) <= {0, 1} or cls.startswith(("CheX", "SIIM"))
    assert some


@pytest.mark.parametrize("cls", MASKS)
def test_a_subclass_may_override_its_masks(peer: Any, opened: Callable[..., Any], cls: str) -> None:
    method, column = MASKS[cls]
    seen: list[Any] = []
    given = {**opened.arguments(cls), "pathology_masks": True}

    def asked(self: Any, name: str, size: Any) -> dict[int, Any]:
        seen.append((name, size))
        return {0: np.full((1, 2, 2), 7, np.float32)}

    for library in (peer, xrv):
        mine = type("Mine", (getattr(library.datasets, cls),), {method: asked})(**given)
        assert mine[0]["pathology_masks"][0].max() == 7
        assert seen[-1][0] == mine.csv[column].iloc[0]
    assert seen[0][1] == seen[1][1]
    assert Path(seen[0][0]).name == Path(seen[1][0]).name


def test_semantic_masks_are_asked_for_as_theirs(peer: Any, opened: Callable[..., Any], shelf: Any) -> None:
    masks = Path(peer.datasets.datapath) / "semantic_masks_v7labs_lungs.zip"
    shelf["covid19/semantic_masks_v7labs_lungs.zip"] = masks
    seen = []

    def asked(self: Any, name: str, shape: Any) -> dict[str, Any]:
        seen.append((name, tuple(shape)))
        return {"Heart": np.ones(shape, np.float32)}

    for library in (peer, xrv):
        cls = type("Mine", (library.datasets.COVID19_Dataset,), {"get_semantic_mask_dict": asked})
        mine = cls(**opened.arguments("COVID19_Dataset"), semantic_masks=True)
        assert list(mine[0]["semantic_masks"]) == ["Heart"]
    assert seen[0] == seen[1]
    ours = xrv.datasets.COVID19_Dataset(**opened.arguments("COVID19_Dataset"), semantic_masks=True)
    assert isinstance(ours.get_semantic_mask_dict(ours.csv["filename"][0], (1, 8, 8)), dict)


# -- classes of people's own


def own(library: Any) -> type[Any]:
    """A class as people write it for torchxrayvision."""

    class Ours(library.datasets.Dataset):
        def __init__(self, imgpath: str, csvpath: str, views: Any = ("PA",), transform: Any = None) -> None:
            super().__init__()
            self.imgpath, self.csvpath = imgpath, csvpath
            self.check_paths_exist()
            self.transform, self.data_aug, self.pathology_masks = transform, None, True
            self.pathologies = sorted(["Mass", "Edema"])
            self.csv = pd.read_csv(csvpath)
            self.limit_to_selected_views(views)
            self.csv = self.csv.reset_index(drop=True)
            self.labels = np.asarray([self.csv[name].to_numpy() for name in self.pathologies]).T.astype(np.float32)

        def string(self) -> str:
            return f"{type(self).__name__} num_samples={len(self)} views={self.views}"

        def __len__(self) -> int:
            return len(self.labels)

        def __getitem__(self, idx: int) -> dict[str, Any]:
            image = np.full((1, 6, 8), self.csv["value"].iloc[idx], np.float32)
            sample = {"idx": idx, "lab": self.labels[idx], "img": image, "pathology_masks": {0: image > 1}}
            sample = library.datasets.apply_transforms(sample, self.transform)
            return library.datasets.apply_transforms(sample, self.data_aug)

    return Ours


@pytest.mark.parametrize("views", [["PA"], "PA", ["PA", "AP"], "*", ["L", "*"], ["UNKNOWN"]])
def test_own_classes_do_what_theirs_do(
    peer: Any, tmp_path: Path, views: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    table = pd.DataFrame({"view": ["PA", None, "AP", "PA"], "Mass": [1, 0, np.nan, 1], "Edema": [0, 0, 1, 1]})
    table.assign(value=range(4)).to_csv(tmp_path / "t.csv", index=False)
    found = []
    for library in (peer, xrv):
        d = own(library)(str(tmp_path), str(tmp_path / "t.csv"), views, library.datasets.XRayCenterCrop())
        capsys.readouterr()
        library.datasets.relabel_dataset(["Mass", "Hernia"], d, silent=True)
        assert capsys.readouterr().out == ""
        merge = library.datasets.MergeDataset([d, d])
        part = library.datasets.SubsetDataset(merge, [0, len(d)])
        samples = [x[0] for x in (d, merge, part)]
        texts = [repr(d), d.string(), merge.string(), part.string(), str(d.views), str(d.csv.to_dict())]
        facts = [d.totals(), merge.totals(), len(d), [sorted(s) for s in samples]]
        arrays = [d.labels, merge.labels, *(s["img"] for s in samples), *(s["pathology_masks"][0] for s in samples)]
        found.append((texts, facts, [np.asarray(a, np.float32) for a in arrays]))
    assert found[1][:2] == found[0][:2]
    for a, b in zip(found[0][2], found[1][2], strict=True):
        np.testing.assert_array_equal(b, a)


# -- the covariate shift of few items


class Few(xrv.datasets.Dataset):
    """Some images of some patients of a hospital."""

    def __init__(self, hospital: str, patients: list[int]) -> None:
        self.pathologies, self.labels = ["Mass"], np.ones((len(patients), 1), np.float32)
        names = [f"{hospital}:{i}" for i in range(len(patients))]
        who = [f"{hospital}-{p}" for p in patients]
        self.csv = pd.DataFrame({"patientid": who, "source_uid": names, "view": "PA"})

    def string(self) -> str:
        return "Few"

    def __getitem__(self, idx: int) -> dict[str, Any]:
        return {"idx": idx, "lab": self.labels[idx], "img": np.full((1, 4, 4), idx, np.float32)}


@pytest.mark.parametrize("items", [1, 2, 3, 4, 5, 7, 63])
@pytest.mark.parametrize("ratio", [0.0, 0.25, 0.5, 0.9, 1.0])
def test_few_items_are_shifted_in_their_numbers(peer: Any, items: int, ratio: float) -> None:
    one, two = Few("a", list(range(2 * items))), Few("b", list(range(2 * items)))
    target = np.arange(2 * items) % 2
    used: list[set[tuple[int, int]]] = []
    for mode in ("train", "valid", "test"):
        a, b = (
            library.datasets.CovariateDataset(one, target, two, target, ratio=ratio, mode=mode)
            for library in (peer, xrv)
        )
        assert len(b) == len(a)
        for site in (0, 1):
            for label in (0, 1):
                assert ((b.site == site) & (b.labels[:, 0] == label)).sum() == (
                    (a.site == site) & (a.labels[:, 0] == label)
                ).sum()
        assert b.labels.shape == a.labels.shape
        assert len(b.csv) == len(b)
        for i in range(len(b)):
            assert b[i]["idx"] == b.imageids[i] == b[i]["img"][0, 0, 0]
            assert target[b.imageids[i]] == b[i]["lab"][0]
        used.append({(int(s), int(i)) for s, i in zip(b.site, b.imageids, strict=True)})
    assert sum(map(len, used)) == len(set.union(*used)), "no item is in two modes"


@pytest.mark.parametrize("nsamples", [1, 2, 3, 4, 7, 8, 10, 999])
def test_any_number_of_samples(peer: Any, nsamples: int) -> None:
    one, two, target = Few("a", list(range(40))), Few("b", list(range(40))), np.arange(40) % 2
    a, b = (
        library.datasets.CovariateDataset(one, target, two, target, nsamples=nsamples, mode="test")
        for library in (peer, xrv)
    )
    assert len(b) == len(a)


def test_few_patients_are_shared_with_a_warning_as_theirs_are(peer: Any) -> None:
    one, two, target = Few("a", [0] * 8), Few("b", list(range(8))), np.arange(8) % 2
    with pytest.warns(UserWarning, match="too few patients .* in several modes"):
        b = xrv.datasets.CovariateDataset(one, target, two, target, mode="test")
    assert len(b) == len(peer.datasets.CovariateDataset(one, target, two, target, mode="test"))


def test_the_notebook_of_the_shift_on_a_miniature(peer: Any, opened: Callable[..., Any]) -> None:
    """What torchxrayvision's notebook does with PA against AP images of COVID-19 patients."""
    for library in (peer, xrv):
        files = opened.arguments("COVID19_Dataset")
        d1, d2 = (library.datasets.COVID19_Dataset(**files, views=[view]) for view in ("PA", "AP"))
        label = next(name for name in d1.pathologies if name in d2.pathologies)
        t1, t2 = (d.labels[:, d.pathologies.index(label)] for d in (d1, d2))
        for mode in ("train", "valid", "test"):
            for ratio in (0.5, 0.9):
                d = library.datasets.CovariateDataset(d1, t1, d2, t2, mode=mode, ratio=ratio)
                for value in (0, 1):
                    for idx in np.where(d.labels[:, 0] == value)[0]:
                        assert d[idx]["img"].ndim == 3
                assert set(d.totals()) == {"Custom"}
