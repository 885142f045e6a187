"""The age model: the network that fastai 1 makes of SENet-154, saved in every way its file may have been."""

from __future__ import annotations

import importlib
import re
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_attributes.age import LAYERS, AgeNetwork, age, own_keys
from xrv_attributes.plugin import xrv_classifiers
from xrv_core.errors import CheckpointError
from xrv_core.models import resize_input
from xrv_core.torchvision_guard import import_timm

SPEC = next(spec for spec in xrv_classifiers() if spec.name == "age")
#: One block a stage: the same layers as SENet-154's, fewer of them.
SHORT = (1, 1, 1, 1)
MEAN, STD = (torch.tensor(v).view(1, 3, 1, 1) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))


class AdaptiveConcatPool2d(torch.nn.Module):
    """Maximum, then mean."""

    __module__ = "fastai.layers"  # TorchScript writes it down, and refuses the hyphens of this folder

    def __init__(self) -> None:
        super().__init__()
        self.ap = torch.nn.AdaptiveAvgPool2d(1)
        self.mp = torch.nn.AdaptiveMaxPool2d(1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.cat([self.mp(x), self.ap(x)], 1)


def fastai_network(layers: tuple[int, ...]) -> torch.nn.Sequential:
    """What ``cnn_learner(data, senet154)`` of fastai 1.0.61 builds: layers numbered, max pooling inside the first."""
    senet = import_timm().create_model("legacy_senet154", layers=list(layers), num_classes=0)
    stem = torch.nn.Sequential(OrderedDict([*senet.layer0.named_children(), ("pool", senet.pool0)]))
    body = torch.nn.Sequential(stem, senet.layer1, senet.layer2, senet.layer3, senet.layer4)
    first = [torch.nn.BatchNorm1d(4096), torch.nn.Dropout(0.25), torch.nn.Linear(4096, 512), torch.nn.ReLU()]
    second = [torch.nn.BatchNorm1d(512), torch.nn.Dropout(0.5), torch.nn.Linear(512, 1)]
    head = torch.nn.Sequential(AdaptiveConcatPool2d(), torch.nn.Flatten(), *first, *second)
    return torch.nn.Sequential(body, head)


def random_network(layers: tuple[int, ...], side: int = 64) -> torch.nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = fastai_network(layers)
        settle(model, ((xrays(2, 1, side, side) + 1024) / 2048 - MEAN) / STD)
        for norm in (model[1][2], model[1][6]):
            norm.running_mean.uniform_(-0.2, 0.2)
            norm.running_var.uniform_(0.5, 1.5)
            torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.constant_(model[1][8].bias, 50)
    return model.eval()


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Sequential:
    return random_network(SHORT)


def short_age(file: Path) -> torch.nn.Module:
    return age(SPEC, file, layers=SHORT)


# -- names in the file


@pytest.fixture(scope="module")
def whole_names() -> dict[str, torch.Tensor]:
    """Names and shapes of the whole network; no numbers are made."""
    with torch.device("meta"):
        return fastai_network(LAYERS).state_dict()


def as_senet(key: str) -> str:
    """``0.1.0.conv1.weight`` as a network says that has SENet's own names."""
    return f"layer{key[2:]}" if key.startswith("0.") else f"head.{key[2:]}"


@pytest.mark.parametrize(
    "renamed",
    [
        str,
        lambda key: f"model.{key}",
        lambda key: f"learn.module.{key}",
        as_senet,
        lambda key: f"net.body.{as_senet(key)}",
    ],
    ids=["fastai", "wrapped", "wrapped twice", "senet", "senet wrapped"],
)
def test_layers_are_found_by_either_naming_under_any_prefix(whole_names, renamed: Callable[[str], str]):
    state = {renamed(key): tensor for key, tensor in whole_names.items()}
    found, plain = own_keys(state, Path("w.pt")), own_keys(whole_names, Path("w.pt"))
    assert list(found) == list(plain)
    assert all(found[key] is plain[key] for key in plain)


def test_all_names_of_the_whole_network(whole_names):
    with torch.device("meta"):
        ours = AgeNetwork().state_dict()
    wanted = {f"backbone.{key}": tuple(tensor.shape) for key, tensor in ours.items()}
    wanted |= {"classifier.weight": (1, 512), "classifier.bias": (1,)}
    found = own_keys(whole_names, Path("w.pt"))
    assert {key: tuple(tensor.shape) for key, tensor in found.items()} == wanted
    assert len(found) == len(whole_names) == 1156
    assert sum(t.numel() for k, t in found.items() if "running_" not in k and "batches" not in k) == SPEC.parameters


def test_state_dicts_of_others_and_our_own(theirs, tmp_path):
    """The output is the same number, so every tensor went to its place."""
    torch.save(theirs.state_dict(), tmp_path / "theirs.pt")
    first = short_age(tmp_path / "theirs.pt")
    torch.save(first.state_dict(), tmp_path / "ours.pt")
    second = short_age(tmp_path / "ours.pt")
    inner = first.adapt(xrays(1, 1, 64, 64))
    with torch.no_grad():
        wanted = theirs(inner)
        for model in (first, second):
            assert not model.training
            torch.testing.assert_close(model.classifier(model.backbone(inner)), wanted, atol=1e-4, rtol=0)


# -- files that do not fit


def test_a_file_without_a_senet(tmp_path):
    torch.save(torch.nn.Conv2d(3, 64, 3).state_dict(), tmp_path / "w.pt")
    words = rf"{re.escape(str(tmp_path / 'w.pt'))} .*age model.* 0 tensors .*SENet-154 \(named \.\.\.0\.conv1\.weight"
    with pytest.raises(CheckpointError, match=words):
        short_age(tmp_path / "w.pt")


def test_a_senet_with_a_plain_head(theirs, tmp_path):
    state = {key: t for key, t in theirs.state_dict().items() if key.startswith("0.")}
    torch.save(state | torch.nn.Linear(2048, 1).state_dict(prefix="last_linear."), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        short_age(tmp_path / "w.pt")
    assert str(error.value).endswith(
        "12 missing (backbone.head.0.weight, backbone.head.0.bias, backbone.head.0.running_mean, "
        "backbone.head.0.running_var, and 8 more), 2 unexpected (last_linear.weight, last_linear.bias)."
    )


def test_a_layer_too_many_in_the_head_is_not_dropped(theirs, tmp_path):
    torch.save(theirs.state_dict() | torch.nn.BatchNorm1d(512).state_dict(prefix="1.7."), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        short_age(tmp_path / "w.pt")
    assert "5 unexpected (1.7.weight, 1.7.bias, 1.7.running_mean, 1.7.running_var, and 1 more)." in str(error.value)


# -- the published container: TorchScript, opened by torchxrayvision and by us


@dataclass(frozen=True)
class Pair:
    theirs: torch.nn.Module
    ours: torch.nn.Module


def pair_of(network: torch.nn.Module, layers: tuple[int, ...], folder: Path) -> Pair:
    """torchxrayvision's class and ours, both from one TorchScript file below a home of the test."""
    models = folder / ".torchxrayvision" / "models_data"
    models.mkdir(parents=True)
    file = models / Path(SPEC.weights.name).name
    torch.jit.trace(network, torch.rand(1, 3, 64, 64), check_trace=False).save(file)
    spec = replace(SPEC, factory=partial(age, layers=layers))
    with pytest.MonkeyPatch.context() as patch, served(models) as address:
        patch.setenv("HOME", str(folder))
        patch.setenv("XRV_CACHE_DIR", str(folder / "cache"))
        theirs = importlib.import_module("torchxrayvision.baseline_models.riken").AgeModel()
        with xrv.register(published(spec, file, address)):
            return Pair(theirs, xrv.get_classifier("proof"))


@pytest.fixture(scope="module")
def pair(theirs, tmp_path_factory) -> Pair:
    pytest.importorskip("torchxrayvision")
    return pair_of(theirs, SHORT, tmp_path_factory.mktemp("age"))


@pytest.mark.parity
def test_years_are_those_of_torchxrayvision(pair):
    x = xrays(2, 1, 256, 256)  # resized
    with torch.no_grad():
        wanted, found = pair.theirs(x), pair.ours(x)
    assert (wanted[0] - wanted[1]).abs() > 0.01  # numbers that would show a difference
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
    assert pair.ours.predict(x[0])["Age"] == pytest.approx(float(wanted[0]), abs=1e-4)


@pytest.mark.parity
@pytest.mark.realdata
def test_years_of_real_images_are_those_of_torchxrayvision(pair, realdata):
    x = torch.cat([resize_input(image, 320) for image in real_images(realdata)])
    with torch.no_grad():
        torch.testing.assert_close(pair.ours(x), pair.theirs(x), atol=1e-4, rtol=0)


@pytest.mark.parity
def test_features_and_maps(pair, theirs):
    x = xrays(1, 1, 320, 320)
    body, head = theirs
    with torch.no_grad():
        maps = body(pair.ours.adapt(x))
        torch.testing.assert_close(pair.ours.feature_maps(x), maps, atol=1e-4, rtol=1e-4)
        torch.testing.assert_close(pair.ours.features(x), head[:-1](maps), atol=1e-4, rtol=1e-4)
    assert maps.shape == (1, 2048, 10, 10)


@pytest.mark.slow
@pytest.mark.parity
def test_years_of_the_whole_network_are_those_of_torchxrayvision(tmp_path):
    """All 50 blocks at 320 pixels, through a file of 460 MB."""
    pytest.importorskip("torchxrayvision")
    whole = pair_of(random_network(LAYERS, side=96), LAYERS, tmp_path)
    x = xrays(2, 1, 320, 320)
    with torch.no_grad():
        wanted, found = whole.theirs(x), whole.ours(x)
    assert (wanted[0] - wanted[1]).abs() > 0.01
    torch.testing.assert_close(found, wanted, atol=1e-4, rtol=0)
