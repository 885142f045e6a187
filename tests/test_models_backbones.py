"""What becomes a BackboneClassifier: any module, or a network of timm by name."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
from messages import says
from torch import nn

import xrv_core as xrv
from xrv_core.errors import ArgumentError, OfflineError, UnknownName
from xrv_core.models import BackboneClassifier, InputAdapter
from xrv_core.protocols import Classifier
from xrv_core.torchvision_guard import import_timm

NAMES = ["Mass", "Nodule"]
timm = import_timm()


def xrays(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2048 - 1024


class Convolutions(nn.Module):
    """Maps, batch statistics, dropout; optionally a fixed size."""

    def __init__(self, channels: int = 1, side: int | None = None) -> None:
        super().__init__()
        self.side = side
        self.layers = nn.Sequential(nn.Conv2d(channels, 6, 3, stride=2), nn.BatchNorm2d(6), nn.Dropout(0.5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.side not in (None, x.shape[-1]):
            raise RuntimeError(f"this network takes {self.side} pixels")
        return self.layers(x)


# -- a network of timm by name


@pytest.mark.parametrize("name", ["resnet10t", "mobilenetv3_small_050", "vit_tiny_patch16_224", "resnetv2_50x1_bit"])
def test_a_name_of_timm_is_the_classifier_that_its_plugin_builds(name):
    """Weights of one in the other: the same numbers, so everything that surrounds the network is the same."""
    own = BackboneClassifier(name, NAMES, input_resolution=64).eval()
    theirs = xrv.get_classifier(f"timm/{name}", pathologies=NAMES, input_resolution=64).eval()
    theirs.load_state_dict(own.state_dict())
    assert isinstance(own, Classifier)
    assert own.classifier.in_features == own.backbone.head_hidden_size
    x = xrays(1, 1, 80, 80)
    with torch.no_grad():
        for call in ("forward", "features", "feature_maps"):
            assert torch.equal(getattr(own, call)(x), getattr(theirs, call)(x)), call
    assert own.recipe == theirs.recipe
    assert own.recipe["timm"] == name


def test_what_is_not_given_is_that_of_timms_own_weights():
    config = timm.get_pretrained_cfg("resnet10t.c3_in1k")
    model = BackboneClassifier("timm/resnet10t.c3_in1k", NAMES)
    assert model.input_resolution == config.input_size[-1]
    assert tuple(model.adapt.mean.flatten().tolist()) == pytest.approx(config.mean)
    assert tuple(model.adapt.std.flatten().tolist()) == pytest.approx(config.std)
    assert model.recipe == {"timm": "resnet10t.c3_in1k", "options": {"in_chans": 3}}


def test_what_is_given_wins():
    grey = BackboneClassifier("resnet10t", NAMES, in_chans=1, input_resolution=96, drop_rate=0.1)
    assert grey.backbone.conv1[0].in_channels == 1
    assert grey.input_resolution == 96
    assert grey.backbone.drop_rate == 0.1
    assert grey.recipe == {"timm": "resnet10t", "options": {"in_chans": 1, "drop_rate": 0.1}}
    own = BackboneClassifier(
        "resnet10t", NAMES, input_resolution=64, adapt=InputAdapter([0.5] * 3, [0.5] * 3),
        features=lambda net, x: net.forward_features(x).amax((2, 3))[:, :7],
    )  # fmt: skip
    assert own.classifier.in_features == 7
    assert own(xrays(1, 1, 64, 64)).shape == (1, 2)


def test_errors_about_names():
    with pytest.raises(UnknownName) as error:
        BackboneClassifier("resnt18", NAMES)
    assert str(error.value).startswith(
        f"No classifier named 'resnt18': timm {timm.__version__} has no such network. Did you mean 'resnet18'"
    )
    with pytest.raises(
        ArgumentError,
        match=says("timm", "'resnet10t'", "{'in_chans': 3, 'wings': 2}", "unexpected keyword argument 'wings'"),
    ):
        BackboneClassifier("resnet10t", NAMES, wings=2)
    with pytest.raises(ArgumentError, match=says("backbone", "int", "torch.nn.Module", "timm")):
        BackboneClassifier(42, NAMES)


def test_pretrained_is_asked_of_the_hub_alone(monkeypatch):
    monkeypatch.setenv("XRV_OFFLINE", "1")
    with pytest.raises(
        OfflineError, match=says("pretrained=True", "'resnet10t'", "XRV_OFFLINE", "leave pretrained out")
    ):
        BackboneClassifier("resnet10t", NAMES, pretrained=True)
    monkeypatch.delenv("XRV_OFFLINE")
    state = timm.create_model("resnet10t", num_classes=1000).state_dict()
    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", lambda *_, **__: dict(state))
    model = BackboneClassifier("resnet10t", NAMES, pretrained=True)
    assert torch.equal(model.backbone.conv1[0].weight, state["conv1.0.weight"])
    assert model.recipe == {"timm": "resnet10t", "options": {"in_chans": 3}}, "weights are no part of it"


def test_another_backbone_ends_the_recipe():
    model = BackboneClassifier("resnet10t", NAMES)
    assert copy.deepcopy(model).recipe == model.recipe
    model.backbone = Convolutions()
    assert model.recipe is None


def test_timm_is_not_loaded_for_a_module():
    code = (
        "import sys, torch; from xrv_core.models import BackboneClassifier; "
        "BackboneClassifier(torch.nn.Conv2d(1, 4, 3), ['Mass']); print('timm' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False"]


# -- a module


@pytest.mark.parametrize(
    ("backbone", "options", "width"),
    [
        (Convolutions(), {}, 6),
        (Convolutions(side=48), {"input_resolution": 48}, 6),
        (Convolutions(3), {"adapt": InputAdapter([0.5] * 3, [0.25] * 3)}, 6),
        (nn.Sequential(Convolutions(), nn.AdaptiveAvgPool2d(2), nn.Flatten()), {}, 24),
        (Convolutions().double(), {}, 6),
        (Convolutions(), {"features": lambda net, x: net(x).amax((2, 3)).repeat(1, 2)}, 12),
        (nn.Flatten(), {"input_resolution": 8}, 64),  # without parameters
    ],
)
def test_the_width_of_a_module_is_found_out(backbone, options, width):
    model = BackboneClassifier(backbone, NAMES, **options)
    assert model.classifier.in_features == width
    assert model.recipe is None


def test_finding_out_leaves_no_trace():
    backbone = Convolutions()
    backbone.layers[1].eval()  # a frozen batch norm
    modes = [m.training for m in backbone.modules()]
    before = {k: v.clone() for k, v in backbone.state_dict().items()}
    model = BackboneClassifier(backbone, NAMES)
    assert [m.training for m in backbone.modules()] == modes
    assert all(torch.equal(v, before[k]) for k, v in backbone.state_dict().items())
    model(xrays(2, 1, 32, 32)).sum().backward()


def test_where_it_cannot_be_found_out():
    pattern = r"num_features .*\[1, 1, 224, 224\] .*RuntimeError: this network takes 100 pixels.* input_resolution"
    with pytest.raises(ArgumentError, match=pattern):
        BackboneClassifier(Convolutions(side=100), NAMES)
    with pytest.raises(ArgumentError, match=r"expected input\[1, 1, 224, 224\] to have 3 channels"):
        BackboneClassifier(Convolutions(3), NAMES)
    with pytest.raises(ArgumentError, match=r"num_features .* shape \[16\].* features="):
        BackboneClassifier(nn.Flatten(0), NAMES, input_resolution=4)
    with pytest.raises(ArgumentError, match="takes no 'pretrained' with a backbone that is built already"):
        BackboneClassifier(Convolutions(), NAMES, pretrained=True)
