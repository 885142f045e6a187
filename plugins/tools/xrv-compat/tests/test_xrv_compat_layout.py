"""The modules and keys that programs reach into are torchxrayvision's, and give the same numbers."""

from __future__ import annotations

import copy
import importlib
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from model_proofs import settle, xrays
from torch import nn
from torch.nn import functional as F

import xrv_compat as xrv
import xrv_core

pytestmark = [pytest.mark.parity, pytest.mark.filterwarnings("ignore::FutureWarning")]

PC, RESNET, AE = "densenet121-res224-pc", "resnet50-res512-all", "101-elastic"  # as in conftest.py
TINY = {"growth_rate": 8, "block_config": (1, 2), "num_init_features": 12, "bn_size": 2, "num_classes": 3}


def pair(peer: Any, make: Callable[[Any], Any]) -> list[Any]:
    """What ``make`` makes of either library, from the same random numbers, in evaluation mode."""
    models = []
    for library in (peer, xrv):
        with torch.random.fork_rng():
            torch.manual_seed(0)
            models.append(make(library).eval())
    return models


def assert_same_layout(theirs: nn.Module, ours: nn.Module) -> None:
    """Names of modules in order, keys in order, and numbers."""
    assert [name for name, _ in ours.named_modules()] == [name for name, _ in theirs.named_modules()]
    assert [name for name, _ in ours.named_parameters()] == [name for name, _ in theirs.named_parameters()]
    a, b = theirs.state_dict(), ours.state_dict()
    assert list(b) == list(a)
    torch.testing.assert_close(b, a, atol=0, rtol=0, equal_nan=True)


@pytest.mark.parametrize(
    "options",
    [{}, {"num_classes": 2, "in_channels": 3}, TINY, {**TINY, "drop_rate": 0.2, "in_channels": 2}],
    ids=["121", "colour", "tiny", "dropout"],
)
def test_a_random_densenet_is_theirs_to_the_last_bit(peer: Any, options: dict[str, Any]) -> None:
    theirs, ours = pair(peer, lambda library: library.models.DenseNet(**options))
    assert_same_layout(theirs, ours)
    assert repr(ours.features) == repr(theirs.features)
    x = torch.rand(2, options.get("in_channels", 1), 64, 64)  # 0..1, as own networks are trained
    assert torch.equal(ours(x), theirs(x))
    assert not hasattr(ours, "input_resolution")
    assert xrv.utils.warning_log == {}
    torch.manual_seed(1)
    a = theirs.train()(x)
    torch.manual_seed(1)
    assert torch.equal(ours.train()(x), a)


def test_the_parts_of_a_densenet(peer: Any) -> None:
    for make in (
        lambda m: m._DenseLayer(4, 3, 2, 0.0),
        lambda m: m._DenseBlock(2, 4, 2, 3, 0.0),
        lambda m: m._Transition(4, 2),
    ):
        theirs, ours = pair(peer, lambda library, make=make: make(library.models))
        assert_same_layout(theirs, ours)
        x = torch.randn(1, 4, 8, 8)
        assert torch.equal(ours(x), theirs(x))
    model = xrv.models.DenseNet(**TINY)
    assert isinstance(model.features.denseblock2, xrv.models._DenseBlock)
    assert isinstance(model.features.denseblock2.denselayer2, xrv.models._DenseLayer)
    assert isinstance(model.features.transition1, xrv.models._Transition)


@pytest.mark.parametrize("name", ["ResNetAE", "ResNetAE50"])
def test_a_random_autoencoder_is_theirs_to_the_last_bit(peer: Any, name: str) -> None:
    theirs, ours = pair(peer, lambda library: getattr(library.autoencoders, name)())
    assert_same_layout(theirs, ours)
    x = torch.rand(1, 1, 224, 224)
    with torch.no_grad():
        for key, value in theirs(x).items():
            assert torch.equal(ours(x)[key], value)
        encoder = nn.Sequential(*list(ours.children())[:8])
        assert torch.equal(encoder(x), theirs.encode(x))
        stage = nn.Sequential(*list(ours.children())[4])
        assert torch.equal(stage(ours.maxpool(ours.conv1(x))), theirs.layer1(theirs.maxpool(theirs.conv1(x))))


def test_published_weights_have_the_same_keys(both: tuple[Any, Any]) -> None:
    for make in (
        lambda library: library.models.DenseNet(weights=PC),
        lambda library: library.models.ResNet(weights=RESNET),
        lambda library: library.autoencoders.ResNetAE(weights=AE),
    ):
        theirs, ours = map(make, both)
        assert not ours.training
        if hasattr(theirs, "weights_filename_local"):
            assert Path(ours.weights_filename_local).read_bytes() == Path(theirs.weights_filename_local).read_bytes()
        if isinstance(ours, xrv.models.ResNet):
            ours.op_threshs = theirs.op_threshs  # its own are corrected
        assert_same_layout(theirs, ours)


# -- what programs do: each gives a tensor, the same in both libraries


def by_hand(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    x = xrays(2, 1, 64, 64).requires_grad_()
    maps = F.relu(model.features(x), inplace=True)
    maps.sum().backward()
    assert model.features.conv0.weight.grad.any()
    assert x.grad is not None
    return torch.cat([F.adaptive_avg_pool2d(maps, (1, 1)).view(2, -1), x.grad.flatten(1)], 1)


def of_a_subclass(library: Any, weights: str | None) -> torch.Tensor:
    class Mine(library.models.DenseNet):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(weights=weights)
            self.fc = nn.Linear(1024, 2)
            nn.init.constant_(self.fc.weight, 0.01)
            nn.init.zeros_(self.fc.bias)

        def forward(self, x: torch.Tensor) -> Any:
            features = self.features(x)
            out = F.relu(features, inplace=True)
            out = F.adaptive_avg_pool2d(out, (1, 1)).view(features.size(0), -1)
            return self.fc(out), self.classifier(out)

    out = torch.cat(Mine()(xrays(2, 1, 64, 64)), 1)
    out.sum().backward()
    return out


def any_names(library: Any, weights: str | None) -> torch.Tensor:
    class Mine(library.models.DenseNet):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__(weights=weights)
            self.trained, self.spec = False, {"mine": 1}
            for name in ("head", "logits", "activation", "backbone", "predict", "feature_maps", "linear", "adapt"):
                layer = nn.Linear(18, 18, bias=False)
                nn.init.constant_(layer.weight, 0.01)
                setattr(self, name, layer)

        def prepared(self) -> None:
            raise AssertionError("a name of the program's own")

        def forward(self, x: torch.Tensor) -> Any:
            y = super().forward(x)
            for layer in (self.head, self.logits, self.activation, self.backbone, self.predict, self.feature_maps):
                y = y + layer(y)
            return y + self.adapt(self.linear(y))

    model = copy.deepcopy(Mine()).eval()
    model.logits = nn.Identity()
    assert not model.trained
    assert model.logits is dict(model.named_modules())["logits"]
    return model(xrays(1, 1, 224, 224))


def children(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    trunk = nn.Sequential(*list(model.children())[:-1], nn.AdaptiveAvgPool2d(1))
    layers = nn.Sequential(*list(model.features.children())[:-1])
    x = xrays(1, 1, 64, 64)
    assert isinstance(model.features[-1], nn.BatchNorm2d)
    assert model.features[-1] is model.features.norm5
    torch.testing.assert_close(model.features.norm5(layers(x)), model.features(x))
    return trunk(x)


def no_points(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    if weights:
        del model.op_threshs
    logits = model(xrays(1, 1, 224, 224))
    model.apply_sigmoid = True
    torch.testing.assert_close(model(xrays(1, 1, 224, 224)), logits.sigmoid())
    return logits


def heads(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    model.op_threshs = None
    found, x = [], xrays(1, 1, 224, 224)
    for head in (
        nn.Sequential(nn.Dropout(0.5), nn.Linear(1024, 5), nn.ReLU(), nn.Linear(5, 3), nn.Sigmoid()).eval(),
        nn.Sequential(nn.LayerNorm(1024, elementwise_affine=False)),
        nn.Identity(),
    ):
        for parameter in head.parameters():
            nn.init.constant_(parameter, 0.02)
        model.classifier = head
        found.append(model(x))
    model.classifier.requires_grad_(False)
    return torch.cat(found, 1)


def grad_cam(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    seen: dict[str, torch.Tensor] = {}
    for name in ("denseblock4", "relu0", "denseblock4.denselayer16.conv2", "norm5"):
        layer = model.features.get_submodule(name)
        layer.register_forward_hook(lambda _, i, out, name=name: seen.update({name: out}))
    layer = model.features.denseblock4
    layer.register_full_backward_hook(lambda _, i, out: seen.update(gradient=out[0]))
    out = model(xrays(1, 1, 224, 224))
    out[:, 10].sum().backward()
    weight = seen["gradient"].mean((2, 3), keepdim=True)
    return torch.cat([(weight * seen["denseblock4"]).sum(1).flatten(), *(seen[k].flatten()[:99] for k in sorted(seen))])


def copies(library: Any, weights: str | None) -> torch.Tensor:
    model = copy.deepcopy(library.models.DenseNet(weights=weights))
    stream = io.BytesIO()
    torch.save(model, stream)
    stream.seek(0)
    again = torch.load(stream, weights_only=False)
    x = xrays(1, 1, 224, 224)
    torch.testing.assert_close(again(x), model(x))
    again.load_state_dict(model.state_dict(), strict=True)
    return again.double().features2(x.double()).float()


def training(library: Any, weights: str | None) -> torch.Tensor:
    model = library.models.DenseNet(weights=weights)
    model.op_threshs = None
    for name, parameter in model.named_parameters():
        parameter.requires_grad = not name.startswith("features.") or "denseblock4" in name
    optimizer = torch.optim.SGD([p for p in model.parameters() if p.requires_grad], lr=0.01)
    model.train()
    for part in (model.features.denseblock1, model.features.transition1):
        part.eval()
    F.binary_cross_entropy_with_logits(model(xrays(2, 1, 64, 64)), torch.eye(2, 18)).backward()
    optimizer.step()
    return torch.cat([model.eval()(xrays(1, 1, 64, 64)), model.classifier.weight[:1]], 1)


PROGRAMS = (by_hand, of_a_subclass, any_names, children, no_points, heads, grad_cam, copies, training)


@pytest.mark.parametrize(
    ("program", "weights"),
    [*((program, PC) for program in PROGRAMS), (by_hand, None), (no_points, None)],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_program_gives_the_same(
    both: tuple[Any, Any], program: Callable[[Any, str | None], torch.Tensor], weights: str | None
) -> None:
    found = []
    for library in both:
        with torch.random.fork_rng():
            torch.manual_seed(0)
            found.append(program(library, weights).detach())
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-5)


def test_a_resnet_with_another_last_layer(both: tuple[Any, Any]) -> None:
    x, found = xrays(1, 1, 512, 512), []
    for library in both:
        model = library.models.ResNet(weights=RESNET)
        model.op_threshs = None
        assert model.model.fc.in_features == 2048
        assert isinstance(model.model.relu, nn.ReLU)
        seen: list[torch.Tensor] = []
        model.model.layer4.register_forward_hook(lambda _, i, out, seen=seen: seen.append(out))
        model.model.fc = nn.Identity()
        trunk = nn.Sequential(*list(model.model.children())[:-1])
        with torch.no_grad():
            vector = model(x)
            torch.testing.assert_close(trunk(x).flatten(1), vector)
            torch.testing.assert_close(model.features(x), vector)
        found.append(torch.cat([vector, seen[0].mean((2, 3))], 1))
    torch.testing.assert_close(found[1], found[0], atol=1e-5, rtol=1e-5)


def test_a_fine_tuned_checkpoint_loads_inside_other_modules(both: tuple[Any, Any], tmp_path: Path) -> None:
    class Net(nn.Module):
        def __init__(self, library: Any) -> None:
            super().__init__()
            self.net = library.models.DenseNet(weights=None, num_classes=4)
            self.net.classifier = nn.Sequential(nn.Linear(1024, 8), nn.ReLU(), nn.Linear(8, 4))
            self.more = nn.ModuleDict({"auto": library.autoencoders.ResNetAE(weights=AE), "eye": nn.Identity()})
            self.list = nn.ModuleList([library.models.ResNet(weights=RESNET)])

    theirs, ours = map(Net, both)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.mul_(0.9)
    torch.save({"state_dict": theirs.state_dict()}, tmp_path / "tuned.pt")
    state = torch.load(tmp_path / "tuned.pt")["state_dict"]
    assert str(ours.load_state_dict(state, strict=True)) == "<All keys matched successfully>"
    assert_same_layout(theirs, ours)
    both_wrapped = [nn.DataParallel(net.net) for net in (theirs, ours)]
    assert list(both_wrapped[1].state_dict()) == list(both_wrapped[0].state_dict())


# -- baseline models that are networks of torchvision

BASELINES = {"emory_hiti.RaceModel": "resnet34", "mira.SexModel": "resnet34", "xinario.ViewModel": "resnet50"}


@pytest.mark.parametrize("name", BASELINES)
def test_a_baseline_is_theirs(
    peer: Any, name: str, shelf: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torchvision

    folder = tmp_path / ".torchxrayvision" / "models_data"
    folder.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(tmp_path))
    module, _, cls = name.partition(".")
    network = getattr(torchvision.models, BASELINES[name])(num_classes=1000)
    prefix = ""
    if cls == "RaceModel":
        network.fc, prefix = nn.Sequential(nn.Linear(512, 3), nn.LogSoftmax(1)), "module."
    elif cls == "SexModel":
        network.fc, prefix = nn.Linear(512, 2), "model."
    settle(network, xrays(2, 3, 64, 64) / 1024)
    state = {prefix + key: tensor for key, tensor in network.state_dict().items()}
    theirs_at = importlib.import_module(f"torchxrayvision.baseline_models.{module}")
    ours_at = importlib.import_module(f"xrv_compat.baseline_models.{module}")
    asset = xrv_core.describe_classifier({"RaceModel": "race", "SexModel": "sex", "ViewModel": "view"}[cls]).weights
    shelf[asset.name] = folder / Path(asset.name).name
    torch.save({"state_dict": state} if cls == "SexModel" else state, shelf[asset.name])
    theirs, ours = getattr(theirs_at, cls)(), getattr(ours_at, cls)()
    assert list(ours.state_dict()) == list(theirs.state_dict())
    assert [type(m) for m in ours.model.modules()] == [type(m) for m in theirs.model.modules()]
    x = xrays(2, 1, 320, 320)
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), atol=1e-4, rtol=1e-5)
    ours.model.fc = nn.Linear(ours.model.fc[0].in_features if cls == "RaceModel" else ours.model.fc.in_features, 7)
    assert ours(x[:1]).shape == (1, 2 if cls == "ViewModel" else 7)  # theirs cuts, too


# -- their warning


def test_another_scale_is_warned_about_once_as_there(
    both: tuple[Any, Any], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(both[0].utils, "warning_log", {})
    theirs, ours = (library.models.DenseNet(weights=PC) for library in both)
    right = xrays(1, 1, 224, 224)
    for x in (right / 1024, (right + 1024) / 2048, (right + 1024) / 8, right - 1000, right):
        both[0].utils.warning_log.clear()
        xrv.utils.warning_log.clear()
        theirs(x)
        capsys.readouterr()
        wrong = not both[0].utils.warning_log["norm_correct"]
        for again in (False, True):
            if wrong and not again:
                with pytest.warns(UserWarning, match="does not appear to be normalized correctly"):
                    ours(x)
            else:
                ours(x)
            assert ("Warning: Input image does not appear" in capsys.readouterr().out) == (wrong and not again)
        assert xrv.utils.warning_log == both[0].utils.warning_log
    xrv.utils.warning_log = {"norm_check": True}
    ours(right / 1024)
    assert not capsys.readouterr().out


def test_a_layer_under_another_name_is_told(both: tuple[Any, Any]) -> None:
    dense, residual = both[1].models.DenseNet(weights=PC), both[1].models.ResNet(weights=RESNET)
    for model, name, right in (
        (dense, "fc", "'classifier'"),
        (dense, "op_thresholds", "'op_threshs'"),
        (residual, "fc", "'model.fc'"),
        (residual, "head", "'model.fc'"),
    ):
        with pytest.warns(UserWarning, match=f"does not use '{name}'.*{right}"):
            setattr(model, name, nn.Linear(1024, 2))
    residual.classifier = nn.Linear(2048, 2)
    assert residual.model.fc is residual.classifier


# -- where the weights are


def test_a_cache_folder_of_the_program(both: tuple[Any, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asset = xrv_core.describe_classifier(PC).weights
    own = tmp_path / Path(asset.name).name
    torch.save(xrv.models.DenseNet().state_dict(), own)
    monkeypatch.setattr(xrv.utils, "get_cache_dir", lambda: f"{tmp_path}/")
    assert xrv.models.get_weights(PC) == str(own)
    assert xrv.models.DenseNet(weights=PC).weights_filename_local == str(own)
    assert xrv.models.DenseNet(weights="pc", cache_dir=str(tmp_path)).weights_filename_local == str(own)


def test_thresholds_of_a_high_precision(peer: Any) -> None:
    theirs, ours = peer.models.model_urls, xrv.models.model_urls
    assert {k for k in ours if "ppv80_thres" in ours[k]} == {k for k in theirs if "ppv80_thres" in theirs[k]}
    assert ours["all"]["ppv80_thres"] == theirs["all"]["ppv80_thres"]
    twice = torch.tensor(ours[RESNET]["ppv80_thres"]).sigmoid()  # theirs are of a double sigmoid
    np.testing.assert_allclose(twice, theirs[RESNET]["ppv80_thres"], rtol=1e-6)
