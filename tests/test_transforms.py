"""XRayCenterCrop and XRayResizer: torchxrayvision's geometry, on whatever torchvision v1 and v2 hand around."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from PIL import Image
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

from xrv_core.datasets import XRayCenterCrop, XRayResizer
from xrv_core.errors import ArgumentError

sides = st.integers(1, 70)


def array(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(-1024, 1024, (1, height, width)).astype(np.float32)


# -- parity


@pytest.mark.parity
@given(h=sides, w=sides)
@settings(max_examples=60, deadline=None)
def test_crop_is_torchxrayvisions(h: int, w: int) -> None:
    theirs = pytest.importorskip("torchxrayvision").datasets.XRayCenterCrop()
    x = array(h, w)
    assert np.array_equal(XRayCenterCrop()(x), theirs(x))


@pytest.mark.parity
@given(h=sides, w=sides, size=sides)
@settings(max_examples=60, deadline=None)
def test_crop_and_resize_are_torchxrayvisions(h: int, w: int, size: int) -> None:
    theirs = pytest.importorskip("torchxrayvision").datasets
    x = array(h, w)
    chain = v1.Compose([theirs.XRayCenterCrop(), theirs.XRayResizer(size)])
    for compose in (v1.Compose, v2.Compose):
        ours = compose([XRayCenterCrop(), XRayResizer(size)])(x)
        assert ours.dtype == np.float32
        np.testing.assert_allclose(ours, chain(x), rtol=0, atol=1e-3)


def test_odd_sizes_round_as_torchxrayvision_does() -> None:
    x = np.arange(8, dtype=np.float32).reshape(1, 1, 8)
    assert XRayCenterCrop()(x[:, :, :4]).item() == 2  # the square of one pixel lies right of the middle
    assert XRayCenterCrop()(np.zeros((1, 5, 8), np.float32) + x).tolist()[0][0] == [2, 3, 4, 5, 6]


# -- types


@pytest.mark.parametrize("transform", [XRayCenterCrop(), XRayResizer(16), XRayResizer(50)], ids=repr)
def test_arrays_and_tensors_agree(transform: Any) -> None:
    x = array(31, 40)
    wanted = transform(x)
    assert isinstance(wanted, np.ndarray)
    assert wanted.shape[0] == 1
    assert np.array_equal(transform(x[0]), wanted[0])
    t = torch.from_numpy(x)
    assert torch.equal(transform(t), torch.from_numpy(wanted))
    assert type(transform(t)) is torch.Tensor
    assert torch.equal(transform(t[0]), torch.from_numpy(wanted[0]))
    torch.testing.assert_close(transform(torch.stack([t, t * 2])), torch.from_numpy(np.stack([wanted, wanted * 2])))
    image = transform(tv_tensors.Image(t))
    assert type(image) is tv_tensors.Image
    assert torch.equal(image.as_subclass(torch.Tensor), torch.from_numpy(wanted))


@pytest.mark.parametrize("transform", [XRayCenterCrop(), XRayResizer(16)], ids=repr)
def test_read_only_and_strided_arrays(transform: Any, recwarn: pytest.WarningsRecorder) -> None:
    x = array(31, 40)
    wanted = transform(x[:, ::-1].copy())
    x.flags.writeable = False
    assert np.array_equal(transform(x[:, ::-1]), wanted)
    assert not recwarn.list


def test_integers_become_float() -> None:
    x = np.random.default_rng(0).integers(0, 256, (1, 30, 30)).astype(np.uint8)
    assert np.array_equal(XRayResizer(11)(x), XRayResizer(11)(x.astype(np.float32)))
    assert XRayResizer(30)(x).dtype == np.float32
    assert XRayResizer(11)(x.astype(np.float64)).dtype == np.float32
    assert XRayCenterCrop()(x).dtype == np.uint8


def test_the_target_size_is_left_alone() -> None:
    x = torch.from_numpy(array(16, 16))
    assert torch.equal(XRayResizer(16)(x), x)


def test_pil_images() -> None:
    picture = Image.fromarray(np.arange(12, dtype=np.uint8).reshape(3, 4))
    assert XRayCenterCrop()(picture).size == (3, 3)
    with pytest.raises(ArgumentError, match=says("XRayResizer(size=8)", "not Image", "before ToPILImage")):
        XRayResizer(8)(picture)


@pytest.mark.parametrize("transform", [XRayCenterCrop(), XRayResizer(8)], ids=repr)
@pytest.mark.parametrize("shape", [(30, 30, 3), (3, 30, 30), (30,), (1, 1, 30, 30)])
def test_arrays_of_another_shape(transform: Any, shape: tuple[int, ...]) -> None:
    with pytest.raises(ArgumentError, match=says(repr(transform), "[H, W] or [1, H, W]", shape, "grey")):
        transform(np.zeros(shape, np.float32))


# -- masks, boxes, samples


def test_boxes_follow_the_image() -> None:
    boxes = tv_tensors.BoundingBoxes([[25.0, 10.0, 45.0, 30.0]], format="XYXY", canvas_size=(40, 60))
    image = tv_tensors.Image(torch.zeros(1, 40, 60))
    image[:, 10:30, 25:45] = 1000
    for transform in (XRayCenterCrop(), v2.Compose([XRayCenterCrop(), XRayResizer(20)])):
        moved_image, moved = transform(image, boxes)
        height, width = moved.canvas_size
        assert moved_image.shape == (1, height, width)
        left, top, right, bottom = moved[0].round().int().tolist()
        assert moved_image[:, top + 1 : bottom - 1, left + 1 : right - 1].min() > 900
        outside = moved_image.clone()
        outside[:, max(top - 1, 0) : bottom + 1, max(left - 1, 0) : right + 1] = 0
        assert outside.abs().max() < 100


@given(
    top=st.integers(8, 30),
    left=st.integers(8, 30),
    h=st.integers(1, 25),
    w=st.integers(1, 25),
    size=st.integers(20, 90),
)
@settings(max_examples=80, deadline=None)
def test_a_mask_keeps_its_area(top: int, left: int, h: int, w: int, size: int) -> None:
    mask = torch.zeros(1, 64, 64)
    mask[:, top : top + h, left : left + w] = 1
    small = XRayResizer(size)(tv_tensors.Mask(mask))
    assert type(small) is tv_tensors.Mask
    assert small.dtype == torch.float32
    assert 0 <= small.min() <= small.max() <= 1
    covered = small.sum().item() * 64**2 / size**2  # in pixels of the input
    assert (max(h - 0.7, 0)) * (max(w - 0.7, 0)) <= covered <= (h + 0.7) * (w + 0.7)


def test_a_mask_of_a_real_size_keeps_its_area_to_one_percent() -> None:
    mask = torch.zeros(1, 1024, 1024)
    mask[:, 301:412, 500:677] = 1
    small = XRayResizer(224)(tv_tensors.Mask(mask))
    assert small.sum().item() * (1024 / 224) ** 2 == pytest.approx(mask.sum().item(), rel=0.01)


def test_masks_of_other_types() -> None:
    mask = torch.zeros(1, 30, 30)
    mask[:, 5:20, 7:25] = 1
    wanted = XRayResizer(13)(tv_tensors.Mask(mask))
    for dtype in (torch.bool, torch.uint8):
        assert torch.equal(XRayResizer(13)(tv_tensors.Mask(mask.to(dtype))), wanted)
    with pytest.raises(ArgumentError) as error:
        XRayResizer(13)(tv_tensors.Mask(mask.to(torch.uint8) * 14))
    assert "XRayResizer(size=13) averages masks of 0..1" in str(error.value)
    assert "holds 14. For class numbers use torchvision.transforms.v2.Resize" in str(error.value)


@pytest.mark.parametrize(
    "transform", [XRayCenterCrop(), v2.Compose([XRayCenterCrop(), XRayResizer(20)])], ids=["crop", "both"]
)
def test_a_whole_sample(transform: Any) -> None:
    image, mask = torch.from_numpy(array(30, 44)), torch.zeros(1, 30, 44)
    mask[:, 10:20, 10:30] = 1
    lab = np.array([1.0, np.nan], np.float32)
    sample = {"idx": 5, "img": image, "lab": lab, "pathology_masks": {3: mask}, "semantic_masks": {"Lungs": 1 - mask}}
    out = transform(sample)
    assert out["idx"] == 5
    assert out["lab"] is lab
    assert torch.equal(out["img"], transform(image))
    assert torch.equal(out["pathology_masks"][3], transform(mask))
    assert torch.equal(out["semantic_masks"]["Lungs"], transform(1 - mask))
    assert sample["img"] is image  # the given sample stays
    assert torch.equal(transform({"img": image.numpy(), "lab": lab})["img"], out["img"])


@pytest.mark.parametrize("size", [0, -1, 2.5, "224", None, True, (224, 224)])
def test_impossible_sizes(size: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        XRayResizer(size)
    assert str(error.value).startswith(f"XRayResizer(size={size!r}): size must be one positive integer")


def test_repr_pickle_and_numpy_integers() -> None:
    assert repr(XRayResizer(np.int64(224))) == "XRayResizer(size=224)"
    assert repr(XRayCenterCrop()) == "XRayCenterCrop()"
    assert isinstance(XRayResizer(224), v2.Transform)
    assert repr(pickle.loads(pickle.dumps(XRayResizer(224)))) == "XRayResizer(size=224)"
