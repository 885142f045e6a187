"""Any transform gives image and masks the same geometry, and nothing else of a sample changes."""

from __future__ import annotations

import random
import re
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from messages import says
from torch import nn
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2

from xrv_core.datasets import XRayCenterCrop, XRayResizer, apply_transform
from xrv_core.datasets.pixels.augment import apply_in_step
from xrv_core.errors import ArgumentError


def disc(height: int = 60, width: int = 60) -> torch.Tensor:
    y, x = torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij")
    return (((y - 22) / 9) ** 2 + ((x - 33) / 14) ** 2 < 1).float()[None]


def sample(mask: torch.Tensor | None = None) -> dict[str, Any]:
    mask = disc() if mask is None else mask
    return {
        "idx": 4,
        "img": mask.clone(),  # the picture of the mask: where it goes, the mask must go
        "lab": np.array([1, 0, np.nan], np.float32),
        "pathology_masks": {2: mask.clone(), 0: 1 - mask},
        "semantic_masks": {"Lungs": mask.clone()},
        "source": "here",
    }


def python_flip(x: torch.Tensor) -> torch.Tensor:
    return x.flip(-1) if random.random() < 0.5 else x


def numpy_roll(x: torch.Tensor) -> np.ndarray:
    return np.roll(np.asarray(x), int(np.random.randint(0, 20)), axis=-2)


def torch_roll(x: torch.Tensor) -> torch.Tensor:
    return x.roll(int(torch.randint(0, 20, ())), -1)


AFFINE = {"degrees": 45, "translate": (0.15, 0.15), "scale": (0.85, 1.15), "shear": 10}
BILINEAR = v2.InterpolationMode.BILINEAR
V2 = {
    "affine": v2.RandomAffine(**AFFINE),
    "crop": v2.RandomResizedCrop(40, scale=(0.3, 0.9), interpolation=v2.InterpolationMode.NEAREST),
    "compose": v2.Compose([XRayCenterCrop(), v2.RandomHorizontalFlip(), v2.RandomAffine(**AFFINE)]),
    "v1 compose of v2": v1.Compose([v2.RandomVerticalFlip(), v2.RandomRotation(30)]),
    "sequential": nn.Sequential(v2.RandomApply([v2.RandomRotation(80)]), v2.RandomAffine(**AFFINE)),
    "choice": v2.RandomChoice([v2.RandomRotation(80), v2.RandomAffine(**AFFINE)]),
    "order": v1.RandomOrder([v2.RandomHorizontalFlip(), v2.RandomRotation(80)]),
}
OTHERS = {
    "v1 affine": v1.RandomAffine(**AFFINE),
    "v1 compose": v1.Compose([XRayCenterCrop(), v1.RandomHorizontalFlip(), v1.RandomRotation(40)]),
    "mixed": v2.Compose([XRayCenterCrop(), torch_roll, v2.RandomHorizontalFlip()]),
    "nested": v1.Compose([nn.Sequential(v2.RandomRotation(40), v1.RandomHorizontalFlip())]),
    "python": python_flip,
    "numpy": numpy_roll,
    "all three": lambda x: torch_roll(torch.from_numpy(numpy_roll(python_flip(x)))),
}


@pytest.mark.parametrize("name", [*V2, *OTHERS])
@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=15, deadline=None)
def test_image_and_masks_get_the_same_geometry(name: str, seed: int) -> None:
    transform = {**V2, **OTHERS}[name]
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    out = apply_transform(transform, sample())
    assert torch.equal(out["pathology_masks"][2], out["img"])
    assert torch.equal(out["semantic_masks"]["Lungs"], out["img"])
    assert out["pathology_masks"][0].shape == out["img"].shape


@given(seed=st.integers(0, 2**31 - 1))
@settings(max_examples=25, deadline=None)
def test_a_bilinear_affine_moves_both_alike(seed: int) -> None:
    torch.manual_seed(seed)
    transform = v2.Compose([XRayCenterCrop(), XRayResizer(50), v2.RandomAffine(**AFFINE, interpolation=BILINEAR)])
    out = apply_transform(transform, sample())
    image, mask = out["img"], out["semantic_masks"]["Lungs"]
    assert image.shape == mask.shape == (1, 50, 50)
    assume(mask.sum() > 50)  # not pushed out of the frame
    # v2 samples masks at the nearest pixel, half a pixel away at most, and images between pixels: they differ along the
    # outline only
    assert (image.minimum(mask).sum() / image.maximum(mask).sum()).item() > 0.8
    assert (centre(image) - centre(mask)).abs().max() < 0.5


def centre(x: torch.Tensor) -> torch.Tensor:
    return torch.stack([(x[0].sum(1 - axis) * torch.arange(x.shape[axis + 1])).sum() / x.sum() for axis in (0, 1)])


def state() -> tuple[Any, ...]:
    return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()


@pytest.mark.parametrize("name", OTHERS)
def test_the_random_state_is_what_the_image_alone_leaves(name: str) -> None:
    transform = OTHERS[name]
    before = random.getstate(), np.random.get_state(), torch.get_rng_state()
    transform(disc())
    wanted = state()
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])
    apply_transform(transform, sample())
    assert state() == wanted
    random.setstate(before[0])
    np.random.set_state(before[1])
    torch.set_rng_state(before[2])
    apply_transform(transform, {"img": disc()})
    assert state() == wanted


@pytest.mark.parametrize("transform", [v2.RandomHorizontalFlip(p=1), v1.RandomHorizontalFlip(p=1)], ids=["v2", "v1"])
def test_the_rest_of_the_sample_is_left_alone(transform: Any) -> None:
    given_sample = sample()
    kept = {key: value for key, value in given_sample.items() if key in ("idx", "lab", "source")}
    out = apply_transform(transform, given_sample)
    assert list(out) == list(given_sample)
    for key, value in kept.items():
        assert out[key] is value
    assert torch.equal(given_sample["img"], disc())
    assert torch.equal(out["img"], disc().flip(-1))
    tensors = [out["img"], *out["pathology_masks"].values(), *out["semantic_masks"].values()]
    assert all(type(t) is torch.Tensor and t.dtype == torch.float32 for t in tensors)


def test_v2_is_called_once_on_typed_tensors() -> None:
    calls = []

    class Spy(v2.Transform):
        def forward(self, *inputs: Any) -> Any:
            calls.append(inputs)
            return inputs[0]

    apply_transform(Spy(), sample())
    ((given_sample,),) = calls
    assert list(given_sample) == ["img", "pathology_masks", "semantic_masks"]
    assert type(given_sample["img"]) is tv_tensors.Image
    assert type(given_sample["pathology_masks"][2]) is tv_tensors.Mask


def test_photometric_v2_transforms_leave_masks() -> None:
    out = apply_transform(v2.Normalize([0.5], [0.5]), sample())
    assert torch.equal(out["semantic_masks"]["Lungs"], disc())
    assert out["img"].min() == -1


def test_results_are_brought_into_shape() -> None:
    flat = apply_transform(lambda x: np.asarray(x[0], np.float64)[::-1], sample())
    assert torch.equal(flat["img"], disc().flip(-2))
    assert torch.equal(flat["semantic_masks"]["Lungs"], disc().flip(-2))
    three = apply_transform(lambda x: x.repeat(3, 1, 1), {"img": disc()})
    assert three["img"].shape == (3, 60, 60)
    plain = apply_transform(v2.ToPureTensor(), sample())
    assert type(plain["img"]) is torch.Tensor


@pytest.mark.parametrize("transform", [v2.ToPILImage(), v1.ToPILImage()], ids=["v2", "v1"])
def test_a_result_that_is_no_tensor(transform: Any) -> None:
    with pytest.raises(ArgumentError) as error:
        apply_transform(transform, {"img": disc()})
    assert re.search(says(f"transform {transform}", "returned Image"), str(error.value))


class Oddly:
    def __init__(self, action: Any) -> None:
        self.action = action

    def __call__(self, x: torch.Tensor) -> Any:
        return self.action(x)

    def __repr__(self) -> str:
        return "Oddly()"


def test_a_result_of_another_rank() -> None:
    with pytest.raises(ArgumentError) as error:
        apply_transform(Oddly(lambda x: x[None]), {"img": disc()})
    assert "Oddly() returned Tensor of shape (1, 1, 60, 60) for the image" in str(error.value)
    assert "[H, W] or [C, H, W]" in str(error.value)


def test_masks_of_another_size() -> None:
    calls = iter([30, 60, 60, 60])
    with pytest.raises(ArgumentError, match=r"Oddly\(\) .*image 30x60.*mask 60x60"):
        apply_transform(Oddly(lambda x: x[:, : next(calls)]), sample())


@pytest.mark.parametrize("fails_at", [0, 2])
def test_errors_of_the_transform_pass_unchanged(fails_at: int) -> None:
    calls = []
    error = KeyError("mine")

    def fails(x: torch.Tensor) -> torch.Tensor:
        calls.append(torch.rand(()))
        if len(calls) > fails_at:
            raise error
        return x

    torch.manual_seed(0)
    with pytest.raises(KeyError) as caught:
        apply_transform(fails, sample())
    assert caught.value is error
    after_one = torch.rand(())
    torch.manual_seed(0)
    torch.rand(())
    assert torch.rand(()) == after_one  # also then, as if only the image had been transformed


def test_in_step_without_conversion_and_from_a_seed() -> None:
    def noisy(x: np.ndarray) -> np.ndarray:
        return x + np.random.rand() + float(torch.rand(())) + random.random()

    image, masks = np.zeros((1, 2, 2)), {"pathology_masks": {0: np.ones((1, 2, 2))}}
    before = random.getstate(), torch.get_rng_state(), np.random.get_state()[1].copy()
    out, moved = apply_in_step(noisy, image, masks, seed=3)
    again, _ = apply_in_step(noisy, image, masks, seed=3)
    assert isinstance(out, np.ndarray)
    np.testing.assert_allclose(moved["pathology_masks"][0], out + 1)
    np.testing.assert_array_equal(again, out)
    assert apply_in_step(noisy, image, {}, seed=4)[0][0, 0, 0] != out[0, 0, 0]
    assert random.getstate() == before[0]
    assert torch.equal(torch.get_rng_state(), before[1])
    assert (np.random.get_state()[1] == before[2]).all()
