"""DenseNet, ResNet and the autoencoder beside torchxrayvision's, both from one file with random weights.

The published files cannot be had here. torchxrayvision takes a file that lies in its folder below HOME; ours takes it
from the shelf in place of what it would fetch.
"""

from __future__ import annotations

import inspect
import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import says
from model_proofs import xrays

import xrv_compat as xrv
import xrv_core
from xrv_core.errors import ArgumentError, UnknownName

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

PC, RESNET, AE = "densenet121-res224-pc", "resnet50-res512-all", "101-elastic"  # as in conftest.py


def outputs(models: Any, x: torch.Tensor) -> list[torch.Tensor]:
    with torch.no_grad():
        return [model(x) for model in models]


@pytest.mark.parity
def test_the_densenet_is_theirs(both: tuple[Any, Any]) -> None:
    theirs, ours = models = [library.models.get_model(weights=PC) for library in both]
    assert isinstance(ours, xrv.models.DenseNet)
    assert isinstance(ours, xrv_core.models.BackboneClassifier)
    assert repr(ours) == repr(theirs) == f"XRV-DenseNet121-{PC}"
    assert ours.targets == ours.pathologies == theirs.pathologies == theirs.targets
    assert ours.weights == theirs.weights
    assert not ours.training
    for size in (96, 224):
        a, b = outputs(models, xrays(2, 1, size, size))
        torch.testing.assert_close(b, a, atol=1e-5, rtol=0)
        assert (b[:, [n == "" for n in ours.pathologies]] == 0.5).all()
        assert a.std() > 0.05
    x = xrays(1, 1, 96, 96)
    with torch.no_grad():
        torch.testing.assert_close(ours(x[0]), ours(x))
        torch.testing.assert_close(ours.features2(x), theirs.features2(x), atol=1e-5, rtol=0)
        torch.testing.assert_close(ours.features(x), theirs.features(x), atol=1e-5, rtol=0)
    assert ours.features.denseblock4 is ours.features[-2]
    for model in models:
        model.op_threshs = None
    a, b = outputs(models, x)
    torch.testing.assert_close(b, a, atol=1e-5, rtol=0)
    assert ours.predict(x[0]).keys() == {name for name in theirs.pathologies if name}


@pytest.mark.parity
def test_the_resnet_is_theirs_but_for_its_operating_points(both: tuple[Any, Any]) -> None:
    theirs, ours = models = [library.models.ResNet(weights=RESNET) for library in both]
    assert repr(ours) == repr(theirs)
    x = xrays(1, 1, 512, 512)
    with torch.no_grad():
        torch.testing.assert_close(ours.features(x), theirs.features(x), atol=1e-3, rtol=1e-4)
        logits = theirs.model(x)
    points = torch.tensor(xrv.models.model_urls[RESNET]["op_threshs"])
    torch.testing.assert_close(outputs([ours], x)[0], xrv.models.op_norm(logits.sigmoid(), points), atol=1e-4, rtol=0)
    assert ours.model.layer4 is ours.backbone.layer4
    for model in models:
        model.op_threshs = None
        model.apply_sigmoid = True
    a, b = outputs(models, x)
    torch.testing.assert_close(b, a, atol=1e-4, rtol=0)
    found = ours.predict(x[0])
    assert found["Mass"] == pytest.approx(b[0, 12].item(), abs=1e-6), "one sigmoid, not two"


@pytest.mark.parity
def test_gradients_reach_the_image_and_a_new_classifier_trains(both: tuple[Any, Any]) -> None:
    model = xrv.models.DenseNet(weights="pc")
    x = xrays(1, 1, 64, 64).requires_grad_()
    (gradient,) = torch.autograd.grad(model(x)[:, model.pathologies.index("Cardiomegaly")], x)
    assert gradient.isfinite().all()
    assert gradient.any()
    model.op_threshs = None
    model.classifier = torch.nn.Linear(1024, 1)
    model(x).sum().backward()
    assert model.classifier.weight.grad.any()
    again = pickle.loads(pickle.dumps(model.eval()))
    torch.testing.assert_close(outputs([again], x)[0], outputs([model], x)[0])


@pytest.mark.parity
def test_the_autoencoder_is_theirs_inside_the_range(both: tuple[Any, Any]) -> None:
    theirs, ours = (library.autoencoders.ResNetAE(weights=AE) for library in both)
    assert repr(ours) == repr(theirs) == "XRV-ResNetAE-101-elastic"
    x = xrays(1, 1, 224, 224)
    with torch.no_grad():
        z = theirs.encode(x)
        for code in (ours.encode(x), ours.features(x), ours(x)["z"], ours.encode(x, check_resolution=False)):
            torch.testing.assert_close(code, z, atol=1e-3, rtol=1e-4)
        for image in (ours.decode(z), ours(x)["out"], ours.decode(z, [1, 1, 224, 224])):
            torch.testing.assert_close(image, theirs.decode(z).clamp(-1024, 1024), atol=1e-2, rtol=1e-4)
    small = xrays(1, 1, 96, 96)
    for model in (theirs, ours):
        with pytest.raises(ValueError, match=r"is not the native resolution .*check_resolution=False"):
            model(small)
    with torch.no_grad():
        a, b = (model.encode(small, check_resolution=False) for model in (theirs, ours))
    torch.testing.assert_close(b, a, atol=1e-3, rtol=1e-4)
    with pytest.raises(ArgumentError, match=says("image_size=(1, 1, 448, 448)", "224 x 224")):
        ours.decode(z, (1, 1, 448, 448))
    assert repr(xrv.autoencoders.ResNetAE()) == "XRV-ResNetAE"


@pytest.mark.parity
def test_facts_and_arguments_are_theirs(peer: Any) -> None:
    for module in ("models", "autoencoders"):
        theirs, ours = (getattr(library, module).model_urls for library in (peer, xrv))
        assert set(ours) == set(theirs)
        for name, facts in ours.items():
            assert facts["weights_url"] == theirs[name]["weights_url"]
            if module == "models":
                points = theirs[name]["op_threshs"]
                names = ["" if t != t else n for n, t in zip(theirs[name]["labels"], points, strict=True)]
                assert (facts["labels"], facts["input_resolution"]) == (names, theirs[name]["input_resolution"])
                if name != RESNET:
                    assert str(facts["op_threshs"]) == str([float(t) for t in points])
    for name in ("models.DenseNet", "models.ResNet", "autoencoders.ResNetAE", "models.get_weights"):
        module, _, attribute = name.partition(".")
        a, b = (
            inspect.signature(getattr(getattr(library, module), attribute)).parameters.values()
            for library in (peer, xrv)
        )
        assert [(p.name, p.default) for p in b] == [(p.name, p.default) for p in a], name
    for arch in ("densenet121", "densenet161", "densenet169", "densenet201", "densenet"):
        assert xrv.models.get_densenet_params(arch) == peer.models.get_densenet_params(arch)


@pytest.mark.parity
def test_op_norm_is_theirs(peer: Any) -> None:
    p, t = torch.rand(3, 4), torch.tensor([0.1, float("nan"), 0.5, 0.9])
    torch.testing.assert_close(xrv.models.op_norm(p, t), peer.models.op_norm(p, t))


@pytest.mark.parametrize("classes", [1, 4, 18, 20])
def test_random_densenets(classes: int) -> None:
    model = xrv.models.DenseNet(num_classes=classes, **xrv.models.get_densenet_params("densenet"))
    assert model.classifier.weight.shape == (classes, 1024)
    assert model.training
    assert repr(model) == "XRV-DenseNet"
    assert outputs([model.eval()], xrays(1, 1, 64, 64))[0].shape == (1, classes)
    assert model.targets == xrv.datasets.default_pathologies


def test_another_densenet_and_its_options() -> None:
    points = torch.tensor([0.2, float("nan")])
    model = xrv.models.DenseNet(8, (1, 1, 1, 1), 16, 2, 0.1, 2, op_threshs=points, apply_sigmoid=True)
    logits = model.classifier(model.eval().features2(xrays(1, 1, 64, 64)))
    torch.testing.assert_close(model(xrays(1, 1, 64, 64)), xrv.models.op_norm(logits.sigmoid(), points))
    model.op_threshs = None
    torch.testing.assert_close(model(xrays(1, 1, 64, 64)), logits.sigmoid())


@pytest.mark.parity
def test_state_dicts_of_theirs_and_of_ours(both: tuple[Any, Any]) -> None:
    for name, weights in (("DenseNet", PC), ("ResNet", RESNET)):
        theirs, ours = (getattr(library.models, name)(weights=weights) for library in both)
        again = getattr(xrv.models, name)(weights=weights)
        theirs.input_resolution = again.input_resolution = 96  # quick
        with torch.no_grad():
            again.classifier.weight.zero_()
        x = xrays(1, 1, 96, 96)
        for state in (theirs.state_dict(), {**ours.state_dict(), "op_threshs": theirs.op_threshs}):
            again.load_state_dict(state)
            a, b = outputs([theirs, again], x)
            torch.testing.assert_close(b, a, atol=1e-4, rtol=0)
        with pytest.raises(RuntimeError, match="Missing key"):
            again.load_state_dict({"op_threshs": theirs.op_threshs})


def test_weights_in_a_folder_of_ones_own(both: tuple[Any, Any], files: dict[str, Path], tmp_path: Path) -> None:
    name, file = next(iter(files.items()))
    own = tmp_path / file.name
    own.write_bytes(file.read_bytes())
    assert xrv.models.get_weights(PC, str(tmp_path)) == str(own)
    assert xrv.models.get_weights(PC, str(tmp_path / "none")) == xrv.models.get_weights(PC) == str(file)
    assert xrv.models.DenseNet(weights=PC, cache_dir=str(tmp_path)).weights == PC
    assert xrv.utils.get_cache_dir().endswith("/torchxrayvision/")
    assert xrv_core.describe_classifier(PC).weights.name == name == f"torchxrayvision/{file.name}"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (
            lambda: xrv.models.DenseNet(weights="all", num_classes=4),
            ArgumentError,
            ("num_classes and weights", "own outputs"),
        ),
        (lambda: xrv.models.ResNet(), UnknownName, ("weights='None'", RESNET)),
        (
            lambda: xrv.models.get_model("vgg"),
            UnknownName,
            ("model 'vgg'", "xrv_core.get_classifier('vgg')"),
        ),
        (lambda: xrv.autoencoders.ResNetAE("x"), UnknownName, ("weights='x'", "101-elastic")),
    ],
)
def test_refusals(call: Any, error: type[Exception], words: tuple[str, ...]) -> None:
    with pytest.raises(error, match=says(*words)):
        call()


def test_names_that_are_not_weights_are_listed() -> None:
    for call in (xrv.models.get_weights, lambda name: xrv.models.DenseNet(weights=name)):
        with pytest.raises(UnknownName, match=r"^weights='x': must be one of all, nih, pc, .*densenet121-res224-all"):
            call("x")
