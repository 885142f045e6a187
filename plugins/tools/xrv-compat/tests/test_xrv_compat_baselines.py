"""The baseline models beside torchxrayvision's, with random weights that both load.

Ours builds a random network (what its numbers are worth is proven in its own plugin), and the file that it saves is
read back through the facade; torchxrayvision's own classes tell names, arguments and shapes.
"""

from __future__ import annotations

import importlib
import inspect
import io
import json
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from messages import says
from model_proofs import xrays

import xrv_compat as xrv
import xrv_core
from xrv_compat.old_models import OLD_MODELS
from xrv_core.errors import ArgumentError, UnknownName

pytestmark = pytest.mark.filterwarnings("ignore::FutureWarning")

NAMES = [name.removeprefix("baseline_models.") for name in OLD_MODELS if name.startswith("baseline_models.")]
NAMES.remove("chexpert.Tasks2Models")  # no model
#: Classifiers that are quick enough to run, and what theirs makes of the logits.
QUICK: dict[str, tuple[str, Callable[[torch.Tensor], torch.Tensor]]] = {
    "emory_hiti.RaceModel": ("race", lambda x: x.log_softmax(1)),
    "xinario.ViewModel": ("view", lambda x: x),
    "mira.SexModel": ("sex", lambda x: x),
    "jfhealthcare.DenseNet": ("jfhealthcare", torch.sigmoid),
}


def ours(name: str) -> Any:
    module, _, cls = name.partition(".")
    return getattr(getattr(xrv.baseline_models, module), cls)


@pytest.mark.parity
@pytest.mark.parametrize("name", NAMES)
def test_arguments_and_targets_are_theirs(peer: Any, name: str) -> None:
    module, _, cls = name.partition(".")
    theirs = getattr(importlib.import_module(f"torchxrayvision.baseline_models.{module}"), cls)
    a, b = (inspect.signature(one).parameters.values() for one in (theirs, ours(name)))
    assert [(p.name, p.default) for p in b] == [(p.name, p.default) for p in a]
    assert getattr(ours(name), "targets", None) == getattr(theirs, "targets", None)
    assert issubclass(ours(name), torch.nn.Module)
    assert (ours(name).__name__, ours(name).__module__) == (cls, f"xrv_compat.baseline_models.{module}")


@pytest.mark.parametrize("name", QUICK)
def test_a_classifier_from_its_file(name: str, shelf: dict[str, Path], tmp_path: Path) -> None:
    registered, activation = QUICK[name]
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = xrv_core.get_classifier(registered, weights=None).eval()
    shelf[network.spec.weights.name] = tmp_path / "weights.pt"
    torch.save(network.state_dict(), tmp_path / "weights.pt")
    model = ours(name)()
    network.input_resolution = model.input_resolution = 64  # quick
    x = xrays(2, 1, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(model(x), activation(network(x)))
        torch.testing.assert_close(model(x[0]), model(x)[:1], atol=1e-5, rtol=1e-4)
        torch.testing.assert_close(model.features(x), network.features(x))
    assert model.targets == model.pathologies
    assert repr(model) == OLD_MODELS[f"baseline_models.{name}"].prints
    assert model.model is model.backbone
    for key, value in network.predict(x[0]).items():
        assert model.predict(x[0])[key] == pytest.approx(value, abs=1e-4), "probabilities are not transformed twice"


def test_sex_without_weights() -> None:
    """As torchxrayvision's own test of it."""
    model = xrv.baseline_models.mira.SexModel(weights=False)
    assert not model.training
    for size in (224, 256):
        x = torch.randn(1, 1, size, size).requires_grad_()
        out = model(x)
        assert out.shape == (1, 2)
        (gradient,) = torch.autograd.grad(out[:, model.targets.index("Male")].sum(), x)
        assert gradient.isfinite().all()
        assert torch.softmax(out, 1).sum().item() == pytest.approx(1)


def test_a_segmenter_without_weights() -> None:
    model = xrv.baseline_models.chestx_anatomy.UNetResNet50(weights=False)
    assert model.targets == xrv.baseline_models.chestx_anatomy.TARGETS
    assert (len(model.targets), repr(model)) == (159, "cxas-unet-resnet50")
    model.input_resolution = 64
    with torch.no_grad():
        assert model(xrays(1, 1, 64, 64)).shape == model(xrays(1, 1, 64, 64)[0]).shape == (1, 159, 64, 64)


def test_the_ensemble_asks_for_its_archive() -> None:
    with pytest.raises(
        ArgumentError, match=r"^Need to specify weights_zip, the path of the archive\. How to obtain it: "
    ):
        xrv.baseline_models.chexpert.DenseNet()
    with pytest.raises(FileNotFoundError):
        xrv.baseline_models.chexpert.DenseNet("/none.zip")


@pytest.mark.parity
def test_members_by_task(peer: Any, tmp_path: Path) -> None:
    theirs_at = importlib.import_module("torchxrayvision.baseline_models.chexpert")
    config, archive = Path(theirs_at.__file__).parent / "predict_configs.json", tmp_path / "archive.zip"
    tasks = ["Consolidation", "Atelectasis", "Cardiomegaly", "Edema", "Pleural Effusion"]
    with zipfile.ZipFile(archive, "w") as file, torch.random.fork_rng():
        for model in {tuple(m[0].items()) for m in json.loads(config.read_text())["task2models"].values()}:
            facts = dict(model)
            network = theirs_at.model.DenseNet121(dict.fromkeys(tasks), facts["is_3class"], False)
            stream = io.BytesIO()
            state = {f"module.{key}": tensor for key, tensor in network.state_dict().items()}
            numbered = {task: i for i, task in enumerate(tasks)}
            torch.save({"task_sequence": numbered, "model_state": state, "ckpt_info": {}}, stream)
            file.writestr(facts["ckpt_path"], stream.getvalue())
    theirs, ours = (
        cls(str(config), str(archive)) for cls in (theirs_at.Tasks2Models, xrv.baseline_models.chexpert.Tasks2Models)
    )
    assert list(ours) == list(theirs)
    x = xrays(1, 3, 64, 64) / 512
    with torch.no_grad():
        for group in ours:
            torch.testing.assert_close(ours.infer(x, group), theirs.infer(x, group), atol=1e-5, rtol=0)
            torch.testing.assert_close(ours.features(x, group), theirs.features(x, group), atol=1e-5, rtol=1e-5)


def test_vqgan_from_a_file_of_ones_own(tmp_path: Path) -> None:
    from xrv_compat.baseline_models import ieee8023

    with pytest.raises(UnknownName, match=says("weights='x'", "cxr2-vqgan-768-sd, cxr2-vqgan-768-msdd")):
        ieee8023.VQGAN("x")
    with pytest.raises(FileNotFoundError):
        ieee8023.VQGAN(ckpt_path=str(tmp_path / "none.ckpt"), yaml_path="ignored.yaml")
    assert ieee8023.model_urls["cxr2-vqgan-768-sd"]["resolution"] == 768


def test_vqgan_gives_images() -> None:
    from xrv_compat.baseline_models.ieee8023 import VQGAN

    class Halves(torch.nn.Module):
        """What stands for the network of a gigabyte."""

        def encode(self, x: torch.Tensor) -> torch.Tensor:
            return x / 2

        def decode(self, z: torch.Tensor) -> torch.Tensor:
            return z + 1

    model = VQGAN.__new__(VQGAN)
    torch.nn.Module.__init__(model)
    model.model = Halves()
    torch.testing.assert_close(model(torch.full((1, 1, 2, 2), 4.0)), torch.full((1, 1, 2, 2), 3.0))
