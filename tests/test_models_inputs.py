"""The check, the resize and the adapter in front of every model."""

from __future__ import annotations

import contextlib
import re
import warnings

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from messages import says

from xrv_core.errors import ArgumentError, InputError
from xrv_core.models.base.inputs import InputAdapter, as_batch, check_input, resize_input

WANTED = "[B, 1, H, W] with pixels in [-1024, 1024]"
HOW = "xrv_core.datasets.load_image(PATH)"


def xrays(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2048 - 1024


@pytest.mark.parametrize(
    ("x", "words"),
    [
        ([[0.0]], (WANTED, "type list", HOW)),
        (np.zeros((1, 1, 8, 8)), (WANTED, "type ndarray", HOW)),
        (torch.zeros(1, 1, 8, 8, dtype=torch.uint8), (WANTED, "type torch.uint8", HOW)),
        (torch.zeros(1, 8, 8), (WANTED, "shape [1, 8, 8]", HOW)),
        (torch.zeros(2, 3, 8, 8), (WANTED, "shape [2, 3, 8, 8]", HOW)),
        (torch.zeros(0, 1, 8, 8), (WANTED, "shape [0, 1, 8, 8]", HOW)),
        (torch.zeros(1, 1, 0, 8), (WANTED, "shape [1, 1, 0, 8]", HOW)),
    ],
)
def test_wrong_type_or_shape(x, words):
    with pytest.raises(InputError, match=says(*words)):
        check_input(x)


BAD_PIXELS = (WANTED, "image 1 of the batch", "NaN or infinite")
SCALE = (WANTED, "image 1 of the batch")
CLAMP = ("clamp", HOW)


@pytest.mark.parametrize(
    ("pixels", "words"),
    [
        ([[0, float("nan")], [0, 0]], BAD_PIXELS),
        ([[0, float("inf")], [0, 0]], BAD_PIXELS),
        ([[-float("inf"), 0], [0, 0]], BAD_PIXELS),
        ([[0, 0.5], [1, 0]], (*SCALE, "0 to 1", "x * 2048 - 1024", HOW)),
        ([[-1, 0.5], [1, 0]], (*SCALE, "-1 to 1", "x * 1024", HOW)),
        ([[0, 128], [255, 3]], (*SCALE, "0 to 255", "x / 255 * 2048 - 1024", HOW)),
        ([[0, 4096], [1, 3]], (*SCALE, "0 to 4096", *CLAMP)),
        ([[0, 1500], [1, 3]], (*SCALE, "0 to 1500", *CLAMP)),
        ([[0, 900], [1, 3]], (*SCALE, "0 to 900", *CLAMP)),
        ([[-3076, 1000], [1, 3]], (*SCALE, "-3076 to 1000", *CLAMP)),
        ([[-2.1, 2.6], [1, 0]], (*SCALE, "-2.", "mean and deviation", "-1024", HOW)),
        ([[-3.9, -3], [-3.5, -3.9]], (*SCALE, "-3.9", "mean and deviation", HOW)),
        ([[0, 4], [1, 3]], (*SCALE, "0 to 4", "mean and deviation", HOW)),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float32, torch.float64])
def test_wrong_pixels_are_refused_on_every_call_and_named(pixels, words, dtype):
    x = torch.stack([xrays(1, 2, 2).to(dtype), torch.tensor([pixels], dtype=dtype)])
    for _ in range(2):
        with pytest.raises(InputError, match=says(*words)):
            check_input(x)


def test_constant_images_and_rounding_beyond_the_range_pass():
    for value in (0.0, 1.0, 255.0, -1024.0, 1024.5):
        x = torch.full((1, 1, 4, 4), value)
        assert check_input(x) is x


@pytest.mark.filterwarnings("ignore:A model takes")
@given(arrays(np.uint8, (6, 6), elements=st.integers(0, 255) | st.integers(127, 128)))
def test_no_image_of_8_bit_is_refused(levels):
    check_input(torch.from_numpy((levels.astype(np.float32) / 255 * 2 - 1) * 1024)[None, None])


@pytest.mark.filterwarnings("ignore:A model takes")
@given(st.integers(9, 16), st.data())
def test_no_image_of_more_bits_is_refused_that_has_any_contrast(bits, data):
    levels = data.draw(arrays(np.uint16, (6, 6), elements=st.integers(0, 2**bits - 1)))
    x = torch.from_numpy((levels.astype(np.float64) / (2**bits - 1) * 2 - 1) * 1024)[None, None]
    if x.max() - x.min() > 8:  # one level of 8 bits
        check_input(x)


@given(st.floats(0.5, 20), st.floats(-3, 3), st.integers(0, 2))
def test_every_image_of_a_batch_that_was_normalised_is_refused(deviation, mean, place):
    """Whatever mean and deviation: by those of the image, by ImageNet's, to 0..1, to -1..1."""
    grey = (xrays(1, 8, 8) + 1024) / 2048
    wrong = (grey - grey.mean()) / (grey.std() * deviation) + mean
    images = list(xrays(2, 1, 8, 8))
    images.insert(place, wrong)
    expected = pytest.raises(InputError, match=says(f"image {place} of the batch"))
    with expected if wrong.abs().max() <= 4 else contextlib.nullcontext(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        check_input(torch.stack(images))


def told(x, model=None):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        assert check_input(x, model) is x
    return [str(each.message) for each in caught]


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (xrays(2, 1, 8, 8) + 600, ("leave that scale", "clamp")),
        (xrays(2, 1, 8, 8) * 2.9, ("leave that scale",)),
        ((xrays(2, 1, 8, 8) + 1024) / 2048 * 254.3, ("quarter", "load_image", "scale_pixels", "normalize")),
        (xrays(2, 1, 8, 8) / 100, ("quarter", "load_image")),
    ],
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_what_is_probably_wrong_is_told_once_a_model(x, words, dtype):
    models = [torch.nn.Identity(), torch.nn.Identity()]
    for model in models:
        assert re.search(says("image 0 of the batch goes from", *words), *told(x.to(dtype), model))
        assert told(x.to(dtype), model) == []
    assert len(told(x)) == len(told(x)) == 2, "without a model it is told at each call"


def test_images_on_the_scale_are_told_nothing():
    for x in (xrays(2, 1, 8, 8), xrays(2, 1, 8, 8) / 3, torch.full((1, 1, 4, 4), 30.0)):
        assert told(x) == []


def test_only_values_are_unknown_while_a_graph_is_made():
    class Checked(torch.nn.Module):
        def forward(self, x):
            return check_input(x) + 1

    x = xrays(1, 1, 4, 4)
    exported = torch.export.export(Checked(), (x,)).module()
    assert torch.equal(exported(x), x + 1)
    assert check_input(torch.zeros(1, 1, 4, 4, device="meta")).is_meta
    with pytest.raises(InputError):
        torch.export.export(Checked(), (x[0],))


@pytest.mark.parametrize(("shape", "single"), [((8, 8), True), ((1, 8, 8), True), ((2, 1, 8, 8), False)])
@pytest.mark.parametrize("kind", ["tensor", "float32", ">f8", "reversed"])
def test_as_batch(shape, single, kind):
    tensor = xrays(*shape)
    x = {
        "tensor": tensor,
        "float32": tensor.numpy(),
        ">f8": tensor.numpy().astype(">f8"),
        "reversed": tensor.numpy()[..., ::-1].copy()[..., ::-1],
    }[kind]
    batch, alone = as_batch(x)
    assert alone is single
    assert batch.shape == ((1, 1, 8, 8) if single else shape)
    assert torch.equal(batch.float().reshape(shape), tensor)


@pytest.mark.parametrize(("x", "kind"), [("chest.png", "str"), (np.zeros((4, 4), np.uint8), "uint8")])
def test_as_batch_refuses_other_things(x, kind):
    with pytest.raises(InputError, match=says(WANTED, f"type {kind}", HOW)):
        as_batch(x)


def test_resize():
    x = xrays(2, 1, 32, 32)
    assert resize_input(x, None) is x
    assert resize_input(x, 32) is x
    assert resize_input(x, 8).shape == (2, 1, 8, 8)
    wide = xrays(1, 1, 4, 6)
    assert resize_input(wide, None) is wide
    with pytest.raises(
        InputError, match=says("4 x 6 pixels", "8 x 8", "distort", "xrv_core.datasets.XRayCenterCrop()")
    ):
        resize_input(wide, 8)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_resized_in_single(dtype):
    x = xrays(2, 1, 40, 40).to(dtype)
    found = resize_input(x, 16)
    assert found.dtype == dtype
    assert torch.equal(found, resize_input(x.float(), 16).to(dtype))


@pytest.mark.parity
@pytest.mark.parametrize("size", [100, 224, 225, 512])
def test_resize_is_that_of_torchxrayvision(size):
    utils = pytest.importorskip("torchxrayvision.utils")
    x = xrays(1, 1, size, size)
    assert torch.equal(resize_input(x, 224), utils.fix_resolution(x, 224, "parity test"))


def test_adapter_gives_what_a_colour_network_gets_from_a_grey_picture():
    v2 = pytest.importorskip("torchvision.transforms.v2.functional")
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    grey = torch.rand(2, 1, 5, 5)
    adapter = InputAdapter(mean, std)
    expected = v2.normalize(grey.repeat(1, 3, 1, 1), mean, std)
    torch.testing.assert_close(adapter(grey * 2048 - 1024), expected, atol=1e-6, rtol=1e-5)
    assert adapter.state_dict() == {}
    assert repr(InputAdapter([0.5], [0.25])) == "InputAdapter(mean=[0.5], std=[0.25])"


@pytest.mark.parametrize(("mean", "std"), [((), ()), ((0.5,), (0.5, 0.5)), ((0.5,), (0.0,))])
def test_adapter_needs_a_mean_and_a_deviation_for_each_channel(mean, std):
    with pytest.raises(ArgumentError, match=says(f"mean={mean}", f"std={std}", "every channel", "std > 0")):
        InputAdapter(mean, std)
