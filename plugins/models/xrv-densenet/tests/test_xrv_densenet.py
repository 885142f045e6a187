"""The DenseNet classifiers: facts equal to torchxrayvision's, and outputs too, weights file to prediction."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from model_proofs import published, served, settle, xrays

import xrv_core as xrv
from xrv_core.errors import CheckpointError, UnsafeCheckpoint
from xrv_densenet.plugin import xrv_classifiers

SPECS = {spec.aliases[0]: spec for spec in xrv_classifiers()}
NAN = float("nan")


# -- facts


@pytest.mark.parity
@pytest.mark.parametrize("key", SPECS)
def test_labels_operating_points_and_addresses_are_those_of_torchxrayvision(key):
    models = pytest.importorskip("torchxrayvision.models")
    spec, facts = SPECS[key], models.model_urls[f"densenet121-res224-{key}"]
    assert spec.name == f"densenet121-res224-{key}"
    names = [name if trained else "" for name, trained in zip(spec.pathologies, spec.trained, strict=True)]
    assert names == list(facts["labels"])
    assert [str(NAN if t is None else t) for t in spec.op_threshs] == [str(float(t)) for t in facts["op_threshs"]]
    assert spec.weights.urls == (facts["weights_url"],)
    assert spec.input_resolution == facts["input_resolution"]


def test_every_model_has_the_18_default_pathologies_in_order():
    assert len(SPECS) == 7
    for spec in SPECS.values():
        assert list(spec.pathologies) == xrv.datasets.default_pathologies
    counts = {key: sum(spec.trained) for key, spec in SPECS.items()}
    assert counts == {"all": 18, "nih": 14, "pc": 15, "chex": 11, "rsna": 2, "mimic_nb": 11, "mimic_ch": 11}


def test_files_without_a_published_hash_are_known():
    assert [key for key, spec in SPECS.items() if spec.weights.sha256 is None] == ["nih", "mimic_nb"]


def test_the_front_door_leads_here():
    assert {spec.name for spec in SPECS.values()} <= set(xrv.list_classifiers())
    assert xrv.describe_classifier("mimic_nb") == SPECS["mimic_nb"]


# -- the proof without the published weights: torchxrayvision's own class, pickled whole, served, fetched, compared


@pytest.fixture(scope="module")
def theirs() -> torch.nn.Module:
    """torchxrayvision's DenseNet with random weights and batch statistics of plausible size."""
    models = pytest.importorskip("torchxrayvision.models")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = models.DenseNet(num_classes=18, in_channels=1, **models.get_densenet_params("densenet"))
        settle(model, xrays(2, 1, 224, 224))
        last = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)][-1]
        torch.nn.init.uniform_(last.weight, 0.05, 0.15)  # features of order 1, as the published ones
        torch.nn.init.normal_(model.classifier.bias, mean=-2)
    return model.eval()


@pytest.fixture(scope="module", params=[True, False], ids=["zip", "stream"])
def ours(request, theirs, tmp_path_factory) -> xrv.Classifier:
    """The same network by the whole way: file, server, cache, safe reading."""
    folder = tmp_path_factory.mktemp("release")
    torch.save(theirs, folder / "proof.pt", _use_new_zipfile_serialization=request.param)
    with pytest.MonkeyPatch.context() as patch, served(folder) as address:
        patch.setenv("XRV_CACHE_DIR", str(folder / "cache"))
        with xrv.register(published(SPECS["pc"], folder / "proof.pt", address)):
            return xrv.get_classifier("proof")


def as_published(theirs: torch.nn.Module) -> torch.nn.Module:
    """``theirs`` with what torchxrayvision adds to a model that it has fetched."""
    theirs.op_threshs = torch.tensor([NAN if t is None else t for t in SPECS["pc"].op_threshs])
    theirs.input_resolution = 224
    return theirs


@pytest.mark.parity
@pytest.mark.parametrize("size", [224, 512])
def test_outputs_are_those_of_torchxrayvision(theirs, ours, size):
    x = xrays(2, 1, size, size)
    trained = torch.tensor(ours.trained)
    with torch.no_grad():
        expected, got = as_published(theirs)(x), ours(x)
        assert (expected[:, ~trained] == 0.5).all()
        assert torch.isnan(got[:, ~trained]).all()
        assert expected[:, trained].std() > 0.05  # numbers that would show a difference
        torch.testing.assert_close(got[:, trained], expected[:, trained], atol=1e-5, rtol=0)
        features = theirs.features2(x)
        torch.testing.assert_close(ours.features(x), features, atol=1e-5, rtol=0)
        logits, ours.op_threshs, points = theirs.classifier(features), None, ours.op_threshs
        torch.testing.assert_close(ours(x)[:, trained], logits[:, trained], atol=1e-5, rtol=0)
        ours.op_threshs = points


@pytest.mark.parity
def test_feature_maps_are_those_of_torchxrayvision_after_the_last_relu(theirs, ours):
    x = xrays(1, 1, 224, 224)
    with torch.no_grad():
        maps = ours.feature_maps(x)
        torch.testing.assert_close(maps, theirs.features(x).relu(), atol=1e-5, rtol=0)
        torch.testing.assert_close(maps.mean((2, 3)), ours.features(x))


def test_a_loaded_model_is_ready_to_predict(ours):
    assert not ours.training
    assert ours.trained == list(SPECS["pc"].trained)
    assert ours.spec.name == "proof"
    x = xrays(1, 1, 64, 64).requires_grad_()
    ours(x).nansum().backward()
    assert x.grad.isfinite().all()


class Payload:
    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "stream"])
def test_a_served_payload_raises_and_leaves_no_trace(tmp_path, zipped):
    canary = tmp_path / "canary"
    network = torch.nn.Sequential(torch.nn.Linear(1, 1))
    network.note = Payload(canary)
    torch.save(network, tmp_path / "evil.pt", _use_new_zipfile_serialization=zipped)
    with (
        served(tmp_path) as address,
        xrv.register(published(SPECS["pc"], tmp_path / "evil.pt", address, hashed=False)) as spec,
    ):
        with pytest.raises(UnsafeCheckpoint) as error:
            xrv.get_classifier("proof")
        file = xrv.fetch(spec.weights)
    assert not canary.exists()
    assert str(error.value) == (
        f"Weights file {file} asks for builtins.getattr, which is neither a tensor nor a layer of torch.nn, "
        "torchvision, timm or torchxrayvision. Nothing of the file was run. Get these weights as safetensors or "
        "as a plain state dict, from a source that you trust."
    )


# -- other weights


def test_random_initialisation_claims_nothing():
    model = xrv.get_classifier("densenet121-res224-chex", weights=None)
    assert (model.trained, model.op_threshs, model.training) == ([True] * 18, None, True)
    assert sum(p.numel() for p in model.parameters()) == 6_966_034
    assert repr(model) == (
        "<BackboneClassifier densenet121-res224-chex: 18 of 18 pathologies trained, "
        "input 224 x 224 pixels, output logits>"
    )


def test_own_files(tmp_path):
    model = xrv.get_classifier("chex", weights=None).eval()
    x = xrays(1, 1, 64, 64)
    torch.save(model.state_dict(), tmp_path / "ours.pt")
    state = {k.removeprefix("backbone."): v for k, v in model.state_dict().items()}
    torch.save({"state_dict": state | {"op_threshs": torch.full((18,), 0.25)}}, tmp_path / "theirs.pt")
    for file, points in (("ours.pt", SPECS["chex"].op_threshs), ("theirs.pt", [0.25] * 18)):
        loaded = xrv.get_classifier("chex", weights=tmp_path / file)
        torch.testing.assert_close(loaded.features(x), model.features(x))
        expected = torch.tensor([NAN if p is None else p for p in points])
        torch.testing.assert_close(loaded.op_threshs, expected, equal_nan=True)


def test_a_file_of_another_network(tmp_path):
    torch.save(torch.nn.Linear(1024, 18).state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        xrv.get_classifier("nih", weights=tmp_path / "w.pt")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pt'} does not fit BackboneClassifier: of 727 tensors, 606 missing "
        "(backbone.features.conv0.weight, backbone.features.norm0.weight, backbone.features.norm0.bias, "
        "backbone.features.norm0.running_mean, and 602 more), 2 unexpected (backbone.weight, backbone.bias)."
    )


def test_fine_tuning_as_in_the_paper():
    model = xrv.get_classifier("all", weights=None)
    model.op_threshs = None
    model.classifier = torch.nn.Linear(1024, 1)
    assert model(xrays(2, 1, 64, 64)).shape == (2, 1)
