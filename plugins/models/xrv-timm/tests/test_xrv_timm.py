"""timm networks behind the interface of classifiers."""

from __future__ import annotations

import subprocess
import sys
import warnings
from collections.abc import Iterator

import pytest
import torch

import xrv_core as xrv
from xrv_core.errors import ArgumentError, UnknownName
from xrv_core.torchvision_guard import import_timm
from xrv_timm.plugin import xrv_resolve

NAMES = ["Mass", "Nodule"]
timm = import_timm()


def xrays(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2048 - 1024


def build(name: str = "resnet10t", **options):
    return xrv.get_classifier(f"timm/{name}", **{"pathologies": NAMES, "input_resolution": 64} | options)


def network(name: str = "resnet10t", **options) -> torch.nn.Module:
    return timm.create_model(name, **options).eval()


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# -- names


def test_any_name_has_a_spec_without_timm_being_imported():
    code = (
        "import sys; from xrv_timm.plugin import xrv_resolve; "
        "print(xrv_resolve('classifier', 'timm/whatever').architecture, 'timm' in sys.modules, 'torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["whatever", "False", "False"]
    assert xrv.describe_classifier("timm/resnet18.a1_in1k").architecture == "resnet18.a1_in1k"


@pytest.mark.parametrize(
    ("kind", "name"), [("dataset", "timm/resnet18"), ("classifier", "resnet18"), ("classifier", "timm/")]
)
def test_other_names_are_left_to_others(kind, name):
    assert xrv_resolve(kind, name) is None


@pytest.mark.parametrize(
    ("name", "rest"),
    [
        ("resnt18", "has no such network. Did you mean 'timm/resnet18'"),
        ("resnet18.a1_in1kk", "has resnet18, but no such weights of it. Did you mean 'timm/resnet18.a1_in1k'"),
        ("zzzzzzzzzzzzzz", "has no such network."),
    ],
)
def test_unknown_networks_suggest(name, rest):
    with pytest.raises(UnknownName) as error:
        build(name)
    start = f"No classifier named 'timm/{name}': timm {timm.__version__} {rest}"
    assert str(error.value).startswith(start)


# -- arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"pathologies": None}, "'timm/resnet10t' needs pathologies=[...]: the names of its outputs, in order."),
        ({"pretrained": True, "weights_url": "x"}, "Give only one of weights, weights_url and pretrained."),
        ({"sha256": "0" * 64}, "sha256 is the hash of the file at weights_url, which is not given."),
        ({"num_classes": 3}, "num_classes cannot be given: it is the number of pathologies."),
        ({"in_chans": 2}, "in_chans=2: give 1, or 3 as the network was published."),
        (
            {"wings": 2},
            "'timm/resnet10t' has no option 'wings'. Did you mean 'weights'? Its options are: input_resolution, "
            "pathologies, pretrained, sha256, weights, weights_url, and what it hands on.",
        ),
        (
            {"pathologies": []},
            "pathologies must be a list of different, non-empty names, like ['Mass', 'Nodule']; got [].",
        ),
    ],
)
def test_wrong_arguments(options, message):
    with pytest.raises(ArgumentError) as error:
        build(**options)
    assert str(error.value) == message


# -- inside


def test_random_network():
    model = build()
    assert (model.pathologies, model.trained, model.op_threshs) == (NAMES, [True, True], None)
    assert model.training
    assert model.spec.name == "timm/resnet10t"
    assert build(input_resolution=None).input_resolution == timm.get_pretrained_cfg("resnet10t").input_size[-1]
    assert list(model.predict(xrays(1, 100, 100))) == NAMES


@pytest.mark.parametrize(
    ("name", "side", "grid"),
    [
        ("resnet10t", 64, 2),
        ("mobilenetv3_small_050", 64, 2),  # pools before its last layer
        ("vit_tiny_patch16_224", 64, 4),
        ("deit_tiny_distilled_patch16_224", 64, 4),  # two prefix tokens
        ("swin_tiny_patch4_window7_224", 64, 2),  # channels last
        ("mixer_s32_224", 64, 2),  # tokens without prefix
        ("convnext_atto", 64, 2),
    ],
)
def test_features_and_maps_of_every_kind_of_network(name, side, grid):
    model = build(name, input_resolution=side).eval()
    x = xrays(2, 1, 100, 100)
    with torch.no_grad():
        inner = model.adapt(torch.nn.functional.interpolate(x, (side, side), mode="bilinear", antialias=True))
        head = model.backbone.forward_head
        raw = model.backbone.forward_features(inner)
        features, maps = model.features(x), model.feature_maps(x)
        torch.testing.assert_close(features, head(raw, pre_logits=True))
        torch.testing.assert_close(model(x), model.classifier(features))
    assert maps.shape == (2, model.backbone.num_features, grid, grid)
    corner = raw[:, model.backbone.num_prefix_tokens] if "it_tiny" in name else None  # first token of the grid
    if corner is not None:
        assert torch.equal(maps[:, :, 0, 0], corner)


def test_a_network_whose_tokens_form_no_map():
    model = build("coat_lite_tiny")
    with pytest.raises(ArgumentError) as error:
        model.feature_maps(xrays(1, 1, 64, 64))
    assert str(error.value) == "CoaT of timm gives [1, 5, 320], which is not a square map; use features()."


def test_a_network_of_fixed_size_is_built_for_the_resolution():
    assert build("vit_tiny_patch16_224", input_resolution=96).backbone.patch_embed.img_size == (96, 96)
    assert build("vit_tiny_patch16_224", input_resolution=224).backbone.patch_embed.img_size == (224, 224)


# -- grey images in colour networks


def test_the_network_gets_what_a_grey_photograph_would_give(tmp_path, quiet):
    original = network(num_classes=2)
    torch.save(original.state_dict(), tmp_path / "w.pt")
    model = build(weights=tmp_path / "w.pt")
    config = original.pretrained_cfg
    grey = torch.rand(2, 1, 64, 64)
    mean, std = (torch.tensor(config[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    with torch.no_grad():
        expected = original((grey.expand(-1, 3, -1, -1) - mean) / std)
        torch.testing.assert_close(model(grey * 2048 - 1024), expected, atol=1e-5, rtol=1e-5)


def test_one_channel_is_exact_only_where_the_channels_are_alike(tmp_path, quiet):
    """timm makes a one-channel network by summing the filters."""
    x = xrays(2, 1, 64, 64)
    difference = {}
    for name in ("resnet10t", "vit_tiny_patch16_224"):  # the second with mean and std 0.5
        original = network(name, num_classes=2)
        torch.save(original.state_dict(), tmp_path / "colour.pt")
        overlay = {"state_dict": original.state_dict(), "num_classes": 2}
        grey = network(name, num_classes=2, in_chans=1, pretrained=True, pretrained_cfg_overlay=overlay)
        torch.save(grey.state_dict(), tmp_path / "grey.pt")
        with torch.no_grad():
            colour = build(name, weights=tmp_path / "colour.pt", input_resolution=224).features(x)
            single = build(name, weights=tmp_path / "grey.pt", input_resolution=224, in_chans=1).features(x)
        difference[name] = float((colour - single).abs().max() / colour.abs().max())
    assert difference["vit_tiny_patch16_224"] < 1e-5
    assert difference["resnet10t"] > 1e-3
