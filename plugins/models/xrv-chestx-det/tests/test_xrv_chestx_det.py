"""The segmenter of ChestX-Det: facts and masks equal to torchxrayvision's, weights file to prediction."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_chestx_det.plugin import xrv_segmenters
from xrv_core.errors import CheckpointError

(SPEC,) = xrv_segmenters()
FILE = "pspnet_chestxray_best_model_4.pth"

# -- facts


@pytest.mark.parity
def test_structures_are_those_of_torchxrayvision_in_order():
    theirs = pytest.importorskip("torchxrayvision.baseline_models.chestx_det")
    assert list(SPEC.structures) == theirs.PSPNet.targets


def test_the_front_door_leads_here():
    assert xrv.describe_segmenter("chestx-det") == SPEC
    assert SPEC.weights.verified
    assert len(SPEC.structures) == 14


# -- the proof without the published weights


@pytest.fixture(scope="module")
def release(tmp_path_factory) -> Iterator[Path]:
    """A folder with the published file's container: torchxrayvision's own network, random, saved by DataParallel."""
    inner = pytest.importorskip("torchxrayvision.baseline_models.chestx_det.ptsemseg.pspnet")
    folder = tmp_path_factory.mktemp("release")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = inner.pspnet(14)
        settle(network, xrays(2, 3, 96, 96) / 512)
    torch.save(torch.nn.DataParallel(network).state_dict(), folder / FILE)
    yield folder
    shutil.rmtree(folder)  # pytest would keep it for three runs, and it is large


@pytest.fixture(scope="module")
def theirs(release) -> torch.nn.Module:
    """torchxrayvision's class finds the file in the folder where it keeps downloads, and loads it itself."""
    from torchxrayvision.baseline_models import chestx_det

    return chestx_det.PSPNet(cache_dir=str(release))


@pytest.fixture(scope="module")
def ours(release) -> xrv.Segmenter:
    """The same file by the whole way: server, cache, hash, safe reading."""
    with pytest.MonkeyPatch.context() as patch, served(release) as address:
        patch.setenv("XRV_CACHE_DIR", str(release / "cache"))
        with xrv.register(published(SPEC, release / FILE, address)):
            return xrv.get_segmenter("proof")


def assert_equal_logits(theirs, ours, x):
    with torch.no_grad():
        expected, got = theirs(x), ours(x)
    assert got.shape == (len(x), 14, 512, 512)
    assert expected.std() > 0.1  # numbers that would show a difference
    torch.testing.assert_close(got, expected, atol=1e-4, rtol=0)


@pytest.mark.parity
@pytest.mark.parametrize("size", [512, 300, 700])
def test_the_network_sees_what_that_of_torchxrayvision_sees(theirs, ours, size, monkeypatch):
    seen = []
    monkeypatch.setattr(theirs.model, "forward", lambda x: seen.append(x) or x.new_zeros(1, 14, 1, 1))
    monkeypatch.setattr(ours.network, "forward", lambda x: seen.append(x) or x.new_zeros(1, 14, 1, 1))
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
    """At 128 pixels: the grid of 3 leaves out a row there, that of 6 has more cells, and it is quick."""
    x = ours.adapt(xrays(2, 1, 128, 128))
    with torch.no_grad():
        torch.testing.assert_close(ours.network(x), theirs.model(x), atol=1e-4, rtol=0)
    assert (ours.network.dropout.p, type(ours.network.dropout)) == (0.1, torch.nn.Dropout2d)
    assert not ours.training


def test_a_file_of_another_network(tmp_path):
    state = {"module.classification.weight": torch.zeros(14, 512, 1, 1), "module.aux_cls.weight": torch.zeros(1)}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError) as error:
        xrv.get_segmenter("chestx-det", weights=tmp_path / "w.pth")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pth'} does not fit NetworkSegmenter: of 668 tensors, 556 missing "
        "(network.backbone.conv1.0.weight, network.backbone.conv1.1.weight, network.backbone.conv1.1.bias, "
        "network.backbone.conv1.1.running_mean, and 552 more)."
    )


def test_random_initialisation_and_own_files(tmp_path):
    model = xrv.get_segmenter("chestx-det", weights=None)
    assert model.training
    assert sum(p.numel() for p in model.parameters()) == SPEC.parameters
    assert repr(model) == "<NetworkSegmenter chestx-det: 14 structures, input 512 x 512 pixels>"
    file = tmp_path / "ours.pt"
    torch.save(model.state_dict(), file)
    again = xrv.get_segmenter("chestx-det", weights=file).state_dict()
    file.unlink()
    assert all(torch.equal(tensor, again[key]) for key, tensor in model.state_dict().items())
