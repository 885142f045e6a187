"""NetworkSegmenter: logits of the network, and maps and masks that lie on the image pixel by pixel."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from messages import says
from model_proofs import xrays
from torch import nn

import xrv_core
from xrv_core.errors import ArgumentError, InputError
from xrv_core.models import NetworkSegmenter, renamed_keys
from xrv_core.protocols import Segmenter, missing_members

NAMES = ["Bright", "Dark", "dark bone"]


class Brightness(nn.Module):
    """Logits of three structures out of the brightness of a pixel, one trainable number, and a mode that shows."""

    def __init__(self, sharpness: float = 0.02) -> None:
        super().__init__()
        self.sharpness = nn.Parameter(torch.tensor(sharpness))
        self.norm = nn.BatchNorm2d(1)
        self.sizes: list[torch.Size] = []
        self.modes: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.sizes.append(x.shape)
        self.modes.append(self.training)
        return torch.cat([x, -x, -x - 600], dim=1) * self.sharpness


@pytest.fixture
def model() -> NetworkSegmenter:
    return NetworkSegmenter(Brightness(), NAMES, input_resolution=64)


def square_at(height: int, width: int, top: int, left: int, side: int) -> torch.Tensor:
    x = torch.full((1, height, width), -1000.0)
    x[:, top : top + side, left : left + side] = 1000
    return x


# -- the network


def test_forward_gives_logits_at_the_resolution_of_the_network(model: NetworkSegmenter) -> None:
    x = xrays(2, 1, 100, 100).requires_grad_()
    out = model(x)
    assert out.shape == (2, 3, 64, 64)
    expected = nn.functional.interpolate(x.detach(), size=(64, 64), mode="bilinear", antialias=True) * 0.02
    torch.testing.assert_close(out[:, :1], expected)
    out.sum().backward()
    assert x.grad is not None
    assert x.grad.isfinite().all()


def test_it_keeps_the_contract_and_tells_what_it_is(model: NetworkSegmenter) -> None:
    assert isinstance(model, Segmenter)
    assert missing_members(model, Segmenter) == []
    assert (model.structures, model.input_resolution) == (NAMES, 64)
    assert repr(model) == "<NetworkSegmenter Brightness: 3 structures, input 64 x 64 pixels>"


# -- maps that lie on the image


@pytest.mark.parametrize("shape", [(128, 128), (64, 64), (40, 40), (128, 96), (90, 150), (97, 64)])
def test_masks_lie_on_the_image_whatever_its_shape(model: NetworkSegmenter, shape: tuple[int, int]) -> None:
    height, width = shape
    top, left, side = height // 4, width // 2, 16
    image = square_at(height, width, top, left, side)
    mask = model.masks(image, structures=["Bright"])
    assert isinstance(mask, dict)
    found = mask["Bright"]
    assert (found.dtype, found.shape) == (torch.bool, (height, width))
    rows, columns = (torch.nonzero(found.any(axis)).flatten().tolist() for axis in (1, 0))
    near = max(1, max(height, width) / 64 / 2)  # half a pixel of the network
    for edges, start in ((rows, top), (columns, left)):
        assert abs(edges[0] - start) <= near
        assert abs(edges[-1] + 1 - start - side) <= near
    assert torch.nonzero(found).float().mean(0).tolist() == pytest.approx([top + 7.5, left + 7.5], abs=0.5)


def test_an_image_that_is_not_square_is_padded_with_black(model: NetworkSegmenter) -> None:
    image = torch.zeros(1, 64, 32)
    seen: list[torch.Tensor] = []
    model.network.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    model.predict(image)
    expected = torch.full((1, 1, 64, 64), -1024.0)
    expected[..., 16:48] = 0
    assert torch.equal(seen[0], expected)


def test_a_network_of_any_size_sees_the_image_as_it_is() -> None:
    model = NetworkSegmenter(Brightness(), NAMES)
    found = model.predict(xrays(1, 1, 30, 50)[0])
    assert isinstance(found, dict)
    assert {tuple(p.shape) for p in found.values()} == {(30, 50)}
    assert model.network.sizes == [torch.Size([1, 1, 30, 50])]
    assert repr(model) == "<NetworkSegmenter Brightness: 3 structures, input any size>"


def test_probabilities_are_those_of_the_network_where_no_size_changes(model: NetworkSegmenter) -> None:
    x = xrays(2, 1, 64, 64)
    found = model.predict(x)
    assert isinstance(found, list)
    probabilities = model(x).sigmoid()
    for one, expected in zip(found, probabilities, strict=True):
        assert list(one) == NAMES
        for p, e in zip(one.values(), expected, strict=True):
            assert torch.equal(p, e.detach())


@pytest.mark.parametrize("size", [64, 200])
def test_softmax_shares_each_pixel_among_the_structures(size: int) -> None:
    model = NetworkSegmenter(Brightness(), NAMES, input_resolution=64, activation="softmax")
    found = model.predict(xrays(1, 1, size, size)[0])
    assert isinstance(found, dict)
    torch.testing.assert_close(sum(found.values()), torch.ones(size, size))


def test_a_network_of_probabilities() -> None:
    class Half(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return torch.full_like(x, 0.5)

    model = NetworkSegmenter(Half(), ["Anything"], input_resolution=8, activation="identity")
    for threshold, found in ((0.49, True), (0.5, False)):
        masks = model.masks(torch.zeros(1, 20, 20), threshold)
        assert isinstance(masks, dict)
        assert (masks["Anything"] == found).all()


# -- one structure at a time


def test_maps_are_what_predict_gives_one_at_a_time(model: NetworkSegmenter) -> None:
    x = xrays(1, 1, 90, 70)[0]
    maps = model.maps(x, ["dark bone", "Bright"])
    assert isinstance(maps, Iterator)
    assert len(model.network.sizes) == 1, "the network runs when maps() is called"
    found = model.predict(x)
    assert isinstance(found, dict)
    for name, p in maps:
        assert torch.equal(p, found.pop(name))
        assert p.dtype == torch.float32
    assert list(found) == ["Dark"]
    assert len(model.network.sizes) == 2


def test_images_in_and_masks_out(model: NetworkSegmenter) -> None:
    image = xrays(1, 1, 48, 48)[0]
    plain = model.masks(image)
    assert isinstance(plain, dict)
    for form in (image[0], image.numpy(), image[0].numpy().astype(np.float64)):
        other = model.masks(form)
        assert isinstance(other, dict)
        assert all(torch.equal(plain[name], other[name]) for name in NAMES)
    batch = model.masks(torch.stack([image, -image]), threshold=0.7)
    assert isinstance(batch, list)
    assert (batch[0]["Bright"] <= plain["Bright"]).all()
    assert torch.equal(batch[0]["Bright"], batch[1]["Dark"])


def test_predicting_leaves_modes_gradients_and_types_alone(model: NetworkSegmenter) -> None:
    model.train()
    model.network.norm.eval()
    found = model.predict(xrays(1, 1, 64, 64))
    assert isinstance(found, list)
    assert not any(p.requires_grad for p in found[0].values())
    assert model.network.modes == [False]
    assert (model.training, model.network.training, model.network.norm.training) == (True, True, False)
    half = model.to(torch.bfloat16).predict(xrays(1, 1, 64, 64))
    assert isinstance(half, list)
    assert half[0]["Bright"].dtype == torch.float32
    torch.testing.assert_close(half[0]["Bright"], found[0]["Bright"], atol=0.05, rtol=0)


# -- what is refused


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        (["bright"], ("'bright'", "Did you mean 'Bright'?")),
        ("Drak", ("'Drak'", "Did you mean 'Dark'?")),
        (["lung"], ("'lung'", "Bright, Dark, dark bone")),
        ([], ("structures=[]", "different names", "None")),
        (["Dark", "Dark"], ("structures=['Dark', 'Dark']", "different names", "None")),
    ],
)  # fmt: skip
def test_structures_that_there_are_not(model: NetworkSegmenter, wanted: list[str], words: tuple[str, ...]) -> None:
    for call in (model.predict, model.maps):
        with pytest.raises(ArgumentError, match=says(*words)):
            call(xrays(1, 1, 64, 64), wanted)
    assert model.network.sizes == []


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: m.masks(torch.zeros(1, 8, 8), 50), ("threshold=50", "between 0 and 1")),
        (lambda m: NetworkSegmenter(m, "Heart"), ("structures", "['Heart', 'Spine']", "got 'Heart'")),
        (lambda m: NetworkSegmenter(m, ["A"], input_resolution=0),
         ("input_resolution=0", "number of pixels", "None")),
        (lambda m: NetworkSegmenter(m, ["A"], activation="relu"),
         ("activation='relu'", "sigmoid, softmax, identity")),
        (lambda m: NetworkSegmenter(m.network, ["A", "B"])(torch.zeros(1, 1, 8, 8)),
         ("[1, 3, 8, 8]", "2 structures", "[B, 2, h, w]")),
    ],
)  # fmt: skip
def test_arguments_that_cannot_be(model, call, words: tuple[str, ...]) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(ArgumentError, match=says(*words)):
        call(model)


def test_input_that_cannot_be(model: NetworkSegmenter) -> None:
    with pytest.raises(InputError, match=r"maps\(\) takes one image, this batch has 2: call it for each image\."):
        model.maps(xrays(2, 1, 64, 64))
    with pytest.raises(InputError, match="The images are 64 x 32 pixels; squeezing"):
        model(torch.zeros(1, 1, 64, 32))
    scaled = (xrays(1, 1, 64, 32) + 1024) / 2048  # black borders must not hide that it was scaled to 0..1
    with pytest.raises(InputError, match=r"Scaled to 0\.\.1\?"):
        model.predict(scaled)


# -- the front door, and names of tensors


def test_a_registered_segmenter_goes_through_the_front_door() -> None:
    def factory(spec: xrv_core.SegmenterSpec, weights: object = None) -> NetworkSegmenter:
        return NetworkSegmenter(Brightness(), spec.structures, input_resolution=spec.input_resolution, spec=spec)

    spec = xrv_core.SegmenterSpec(
        name="brightness", title="A toy", factory=factory, licence="CC0", citation="none", homepage="https://x.org",
        obtain="Nothing to obtain.", structures=NAMES, input_resolution=64, activation="softmax",
    )  # fmt: skip
    with xrv_core.register(spec):
        model = xrv_core.get_segmenter("brightness", weights=None)
    assert isinstance(model, NetworkSegmenter)
    assert (model.activation, model.spec) == ("softmax", spec)
    assert repr(model) == "<NetworkSegmenter brightness: 3 structures, input 64 x 64 pixels>"
    with pytest.raises(ArgumentError, match=r"^brightness has no structure 'Drak'"):
        model.maps(torch.zeros(1, 64, 64), ["Drak"])


def test_renamed_keys_take_the_first_pattern_at_the_start_of_a_name() -> None:
    a, b, c, d = (torch.tensor(float(i)) for i in range(4))
    table = ((r"block(\d)\.", r"layer\1."), (r"block", "never"), (r"head\.", "out."))
    state = {"block2.w": a, "head.block1.w": b, "my.head.w": c, "network.out.w": d}
    found = renamed_keys(state, table, prefix="network.")
    assert found == {"network.layer2.w": a, "network.out.block1.w": b, "my.head.w": c, "network.out.w": d}
