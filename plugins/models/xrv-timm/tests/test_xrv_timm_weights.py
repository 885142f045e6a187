"""Weights for timm networks: files, addresses, and timm's own."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator

import pytest
import torch
from model_proofs import served

import xrv_core as xrv
from xrv_core.errors import ArgumentError, CheckpointError, DownloadError, HashMismatch, OfflineError
from xrv_core.torchvision_guard import import_timm

timm = import_timm()


def build(name: str = "resnet10t", **options):
    return xrv.get_classifier(f"timm/{name}", **{"pathologies": ["Mass", "Nodule"], "input_resolution": 64} | options)


def network(name: str = "resnet10t", **options) -> torch.nn.Module:
    return timm.create_model(name, **options).eval()


@pytest.fixture
def quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


# -- weights


def test_a_file_with_a_fitting_head_is_taken_over_whole(tmp_path, quiet):
    original = network(num_classes=2)
    torch.save({"state_dict": {f"module.{k}": v for k, v in original.state_dict().items()}}, tmp_path / "w.pt")
    model = build(weights=tmp_path / "w.pt")
    assert not model.training
    assert torch.equal(model.classifier.weight, original.fc.weight)
    torch.save(model.state_dict(), tmp_path / "ours.pt")
    twin = build(weights=tmp_path / "ours.pt")
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), twin.parameters(), strict=True))


def test_a_head_that_is_a_convolution_fits_too(tmp_path, quiet):
    original = network("resnetv2_50x1_bit", num_classes=2)
    torch.save(original.state_dict(), tmp_path / "w.pt")
    assert torch.equal(build("resnetv2_50x1_bit", weights=tmp_path / "w.pt").classifier.bias, original.head.fc.bias)


@pytest.mark.parametrize(
    ("name", "classes"), [("resnet10t", 1000), ("resnet10t", 0), ("deit_tiny_distilled_patch16_224", 2)]
)
def test_without_a_fitting_head_it_stays_random_and_warns(tmp_path, name, classes):
    original = network(name, num_classes=classes)
    torch.save(original.state_dict(), tmp_path / "w.pt")
    side = 224 if "deit" in name else 64
    with pytest.warns(UserWarning, match="random") as caught:
        model = build(name, weights=tmp_path / "w.pt", input_resolution=side)
    (warning,) = caught
    assert f"weights file {tmp_path / 'w.pt'} has none for 2 pathologies" in str(warning.message)
    key = next(iter(original.state_dict()))
    assert torch.equal(model.backbone.state_dict()[key], original.state_dict()[key])


def test_anything_else_must_fit(tmp_path):
    state = network(num_classes=2).state_dict()
    del state["layer1.0.conv1.weight"]
    torch.save(state | {"extra": torch.ones(1)}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        build(weights=tmp_path / "w.pt")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pt'} does not fit BackboneClassifier: of {len(state) + 1} tensors, "
        "1 missing (backbone.layer1.0.conv1.weight), 1 unexpected (backbone.extra)."
    )


def test_weights_from_an_address(tmp_path, quiet):
    original = network(num_classes=2)
    file = tmp_path / "w.pt"
    torch.save(original.state_dict(), file)
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest()
    with served(tmp_path) as address:
        for options in ({"sha256": sha256}, {}):
            model = build(weights_url=f"{address}/w.pt?download=1", **options)
            assert torch.equal(model.classifier.weight, original.fc.weight)
        with pytest.raises(HashMismatch):
            build(weights_url=f"{address}/w.pt", sha256="0" * 64)
    model = build(weights_url=f"{address}/w.pt?download=1", sha256=sha256)  # from the cache: nobody serves now
    assert torch.equal(model.classifier.weight, original.fc.weight)


# -- timm's own weights


def test_pretrained_goes_through_timm_to_the_hub(monkeypatch):
    original = network(num_classes=1000)
    asked = []

    def hub(place, *args, **options):
        asked.append(place)
        return original.state_dict()

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", hub)
    model = build(pretrained=True)
    assert asked == ["timm/resnet10t.c3_in1k"]
    assert not model.training
    assert torch.equal(model.backbone.conv1[0].weight, original.conv1[0].weight)
    assert model.classifier.out_features == 2


def test_a_hub_out_of_reach(monkeypatch):
    def hub(*args, **options):
        raise ConnectionError("no route to huggingface.co")

    monkeypatch.setattr("timm.models._builder.load_state_dict_from_hf", hub)
    with pytest.raises(DownloadError) as error:
        build(pretrained=True)
    assert str(error.value) == (
        "timm could not get its weights of 'resnet10t': ConnectionError: no route to huggingface.co. "
        "Try again, or leave pretrained out and load a weights file."
    )


def test_offline_nobody_is_asked(monkeypatch):
    monkeypatch.setenv("XRV_OFFLINE", "1")
    monkeypatch.setattr("timm.create_model", None)
    with pytest.raises(OfflineError) as error:
        build(pretrained=True)
    assert str(error.value) == (
        "pretrained=True asks the Hugging Face hub for the weights of 'resnet10t', and XRV_OFFLINE is set. "
        "Unset it, or leave pretrained out and load a weights file."
    )


def test_a_network_without_published_weights():
    with pytest.raises(ArgumentError) as error:
        build("coatnet_0_224", pretrained=True)
    assert str(error.value) == "timm has no weights for 'coatnet_0_224': leave pretrained out, or load a weights file."
