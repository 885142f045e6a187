"""The segmenter CXAS: facts and masks equal to torchxrayvision's, weights file to prediction."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_core.errors import CheckpointError
from xrv_cxas.plugin import xrv_segmenters

(SPEC,) = xrv_segmenters()
FILE = "baseline_models_cxas_UNet_ResNet50_default_repack.pth"

# -- facts


@pytest.mark.parity
def test_structures_and_address_are_those_of_torchxrayvision():
    theirs = pytest.importorskip("torchxrayvision.baseline_models.chestx_anatomy")
    assert list(SPEC.structures) == theirs.TARGETS
    assert SPEC.weights.urls == (theirs.WEIGHTS_URL,)


def test_the_front_door_leads_here():
    assert xrv.describe_segmenter("cxas") == SPEC
    assert len(SPEC.structures) == 159
    assert not SPEC.weights.verified, "nobody has published a hash"
    assert "CC BY-NC-SA 4.0" in SPEC.licence
    assert "not for commercial use" in SPEC.warning


# -- the proof without the published weights


class Inner(torch.nn.Module):
    """torchxrayvision's network behind its resizing and scaling."""

    def __init__(self, whole: torch.nn.Module) -> None:
        super().__init__()
        self.whole = whole

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.whole._forward(x)["logits"]


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Iterator[Path]:
    """A folder with the published file's container: a dict that holds the state of the random network as ``model``."""
    theirs = pytest.importorskip("torchxrayvision.baseline_models.chestx_anatomy")
    folder = tmp_path_factory.mktemp("release")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = theirs.UNetResNet50(weights=False)
        settle(Inner(network), xrays(2, 3, 128, 128) / 512)
    torch.save({"model": network.state_dict(), "epoch": 110}, folder / FILE)
    yield folder
    shutil.rmtree(folder)  # pytest would keep it for three runs, and it is large


@pytest.fixture(scope="module")
def theirs(release) -> torch.nn.Module:
    """torchxrayvision's class finds the file in the folder where it keeps downloads, and loads it itself."""
    from torchxrayvision.baseline_models import chestx_anatomy

    return chestx_anatomy.UNetResNet50(cache_dir=str(release))


@pytest.fixture(scope="module")
def ours(release) -> xrv.Segmenter:
    """The same file by the whole way: server, cache, safe reading."""
    with pytest.MonkeyPatch.context() as patch, served(release) as address:
        patch.setenv("XRV_CACHE_DIR", str(release / "cache"))
        with xrv.register(published(SPEC, release / FILE, address, hashed=False)):
            return xrv.get_segmenter("proof")


def assert_equal_logits(theirs, ours, x):
    with torch.no_grad():
        expected, got = theirs(x), ours(x)
    assert got.shape == (len(x), 159, 512, 512)
    assert expected.std() > 0.1  # numbers that would show a difference
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


@pytest.mark.parity
@pytest.mark.parametrize("size", [512, 300, 700])
def test_the_network_sees_what_that_of_torchxrayvision_sees(theirs, ours, size, monkeypatch):
    seen = []
    monkeypatch.setattr(theirs, "_forward", lambda x: seen.append(x) or {"logits": x.new_zeros(1, 159, 1, 1)})
    monkeypatch.setattr(ours.network, "forward", lambda x: seen.append(x) or x.new_zeros(1, 159, 1, 1))
    x = xrays(1, 1, size, size)
    theirs(x), ours(x)
    assert seen[1].shape == (1, 3, 512, 512)
    torch.testing.assert_close(seen[1], seen[0], atol=1e-5, rtol=0)


@pytest.mark.parity
@pytest.mark.slow
def test_logits_are_those_of_torchxrayvision(theirs, ours):
    assert_equal_logits(theirs, ours, xrays(1, 1, 300, 300))


@pytest.mark.parity
@pytest.mark.realdata
@pytest.mark.slow
def test_logits_of_real_images_are_those_of_torchxrayvision(theirs, ours, realdata):
    for image in real_images(realdata):
        assert_equal_logits(theirs, ours, image)


@pytest.mark.parity
def test_the_network_is_that_of_torchxrayvision(theirs, ours):
    x = ours.adapt(xrays(2, 1, 100, 100))  # halves that do not come out even
    with torch.no_grad():
        torch.testing.assert_close(ours.network(x), Inner(theirs)(x), atol=1e-4, rtol=0)
    assert not ours.training


# -- other files


def test_what_lies_beside_the_network_is_left_out(release, ours):
    """... and the backbone may be nested as in CXAS, under DataParallel."""
    state = torch.load(release / FILE, weights_only=True)["model"]
    state["projection.weight"] = torch.zeros(3)
    state = {f"module.{key.replace('backbone.backbone.', 'backbone.')}": tensor for key, tensor in state.items()}
    torch.save({"model": state}, release / "beside.pth")
    loaded = xrv.get_segmenter("cxas", weights=release / "beside.pth").state_dict()
    assert all(torch.equal(tensor, loaded[key]) for key, tensor in ours.state_dict().items())


def test_a_file_of_another_network(tmp_path):
    state = {"head.out.conv.bias": torch.zeros(159), "head.up5.conv.bias": torch.zeros(3), "loss.w": torch.zeros(1)}
    torch.save({"model": state}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError) as error:
        xrv.get_segmenter("cxas", weights=tmp_path / "w.pth")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pth'} does not fit NetworkSegmenter: of 383 tensors, 320 missing "
        "(network.backbone.conv1.weight, network.backbone.bn1.weight, network.backbone.bn1.bias, "
        "network.backbone.bn1.running_mean, and 316 more), 1 unexpected (head.up5.conv.bias)."
    )


def test_random_initialisation_and_own_files(tmp_path):
    model = xrv.get_segmenter("cxas", weights=None)
    assert model.training
    assert sum(p.numel() for p in model.parameters()) == SPEC.parameters
    assert repr(model) == "<NetworkSegmenter cxas: 159 structures, input 512 x 512 pixels>"
    file = tmp_path / "ours.pt"
    torch.save(model.state_dict(), file)
    again = xrv.get_segmenter("cxas", weights=file).state_dict()
    file.unlink()
    assert all(torch.equal(tensor, again[key]) for key, tensor in model.state_dict().items())
