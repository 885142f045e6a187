"""Transforms of torchvision that change grey levels: refused on [-1024, 1024], right inside ``photometric``."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from messages import says
from torchvision import transforms as v1
from torchvision import tv_tensors
from torchvision.transforms import v2
from view_toys import toy

import xrv_core
from xrv_core.datasets import XRayCenterCrop, XRayResizer, apply_transform, photometric
from xrv_core.datasets.pixels.augment import PHOTOMETRIC
from xrv_core.errors import ArgumentError

SIZE = 32
#: Arguments of the transforms of torchvision that need some.
GIVEN: dict[str, Any] = {
    "CenterCrop": [24],
    "ColorJitter": [0.3, 0.3],
    "ElasticTransform": [],
    "FiveCrop": None,  # five images
    "TenCrop": None,
    "GaussianBlur": [3],
    "JPEG": [80],
    "KeyPointsToBoundingBoxes": None,
    "BoundingBoxesToKeyPoints": None,
    "ClampBoundingBoxes": None,
    "ClampKeyPoints": None,
    "ConvertBoundingBoxFormat": None,
    "SanitizeBoundingBoxes": None,
    "SanitizeKeyPoints": None,
    "SetClampingMode": None,
    "Compose": None,
    "RandomApply": None,
    "RandomChoice": None,
    "RandomOrder": None,
    "CutMix": None,  # of batches
    "MixUp": None,
    "Lambda": [lambda x: x],
    "LinearTransformation": None,  # needs square matrices of the image's length
    "Normalize": [[0.5], [0.25]],
    "Pad": [4],
    "RandomAffine": [20],
    "RandomAdjustSharpness": [2.0, 1.0],
    "RandomAutocontrast": [1.0],
    "RandomCrop": [24],
    "RandomEqualize": [1.0],
    "RandomInvert": [1.0],
    "RandomIoUCrop": None,  # needs boxes
    "RandomPhotometricDistort": [],
    "RandomPosterize": [4, 1.0],
    "RandomResize": [20, 30],
    "RandomResizedCrop": [24],
    "RandomRotation": [20],
    "RandomShortestSize": [24],
    "RandomSolarize": [0.5, 1.0],
    "Resize": [24],
    "ScaleJitter": [(24, 24)],
    "ToDtype": [torch.float32],
    "ToPILImage": None,  # no tensor any more
    "PILToTensor": None,
    "ToTensor": None,
    "ToPureTensor": None,
    "Transform": None,  # the base
    "UniformTemporalSubsample": None,  # of videos
}
SCALE = {"Normalize"}  # another scale on purpose
try:
    v2.functional.jpeg(torch.zeros(1, 8, 8, dtype=torch.uint8), 80)
    CAN_JPEG = True
except RuntimeError:  # this build of torchvision has no codecs
    CAN_JPEG = False
needs_jpeg = pytest.mark.skipif(not CAN_JPEG, reason="this build of torchvision has no codecs")


def constructible() -> dict[str, Callable[[], Any]]:
    """Every public class of ``v2`` that takes an image, with its constructor."""
    found = {}
    for name, kind in vars(v2).items():
        if not inspect.isclass(kind) or not issubclass(kind, v2.Transform):
            continue
        arguments = GIVEN.get(name, [])
        if arguments is not None:
            found[name] = lambda kind=kind, arguments=arguments: kind(*arguments)
    return found


MADE = constructible()
PIXELS = sorted(set(MADE) & PHOTOMETRIC)
MOVING = {"AugMix", "AutoAugment", "RandAugment", "TrivialAugmentWide"}


def image() -> torch.Tensor:
    """A picture with all grey levels from black to white, and an edge."""
    ramp = torch.linspace(-1024, 1024, SIZE).repeat(SIZE, 1)
    ramp[: SIZE // 2] = ramp[: SIZE // 2].flip(1)
    return ramp[None].contiguous()


def sample(masks: bool = True) -> dict[str, Any]:
    made: dict[str, Any] = {"idx": 0, "img": image(), "lab": np.zeros(1, np.float32)}
    return {**made, "pathology_masks": {0: (made["img"] > 0).float()}} if masks else made


def dataset(transform: Any, masks: bool = True) -> Any:
    d = toy()
    d.pixels = lambda row: image().numpy()  # type: ignore[method-assign]
    d.pathology_masks_of = lambda row, shape: {"Mass": (image() > 0).float().numpy()}  # type: ignore[method-assign]
    d.pathology_masks, d.transform = masks, transform
    return d


def test_the_table_is_complete() -> None:
    assert set(PIXELS) >= MOVING
    assert len(PIXELS) == 14


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=needs_jpeg if n == "JPEG" else ()) for n in sorted(set(MADE) - SCALE)]
)
def test_every_transform_of_torchvision_is_right_inside_photometric(name: str) -> None:
    torch.manual_seed(3)
    inner, masks = MADE[name](), name not in MOVING
    got = dataset(photometric(inner), masks)[0]
    assert got["img"].dtype == torch.float32
    assert got["img"].abs().max() <= 1.4 * 1024
    assert got["img"].max() - got["img"].min() > 200, "a picture is still seen"
    if masks:
        assert got["pathology_masks"][0].shape[-2:] == got["img"].shape[-2:]
        assert name == "ElasticTransform" or set(got["pathology_masks"][0].unique().tolist()) <= {0.0, 1.0}
    composed = dataset(v2.Compose([XRayCenterCrop(), photometric(inner), XRayResizer(16)]), masks)[0]
    assert composed["img"].shape[-2:] == (16, 16)


def test_normalising_inside_leaves_the_scale() -> None:
    with pytest.raises(ArgumentError, match=says("Normalize", "back=False")):
        dataset(photometric(v2.Normalize([0.5], [0.25])))[0]


@pytest.mark.parametrize("name", PIXELS)
@pytest.mark.parametrize("where", ["alone", "in Compose", "in RandomApply", "v1 Compose"])
def test_on_our_scale_they_are_refused_by_name(name: str, where: str) -> None:
    inner = MADE[name]()
    transform: Any = {
        "alone": inner,
        "in Compose": v2.Compose([XRayCenterCrop(), v2.Resize(16), inner]),
        "in RandomApply": v2.Compose([v2.RandomApply([inner], p=0.0)]),
        "v1 Compose": v1.Compose([XRayCenterCrop(), inner]),
    }[where]
    for masks in (False, True):
        with pytest.raises(ArgumentError, match=says(name, "0..1", f"photometric({name}(...))", "back=False")):
            dataset(transform, masks)[0]


@pytest.mark.parametrize("name", sorted(set(MADE) - set(PIXELS) - SCALE))
def test_the_others_are_left_alone(name: str) -> None:
    for transform in (MADE[name](), v2.Compose([XRayCenterCrop(), MADE[name]()])):
        for seed in range(3):
            torch.manual_seed(seed)
            assert dataset(transform)[0]["img"].isfinite().all()


@pytest.mark.parametrize(
    ("step", "words"),
    [
        (v2.Lambda(lambda x: (x + 1024) / 2048), ("Lambda", "0 to 1")),
        (v2.Lambda(lambda x: x / 1024), ("Lambda", "-1 to 1")),
        (v2.Lambda(lambda x: x * 2), ("Lambda", "-2048 to 2048")),
        (v2.Lambda(lambda x: x + 1024), ("Lambda", "0 to 2048")),
        (v2.Lambda(lambda x: x * float("nan")), ("Lambda", "nan")),
        (v2.Normalize([0.0], [1024.0]), ("Normalize", "-1 to 1")),
        (v2.ToDtype(torch.uint8, scale=True), ("ToDtype", "uint8")),
    ],
)
def test_a_step_that_changes_the_scale_is_named(step: Any, words: tuple[str, ...]) -> None:
    for transform in (v2.Compose([v2.RandomHorizontalFlip(), step, v2.RandomVerticalFlip()]), step):
        with pytest.raises(ArgumentError, match=says(*words, "photometric")):
            dataset(transform, masks=False)[0]
    with pytest.raises(ArgumentError, match=says("0 to 1", "photometric")):
        dataset(lambda x: (x + 1024) / 2048)[0]


def test_who_scales_by_hand_may_go_on() -> None:
    by_hand = v2.Compose(
        [v2.Lambda(lambda x: (x + 1024) / 2048), v2.ColorJitter(0.2), v2.Lambda(lambda x: x * 2048 - 1024)]
    )
    assert dataset(by_hand, masks=False)[0]["img"].min() < -500


def test_sharp_resizing_and_dull_images_are_no_offence() -> None:
    noise = torch.randint(0, 2, (1, SIZE, SIZE)).float() * 2048 - 1024
    for mode in ("BICUBIC", "LANCZOS", "BILINEAR"):
        if mode != "LANCZOS":
            for antialias in (False, True):
                resize = v2.Resize(57, interpolation=v2.InterpolationMode[mode], antialias=antialias)
                apply_transform(resize, {"img": noise})
    for level in (-1024.0, 0.0, 0.5, 1024.0):
        flat = {"img": torch.full((1, 8, 8), level)}
        for transform in (v2.RandomHorizontalFlip(1), photometric(v2.ColorJitter(0.2)), XRayResizer(4)):
            apply_transform(transform, flat)
    unit = {"img": torch.rand(1, 8, 8)}  # not ours: nothing is known of its scale
    assert apply_transform(v2.ColorJitter(0.2), unit)["img"].max() <= 1


def test_grey_levels_and_fill_are_right() -> None:
    inverted = photometric(v2.RandomInvert(1))(image())
    torch.testing.assert_close(inverted, -image(), atol=1e-3, rtol=0)
    same = photometric(v2.ColorJitter())(image())
    torch.testing.assert_close(same, image(), atol=1e-3, rtol=0)
    turned = apply_transform(photometric(v2.RandomRotation((45, 45))), sample())
    assert turned["img"][0, 0, 0] == -1024, "black"
    assert turned["pathology_masks"][0][0, 0, 0] == 0
    torch.testing.assert_close(
        turned["pathology_masks"][0],
        apply_transform(v2.RandomRotation((45, 45)), sample())["pathology_masks"][0],
        msg="the geometry of image and masks is one",
    )


@needs_jpeg
def test_jpeg_gets_the_bytes_that_it_needs() -> None:
    jpeg = photometric(v2.Compose([v2.ColorJitter(), v2.JPEG(95)]))(image())
    assert (jpeg - image()).abs().max() < 200


def test_fill_that_is_grey_is_told(caplog: pytest.LogCaptureFixture) -> None:
    dataset(v2.Compose([v2.RandomHorizontalFlip(), v2.RandomRotation(5)]))
    assert "RandomRotation" in caplog.text
    assert "fill=-1024" in caplog.text
    caplog.clear()
    for quiet in (v2.RandomRotation(5, fill=-1024), v2.RandomCrop(8), photometric(v2.RandomRotation(5))):
        dataset(quiet)
    assert not caplog.text


def test_v1_transforms_and_functions() -> None:
    assert dataset(photometric(v1.ColorJitter(0.2)), masks=True)[0]["img"].min() < -500
    got = dataset(photometric(lambda unit: unit**2), masks=False)[0]["img"]
    torch.testing.assert_close(got, ((image() + 1024) / 2048) ** 2 * 2048 - 1024, atol=1e-3, rtol=0)
    for moving in (v2.RandAugment(), v1.RandAugment(), v1.RandomRotation(5), lambda unit: unit):
        with pytest.raises(ArgumentError, match="masks"):
            dataset(photometric(moving))[0]


def test_another_scale_on_request() -> None:
    for transform in (photometric(v2.Normalize([0.5], [0.25]), back=False), photometric(v2.Identity(), back=False)):
        for it in (transform, v2.Compose([XRayCenterCrop(), transform])):
            assert dataset(it)[0]["img"].abs().max() <= 2


def test_arrays_typed_tensors_pickle_and_repr() -> None:
    jitter = photometric(v2.RandomInvert(1))
    assert isinstance(jitter(image().numpy()), np.ndarray)
    typed = jitter({"img": tv_tensors.Image(image()), "mask": tv_tensors.Mask(torch.ones(1, SIZE, SIZE))})
    assert isinstance(typed["img"], tv_tensors.Image)
    assert typed["mask"].eq(1).all()
    assert "RandomInvert" in repr(pickle.loads(pickle.dumps(jitter)))
    assert jitter(sample())["pathology_masks"][0].equal(sample()["pathology_masks"][0])


def test_the_phantom_may_be_augmented_as_documented() -> None:
    transform = photometric(v2.Compose([v2.RandomAffine(10, fill=0), v2.ColorJitter(0.2, 0.2)]))
    d = xrv_core.get_dataset("phantom", n=2, size=64, pathology_masks=True, transform=transform)
    assert [d[i]["img"].min() < -800 for i in range(2)] == [True, True]
