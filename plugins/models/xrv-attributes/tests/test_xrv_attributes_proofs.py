"""View, sex and race without the published weights: random ones in the same containers, opened by torchxrayvision too.

torchxrayvision's classes download in their constructors, unless the file lies in ``~/.torchxrayvision/models_data``.
So the random file is put there, below a home of the test, and served to our own asset path.
"""

from __future__ import annotations

import importlib
import sys
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_attributes.plugin import xrv_classifiers
from xrv_core.torchvision_guard import import_torchvision

SPECS = {spec.name: spec for spec in xrv_classifiers()}
PEERS = {"view": "xinario.ViewModel", "sex": "mira.SexModel", "race": "emory_hiti.RaceModel"}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class Pair:
    name: str
    theirs: torch.nn.Module
    ours: torch.nn.Module


def network(name: str) -> torch.nn.Module:
    """torchvision's network as the authors had it, random, with batch statistics of plausible size."""
    resnets = import_torchvision().models
    model = resnets.resnet50() if name == "view" else resnets.resnet34()
    if name == "sex":
        model.fc = torch.nn.Linear(512, 2)
    if name == "race":
        model.fc = torch.nn.Sequential(torch.nn.Linear(512, 3), torch.nn.LogSoftmax(dim=1))
    unit = (xrays(2, 1, 224, 224).repeat(1, 3, 1, 1) + 1024) / 2048
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in IMAGENET)
    return settle(model, unit * 255 if name == "sex" else (unit - mean) / std)


class ModelCheckpoint:
    """Before version 1.5, Lightning kept the state of a callback under its class."""


def lightning() -> dict[str, ModuleType]:
    """The modules that torch.load imports for such a file."""
    ModelCheckpoint.__module__ = "pytorch_lightning.callbacks.model_checkpoint"
    modules = {
        n: ModuleType(n) for n in ("pytorch_lightning", "pytorch_lightning.callbacks", ModelCheckpoint.__module__)
    }
    modules[ModelCheckpoint.__module__].ModelCheckpoint = ModelCheckpoint
    return modules


def container(name: str, model: torch.nn.Module) -> dict:
    """What lies in the published file."""
    state = model.state_dict()
    if name == "race":
        return OrderedDict((f"module.{key}", tensor) for key, tensor in state.items())
    if name == "view":
        return state
    kept = {"monitor": "val_loss", "best_model_score": torch.tensor(0.1), "best_model_path": "output/sex/last.ckpt"}
    adam = {"state": {0: {"step": 1, "exp_avg": torch.zeros(2)}}, "param_groups": [{"lr": 0.001, "params": [0]}]}
    return {
        "epoch": 13,
        "global_step": 7126,
        "pytorch-lightning_version": "1.4.9",
        "state_dict": OrderedDict((f"model.{key}", tensor) for key, tensor in state.items()),
        "callbacks": {ModelCheckpoint: kept},
        "optimizer_states": [adam],
        "lr_schedulers": [],
    }


@pytest.fixture(scope="module", params=PEERS)
def pair(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Pair:
    """torchxrayvision's class and ours, both from one file."""
    pytest.importorskip("torchxrayvision")
    name = request.param
    folder = tmp_path_factory.mktemp(name)
    models = folder / ".torchxrayvision" / "models_data"
    models.mkdir(parents=True)
    file = models / Path(SPECS[name].weights.name).name
    module, _, kind = PEERS[name].partition(".")
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        torch.manual_seed(0)
        patch.setenv("HOME", str(folder))
        with pytest.MonkeyPatch.context() as needed:
            for key, stand_in in lightning().items():
                needed.setitem(sys.modules, key, stand_in)
            torch.save(container(name, network(name)), file)
            theirs = getattr(importlib.import_module(f"torchxrayvision.baseline_models.{module}"), kind)()
        patch.setenv("XRV_CACHE_DIR", str(folder / "cache"))
        with served(models) as address, xrv.register(published(SPECS[name], file, address)):
            return Pair(name, theirs, xrv.get_classifier("proof"))


def expected(pair: Pair, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return pair.theirs(x)


def as_theirs(pair: Pair, x: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        logits = pair.ours(x)
    return logits.log_softmax(1) if pair.name == "race" else logits


@pytest.mark.parity
@pytest.mark.parametrize("size", [224, 320])
def test_outputs_are_those_of_torchxrayvision(pair: Pair, size: int) -> None:
    x = xrays(2, 1, size, size)
    wanted = expected(pair, x)
    assert wanted.shape == (2, len(SPECS[pair.name].pathologies))
    assert (wanted[0] - wanted[1]).abs().max() > 0.01  # numbers that would show a difference
    torch.testing.assert_close(as_theirs(pair, x), wanted, atol=1e-5, rtol=1e-5)


@pytest.mark.parity
@pytest.mark.realdata
def test_outputs_on_real_images_are_those_of_torchxrayvision(pair: Pair, realdata: Path) -> None:
    for x in real_images(realdata):
        torch.testing.assert_close(as_theirs(pair, x), expected(pair, x), atol=1e-5, rtol=1e-5)


@pytest.mark.parity
def test_predict_is_the_softmax_over_the_targets(pair: Pair) -> None:
    x = xrays(1, 1, 224, 224)
    found = pair.ours.predict(x[0])
    assert tuple(found) == SPECS[pair.name].pathologies
    wanted = expected(pair, x).softmax(1)[0]
    torch.testing.assert_close(torch.tensor(list(found.values())), wanted, atol=1e-5, rtol=0)
    assert sum(found.values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parity
def test_features_and_maps_are_those_below_the_head(pair: Pair) -> None:
    x = xrays(1, 1, 224, 224).requires_grad_()
    maps, features = pair.ours.feature_maps(x), pair.ours.features(x)
    side = -(-pair.ours.input_resolution // 32)
    assert maps.shape == (1, pair.ours.classifier.in_features, side, side)
    torch.testing.assert_close(maps.mean((2, 3)), features)
    pair.ours(x).sum().backward()
    assert x.grad.isfinite().all()
    assert not pair.ours.training


@pytest.mark.parity
def test_the_lightning_of_the_file_was_neither_needed_nor_imported(pair: Pair) -> None:
    assert not [name for name in sys.modules if name.startswith("pytorch_lightning")]
    assert pair.ours.spec.name == "proof"
