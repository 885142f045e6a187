"""The ResNet classifier: facts and outputs equal to torchxrayvision's, but for the operating points."""

from __future__ import annotations

import math

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_core.errors import ArgumentError, CheckpointError
from xrv_resnet.plugin import xrv_classifiers

NAME = "resnet50-res512-all"
(SPEC,) = xrv_classifiers()
TRAINED = torch.tensor(SPEC.trained)


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("torchxrayvision.models")


# -- facts


@pytest.mark.parity
def test_labels_and_address_are_those_of_torchxrayvision(peer):
    facts = peer.model_urls[NAME]
    assert SPEC.name == NAME
    assert list(SPEC.pathologies) == facts["labels"] == xrv.datasets.default_pathologies
    assert SPEC.weights.urls == (facts["weights_url"],)
    assert SPEC.input_resolution == facts["input_resolution"]
    untrained = [name for name, t in zip(facts["labels"], facts["op_threshs"], strict=True) if math.isnan(t)]
    assert untrained == ["Lung Lesion", "Enlarged Cardiomediastinum"]
    assert [n for n, t in zip(SPEC.pathologies, SPEC.trained, strict=True) if not t] == untrained


@pytest.mark.parity
def test_operating_points_are_on_one_sigmoid_less_than_those_of_torchxrayvision(peer):
    for ours, theirs in zip(SPEC.op_threshs, peer.model_urls[NAME]["op_threshs"], strict=True):
        if ours is None:
            assert math.isnan(theirs)
        else:
            assert 0.5 < theirs < 1 / (1 + math.exp(-1))  # what a sigmoid of a sigmoid can be
            assert 1 / (1 + math.exp(-ours)) == pytest.approx(theirs, abs=1e-12)
    points = [t for t in SPEC.op_threshs if t]
    assert (round(min(points), 3), round(max(points), 3)) == (0.008, 0.152)


def test_published_outputs_are_compared_with_the_options_that_made_them():
    assert [r.image.name for r in SPEC.reference_outputs] == [
        "reference-images/00000001_000.png",
        "reference-images/16747_3_1.jpg",
    ]
    trained = {name for name, t in zip(SPEC.pathologies, SPEC.trained, strict=True) if t}
    lowest = min(0.5 / (2 / (1 + math.exp(-t))) for t in SPEC.op_threshs if t)  # a double sigmoid is at least 0.5
    assert lowest > 0.46
    for reference in SPEC.reference_outputs:
        assert set(reference.outputs) == trained
        assert reference.options == {"op_threshs": "as-published"}
        assert min(reference.outputs.values()) < lowest  # so it was one sigmoid


def test_the_front_door_leads_here():
    assert xrv.describe_classifier(NAME) == SPEC


# -- the proof without the published weights: torchxrayvision's own class, its state dict served and fetched


@pytest.fixture(scope="module")
def theirs(peer, tmp_path_factory) -> torch.nn.Module:
    """torchxrayvision's ResNet, which loads the file that it finds in its cache: random weights, saved there."""
    import torchvision

    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = torchvision.models.resnet50(num_classes=18, weights=None)
        network.conv1 = torch.nn.Conv2d(1, 64, kernel_size=7, stride=2, padding=3, bias=False)
        settle(network, xrays(2, 1, 256, 256) / 512)
        network.conv1.weight.data /= 512
        torch.nn.init.normal_(network.fc.weight, std=0.02)
        torch.nn.init.normal_(network.fc.bias, mean=-2)
    cache = tmp_path_factory.mktemp("theirs")
    file = peer.model_urls[NAME]["weights_url"].rpartition("/")[2]
    torch.save(network.state_dict(), cache / file)
    return peer.ResNet(weights=NAME, cache_dir=f"{cache}/")


def fetched(theirs, folder, **options) -> xrv.Classifier:
    """The same network by the whole way: file, server, cache, safe reading."""
    zipped = options.pop("zipped", True)
    torch.save(theirs.model.state_dict(), folder / "state.pt", _use_new_zipfile_serialization=zipped)
    with pytest.MonkeyPatch.context() as patch, served(folder) as address:
        patch.setenv("XRV_CACHE_DIR", str(folder / "cache"))
        with xrv.register(published(SPEC, folder / "state.pt", address)):
            return xrv.get_classifier("proof", **options)


@pytest.fixture(scope="module")
def ours(theirs, tmp_path_factory) -> xrv.Classifier:
    return fetched(theirs, tmp_path_factory.mktemp("release"))


@pytest.fixture(scope="module")
def as_published(theirs, tmp_path_factory) -> xrv.Classifier:
    return fetched(theirs, tmp_path_factory.mktemp("release"), op_threshs="as-published", zipped=False)


def compare(theirs, as_published, x) -> None:
    with torch.no_grad():
        expected, got = theirs(x), as_published(x)
    assert (expected[:, ~TRAINED] == 0.5).all()
    assert torch.isnan(got[:, ~TRAINED]).all()
    assert expected[:, TRAINED].std() > 0.05  # numbers that would show a difference
    torch.testing.assert_close(got[:, TRAINED], expected[:, TRAINED], atol=1e-5, rtol=0)


@pytest.mark.parity
@pytest.mark.parametrize("size", [512, 300])
def test_outputs_are_those_of_torchxrayvision(theirs, as_published, size):
    compare(theirs, as_published, xrays(1, 1, size, size))


@pytest.mark.parity
@pytest.mark.realdata
def test_outputs_on_real_images_are_those_of_torchxrayvision(theirs, as_published, realdata):
    for image in real_images(realdata):
        compare(theirs, as_published, image)


@pytest.mark.parity
def test_features_are_those_of_torchxrayvision(theirs, ours):
    x = xrays(1, 1, 512, 512)
    with torch.no_grad():
        features, maps = theirs.features(x), ours.feature_maps(x)
        assert features.std() > 0.05
        assert maps.shape == (1, 2048, 16, 16)
        torch.testing.assert_close(maps.mean((2, 3)), features, atol=1e-4, rtol=0)
        torch.testing.assert_close(ours.features(x), features, atol=1e-4, rtol=0)


@pytest.mark.parity
def test_ours_is_above_half_where_torchxrayvision_with_the_double_sigmoid_was(theirs, ours):
    """Before 1.5.1 ``apply_sigmoid=True`` made the second sigmoid, and the thresholds held."""
    x = xrays(1, 1, 512, 512)
    with torch.no_grad():
        doubled = theirs.model(x).sigmoid().sigmoid()[:, TRAINED]
        above = doubled > theirs.op_threshs[TRAINED]
        assert above.any()
        assert not above.all()
        assert torch.equal(ours(x)[:, TRAINED] > 0.5, above)
        assert not torch.equal(theirs(x)[:, TRAINED] > 0.5, above)


def test_a_loaded_model_is_ready_to_predict(ours, monkeypatch):
    assert not ours.training
    monkeypatch.setattr(ours, "input_resolution", 64)
    x = xrays(1, 1, 64, 64).requires_grad_()
    ours(x).nansum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()
    assert len(ours.predict(x.detach()[0])) == 16


# -- other weights and options


def test_random_initialisation_claims_nothing():
    model = xrv.get_classifier(NAME, weights=None)
    assert (model.trained, model.op_threshs, model.training) == ([True] * 18, None, True)
    assert sum(p.numel() for p in model.parameters()) == SPEC.parameters == 23_538_642
    model.classifier = torch.nn.Linear(2048, 1)
    model.input_resolution = 64
    assert model(xrays(2, 1, 64, 64)).shape == (2, 1)


def test_own_files(tmp_path):
    model = xrv.get_classifier(NAME, weights=None).eval()
    torch.save(model.state_dict(), tmp_path / "ours.pt")
    loaded = xrv.get_classifier(NAME, weights=tmp_path / "ours.pt")
    assert torch.equal(loaded.classifier.weight, model.classifier.weight)
    torch.testing.assert_close(loaded.op_threshs[TRAINED], torch.tensor([t for t in SPEC.op_threshs if t]))


def test_wrong_arguments_and_files(tmp_path):
    with pytest.raises(ArgumentError) as wrong:
        xrv.get_classifier(NAME, weights=None, op_threshs="published")
    assert str(wrong.value) == "op_threshs='published' is neither 'corrected' nor 'as-published'."
    torch.save(torch.nn.Linear(2048, 18).state_dict(), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        xrv.get_classifier(NAME, weights=tmp_path / "w.pt")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pt'} does not fit BackboneClassifier: of 320 tensors, 267 missing "
        "(backbone.conv1.weight, backbone.bn1.weight, backbone.bn1.bias, backbone.bn1.running_mean, and 263 more), "
        "2 unexpected (backbone.weight, backbone.bias)."
    )
