"""The base of autoencoders: input check, resizing, code check, pixel range, gradients."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from messages import says
from model_proofs import xrays
from torch import nn

import xrv_core as xrv
from xrv_core.errors import ArgumentError, InputError
from xrv_core.models import ImageAutoencoder
from xrv_core.specs import AutoencoderSpec


class Halves(ImageAutoencoder):
    """Every second pixel and back, with a gain that can leave the pixel range."""

    def __init__(self, spec: AutoencoderSpec, weights: None = None, gain: float = 1.0) -> None:
        super().__init__(spec)
        self.gain = nn.Parameter(torch.tensor(gain))

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.gain * x[..., ::2, ::2]

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        return z.repeat_interleave(2, 2).repeat_interleave(2, 3)


def spec(**more) -> AutoencoderSpec:
    facts = {"input_resolution": 8, "code_shape": (1, 4, 4)} | more
    return AutoencoderSpec(
        name="halves", title="Halves", factory=Halves, licence="CC0", citation="none", homepage="none", obtain="-",
        **facts,
    )  # fmt: skip


def test_it_is_an_autoencoder_by_the_front_door():
    with xrv.register(spec()):
        model = xrv.get_autoencoder("halves", weights=None, gain=0.5)
    assert isinstance(model, xrv.Autoencoder)
    x = xrays(2, 1, 8, 8)
    result = model(x)
    assert list(result) == ["z", "out"]
    torch.testing.assert_close(result["z"], 0.5 * x[..., ::2, ::2])
    torch.testing.assert_close(result["out"], model.decode(model.encode(x)))
    assert (model.input_resolution, model.code_shape, model.spec.name) == (8, (1, 4, 4), "halves")


@pytest.mark.parametrize("size", [4, 16, 100])
def test_other_sizes_are_resized_with_antialiasing(size):
    x = xrays(2, 1, size, size)
    resized = nn.functional.interpolate(x, size=(8, 8), mode="bilinear", antialias=True)
    torch.testing.assert_close(Halves(spec()).encode(x), resized[..., ::2, ::2])


def test_no_resolution_means_any_size():
    model = Halves(spec(input_resolution=None))
    assert model.encode(xrays(1, 1, 20, 12)).shape == (1, 1, 10, 6)
    assert repr(model) == "<Halves halves: input any size, code 1 x 4 x 4>"
    assert repr(Halves(spec())) == "<Halves halves: input 8 x 8 pixels, code 1 x 4 x 4>"


def test_what_decode_gives_is_an_image_that_models_take():
    model = Halves(spec(), gain=3.0)
    x = xrays(2, 1, 8, 8)
    z = model.encode(x)
    cut, raw = model.decode(z), model.decode(z, clamp=False)
    assert cut.abs().max() == 1024 < raw.abs().max()
    torch.testing.assert_close(cut, raw.clamp(-1024, 1024), atol=0, rtol=0)
    model.encode(cut)
    with pytest.warns(UserWarning, match="leave that scale"):
        model.encode(raw)
    with pytest.raises(InputError, match="which cannot be that scale"):
        model.encode(2 * raw)


def test_a_pixel_that_was_cut_has_no_gradient_and_the_raw_one_has():
    model = Halves(spec())
    for clamp, expected in ((True, [1.0, 0.0, 0.0]), (False, [1.0, 1.0, 1.0])):
        z = torch.tensor([500.0, 1500.0, -1500.0] + [0.0] * 13).view(1, 1, 4, 4).requires_grad_()
        model.decode(z, clamp=clamp).sum().backward()
        assert (z.grad.flatten()[:3] / 4).tolist() == expected


HINT = "encode(images)"


@pytest.mark.parametrize(
    ("z", "found"),
    [
        (torch.zeros(2, 1, 4, 5), "has [2, 1, 4, 5]"),
        (torch.zeros(1, 4, 4), "has [1, 4, 4]"),
        (torch.zeros(2, 1, 4, 4, 1), "has [2, 1, 4, 4, 1]"),
        (torch.zeros(2, 1, 4, 4, dtype=torch.int64), "is of type torch.int64"),
        (np.zeros((2, 1, 4, 4)), "is of type ndarray"),
    ],
)
def test_what_is_no_code(z, found):
    with pytest.raises(InputError, match=says("'halves'", "[B, 1, 4, 4]", found, HINT)):
        Halves(spec()).decode(z)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        (torch.zeros(1, 8, 8), ("float images", "[B, 1, H, W]")),
        (xrays(1, 1, 8, 8) / 1024, ("float images", "[B, 1, H, W]")),
        (xrays(1, 1, 8, 12), ("8 x 12 pixels", "8 x 8", "distort")),
    ],
)
def test_what_is_no_image(x, words):
    model = Halves(spec())
    for call in (model, model.encode):
        with pytest.raises(InputError, match=says(*words)):
            call(x)


def test_images_take_the_type_of_the_model():
    x = xrays(1, 1, 8, 8)
    assert Halves(spec()).encode(x.double()).dtype == torch.float32
    assert Halves(spec()).double().encode(x).dtype == torch.float64


def test_a_spec_without_code_shape():
    with pytest.raises(ArgumentError, match=says("'halves'", "no code_shape", "shape of one image's code")):
        Halves(spec(code_shape=()))


def test_both_halves_are_needed():
    class Encoder(ImageAutoencoder):
        def _encode(self, x: torch.Tensor) -> torch.Tensor:
            return x

    with pytest.raises(TypeError, match="_decode"):
        Encoder(spec())
