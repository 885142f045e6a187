"""phantom-net and phantom-ae: the contracts, the shipped weights, the record of their training."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
from messages import says
from sklearn.metrics import roc_auc_score
from torch.utils.data import DataLoader

import xrv_core as xrv
import xrv_phantom_net
from xrv_core.errors import CheckpointError, InputError
from xrv_phantom_net.plugin import PHANTOM_AE, PHANTOM_NET, RECORD, xrv_autoencoders, xrv_classifiers

FOLDER = Path(__file__).parent.parent
WEIGHTS = Path(xrv_phantom_net.__file__).parent / "weights"


@pytest.fixture(scope="module")
def tests() -> tuple[torch.Tensor, np.ndarray]:
    """The first 400 phantoms of the test split: images and labels."""
    d = xrv.get_dataset("phantom", split="test", n=400, size=128)
    return torch.cat([batch["img"] for batch in DataLoader(d, batch_size=100)]), d.labels


# -- what is shipped


def test_the_hooks_offer_both_with_their_warning() -> None:
    assert (xrv_classifiers(), xrv_autoencoders()) == ([PHANTOM_NET], [PHANTOM_AE])
    assert "phantom-net" in xrv.list_classifiers()
    assert "phantom-ae" in xrv.list_autoencoders()
    for spec in (PHANTOM_NET, PHANTOM_AE):
        assert "output on real X-rays means nothing" in spec.warning
    assert PHANTOM_NET.pathologies == xrv.describe_dataset("phantom").pathologies
    assert len(PHANTOM_NET.op_threshs) == len(PHANTOM_NET.pathologies)


@pytest.mark.parametrize("spec", [PHANTOM_NET, PHANTOM_AE], ids=lambda s: s.name)
def test_the_weights_are_small_hashed_and_in_the_package(spec: xrv.ClassifierSpec | xrv.AutoencoderSpec) -> None:
    assert spec.weights is not None
    path = xrv.fetch(spec.weights)
    content = path.read_bytes()
    assert path.parent == WEIGHTS
    assert len(content) == spec.weights.size < 1_000_000
    assert hashlib.sha256(content).hexdigest() == spec.weights.sha256


def test_the_record_tells_how_they_were_trained() -> None:
    assert set(RECORD) == {"classifier", "autoencoder"}
    for part in RECORD.values():
        assert {"dataset", "settings", "versions", "seconds", "loss"} <= set(part)
        assert part["dataset"]["images"].keys() == {"train", "valid", "test"}
    assert RECORD["classifier"]["test_auroc_mean"] >= 0.85
    assert RECORD["classifier"]["parameters"] == sum(
        p.numel() for p in xrv.get_classifier("phantom-net", weights=None).parameters()
    )


# -- the classifier


def test_it_ranks_phantoms_it_has_never_seen(tests: tuple[torch.Tensor, np.ndarray]) -> None:
    images, labels = tests
    model = xrv.get_classifier("phantom-net")
    with torch.no_grad():
        score = model(images).numpy()
    areas = [roc_auc_score(labels[:, i], score[:, i]) for i in range(labels.shape[1])]
    assert np.mean(areas) >= 0.85, dict(zip(model.pathologies, areas, strict=True))
    assert min(areas) > 0.55, dict(zip(model.pathologies, areas, strict=True))
    for i, area in enumerate(areas):
        positive = labels[:, i] > 0
        sensitivity, specificity = (score[positive, i] > 0.5).mean(), (score[~positive, i] <= 0.5).mean()
        assert sensitivity + specificity > 1 + 0.6 * (2 * area - 1), "0.5 is near the best operating point"


def test_it_keeps_the_classifier_contract() -> None:
    model = xrv.get_classifier("phantom-net")
    assert isinstance(model, xrv.Classifier)
    assert not model.training
    assert all(model.trained)
    x = torch.linspace(-1024, 1024, 2 * 128 * 128).reshape(2, 1, 128, 128).requires_grad_()
    assert model.feature_maps(x).shape == (2, 80, 8, 8)
    assert model.features(x).shape == (2, 160)
    model(x).sum().backward()
    assert x.grad is not None
    assert x.grad.abs().sum() > 0
    assert list(model.predict(torch.zeros(1, 224, 224))) == list(PHANTOM_NET.pathologies)
    model.op_threshs = None
    assert model(x).min() < 0, "logits"


def test_a_larger_picture_of_a_phantom_gets_a_similar_answer(tests: tuple[torch.Tensor, np.ndarray]) -> None:
    model = xrv.get_classifier("phantom-net")
    large = xrv.get_dataset("phantom", split="test", n=40, size=256)
    with torch.no_grad():
        score = model(torch.stack([large[i]["img"] for i in range(40)]))
        assert (score - model(tests[0][:40])).abs().mean() < 0.1


def test_other_weights_are_refused_with_the_reason(tmp_path: Path) -> None:
    other = WEIGHTS / "autoencoder.safetensors"
    with pytest.raises(CheckpointError, match=r"^Weights file .*autoencoder\.safetensors does not fit "):
        xrv.get_classifier("phantom-net", weights=other)
    own = xrv.get_classifier("phantom-net", weights=WEIGHTS / "classifier.safetensors")
    assert torch.equal(own.classifier.weight, xrv.get_classifier("phantom-net").classifier.weight)


# -- the autoencoder


def test_it_reconstructs_better_than_the_mean_image(tests: tuple[torch.Tensor, np.ndarray]) -> None:
    images = tests[0]
    model = xrv.get_autoencoder("phantom-ae")
    with torch.no_grad():
        result = model(images)
    assert result["z"].shape == (400, *PHANTOM_AE.code_shape)
    assert result["out"].shape == images.shape
    error = (result["out"] - images).abs().mean()
    assert error < 0.35 * (images.mean(0) - images).abs().mean()
    own = (result["out"][:50, None] - images[None, :50]).abs().mean((2, 3, 4))
    assert (own.argmin(1) == torch.arange(50)).float().mean() > 0.95, "an image is nearest to its own reconstruction"


def test_it_keeps_the_autoencoder_contract() -> None:
    model = xrv.get_autoencoder("phantom-ae")
    assert isinstance(model, xrv.Autoencoder)
    assert model.input_resolution == 128
    z = model.encode(torch.zeros(3, 1, 200, 200))
    assert z.shape == (3, 16, 8, 8)
    extreme = model.decode(1e6 * torch.randn(2, 16, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert extreme.shape == (2, 1, 128, 128)
    assert extreme.abs().max() <= 1024
    with pytest.raises(
        InputError,
        match=says("'phantom-ae'", "[B, 16, 8, 8]", "[3, 16, 8]", "encode(images)"),
    ):
        model.decode(z[..., 0])
    with pytest.raises(InputError, match=r"^A model takes float images \[B, 1, H, W\]"):
        model.encode(torch.zeros(3, 200, 200))


# -- the training script


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location("phantom_net_training", FOLDER / "train.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_its_auroc_and_operating_point(script: ModuleType) -> None:
    rng = np.random.default_rng(0)
    truth = rng.uniform(size=500) < 0.3
    score = np.round(rng.normal(truth * 1.0), 1)  # with ties
    assert script.auroc(truth, score) == pytest.approx(roc_auc_score(truth, score), abs=1e-12)
    score = rng.uniform(0.01, 0.99, 500)
    point = script.operating_point(truth, score)
    gains = [(score[truth] > t).mean() - (score[~truth] > t).mean() for t in np.linspace(0, 1, 2001)]
    assert (score[truth] > point).mean() - (score[~truth] > point).mean() >= max(gains) - 1e-12


def test_a_short_run_writes_weights_that_load_and_a_record(tmp_path: Path) -> None:
    arguments = ["--images", "128", "--tests", "120", "--epochs", "1", "--workers", "0", "--out", str(tmp_path)]
    subprocess.run([sys.executable, str(FOLDER / "train.py"), *arguments], check=True, capture_output=True)
    record = json.loads((tmp_path / "training.json").read_text())
    assert set(record) == set(RECORD)
    for part in ("classifier", "autoencoder"):
        assert set(record[part]) == set(RECORD[part])
        content = (tmp_path / record[part]["file"]).read_bytes()
        assert hashlib.sha256(content).hexdigest() == record[part]["sha256"]
    xrv.get_classifier("phantom-net", weights=tmp_path / "classifier.safetensors")
    xrv.get_autoencoder("phantom-ae", weights=tmp_path / "autoencoder.safetensors")
