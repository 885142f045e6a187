"""The CheXpert ensemble: facts and outputs equal to torchxrayvision's, from an archive in the published layout."""

from __future__ import annotations

import json
import weakref
from pathlib import Path

import pytest
import torch
from model_proofs import real_images, xrays

import xrv_core as xrv
from xrv_chexpert_ensemble import network
from xrv_chexpert_ensemble.model import GROUPS, THREE_CLASS, member_names
from xrv_chexpert_ensemble.plugin import xrv_classifiers
from xrv_core.errors import ArgumentError

NAME = "chexpert-ensemble"
(SPEC,) = xrv_classifiers()
WIDTH = 1024


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("torchxrayvision.baseline_models.chexpert")


@pytest.fixture(scope="module")
def theirs(peer, archive) -> torch.nn.Module:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("torch.cuda.is_available", lambda: False)  # it would move to cuda:0 by itself
        return peer.DenseNet(weights_zip=str(archive), num_models=2)


@pytest.fixture(scope="module")
def streamed(archive) -> xrv.Classifier:
    return xrv.get_classifier(NAME, weights=archive, num_models=2)


@pytest.fixture(scope="module")
def resident(archive) -> xrv.Classifier:
    return xrv.get_classifier(NAME, weights=archive, num_models=2, resident=True)


# -- facts


@pytest.mark.parity
def test_the_90_members_are_those_of_torchxrayvision(peer):
    config = json.loads((Path(peer.__file__).parent / "predict_configs.json").read_text())
    assert config["aggregation_method"] == "mean"
    names = member_names()
    assert [len(members) for members in names.values()] == [30, 30, 30]
    assert len({name for members in names.values() for name in members}) == 90
    tasks = {}
    for policy, findings in GROUPS.items():
        members = [{"ckpt_path": name, "is_3class": policy == THREE_CLASS} for name in names[policy]]
        tasks |= dict.fromkeys(findings.values(), members)
    assert config["task2models"] == tasks


@pytest.mark.parity
def test_labels_and_address_are_those_of_torchxrayvision(peer):
    assert list(SPEC.pathologies) == peer.DenseNet.targets
    (address,) = [word for word in SPEC.obtain.split() if word.startswith("https")]
    assert address in peer.DenseNet.__doc__


def test_the_weights_are_the_users_to_get():
    assert xrv.describe_classifier(NAME) == SPEC
    with pytest.raises(ArgumentError) as error:
        xrv.get_classifier(NAME)
    assert str(error.value) == (
        "The weights of 'chexpert-ensemble' cannot be fetched: pass weights=PATH. How to obtain them: A zip archive of "
        "about 6 GB, by torrent: https://academictorrents.com/details/5c7ee21e6770308f2d2b4bd829e896dbd9d3ee87 . It is "
        "used as it is, do not unpack it. (weights=None gives the network with random weights.)"
    )


# -- outputs


def compare(theirs, ours, x) -> None:
    with torch.no_grad():
        expected, logits = theirs(x), ours(x)
    assert expected.std() > 0.05  # numbers that would show a difference
    torch.testing.assert_close(logits.sigmoid(), expected, atol=1e-5, rtol=0)


@pytest.fixture
def small(streamed, resident, monkeypatch) -> torch.Tensor:
    """Two images of a size that is quick, which our models take as they are."""
    for model in (streamed, resident):
        monkeypatch.setattr(model, "input_resolution", 64)
    return xrays(2, 1, 64, 64)


@pytest.fixture
def small_too(peer, monkeypatch) -> None:
    """The same for torchxrayvision's."""
    monkeypatch.setattr(peer.utils, "fix_resolution", lambda x, _resolution, _model: x)


@pytest.mark.parity
def test_outputs_are_those_of_torchxrayvision(theirs, streamed):
    compare(theirs, streamed, xrays(1, 1, 200, 200))


@pytest.mark.parity
@pytest.mark.realdata
def test_outputs_on_real_images_are_those_of_torchxrayvision(theirs, resident, realdata):
    for image in real_images(realdata):
        compare(theirs, resident, image)


@pytest.mark.parity
@pytest.mark.usefixtures("small_too")
def test_batches_and_their_features_are_those_of_torchxrayvision(theirs, streamed, small):
    compare(theirs, streamed, small)
    with torch.no_grad():
        expected, features = theirs.features(small), streamed.features(small)
    assert expected.shape == (2, 3 * 2 * WIDTH)
    assert expected.std() > 0.05
    torch.testing.assert_close(features, expected, atol=1e-4, rtol=0)


@pytest.mark.parity
@pytest.mark.usefixtures("small_too")
def test_gradients_are_those_of_torchxrayvision(theirs, streamed, small):
    def gradient(run) -> torch.Tensor:
        leaf = small.clone().requires_grad_()
        (found,) = torch.autograd.grad(run(leaf)[:, :4].sum(), leaf)
        return found

    expected = gradient(theirs)
    assert expected.abs().max() > 0
    found = gradient(lambda leaf: streamed(leaf).sigmoid())
    # rounding of 1e-7 changes which unit is the largest or above zero: both are 2 % from those in double precision
    assert (found - expected).norm() < 0.05 * expected.norm()


def test_a_loaded_model_is_ready_to_predict(streamed, resident, small):
    assert not streamed.training
    assert not resident.training
    with torch.no_grad():
        torch.testing.assert_close(streamed(small), resident(small), atol=1e-4, rtol=0)
        maps = resident.feature_maps(small)
        assert maps.shape == (2, 3 * 2 * WIDTH, 2, 2)
        torch.testing.assert_close(maps.mean((2, 3)), resident.features(small))
    assert list(streamed.predict(small[0])) == list(SPEC.pathologies)


def test_fewer_members_are_the_first_ones(archive, streamed, small):
    one = xrv.get_classifier(NAME, weights=archive, num_models=1)
    assert repr(one) == (
        "<BackboneClassifier chexpert-ensemble: 5 of 5 pathologies trained, input 320 x 320 pixels, output logits>"
    )
    one.input_resolution = 64
    with torch.no_grad():
        firsts = streamed.features(small).view(2, 3, 2, WIDTH)[:, :, 0].flatten(1)
        torch.testing.assert_close(one.features(small), firsts)


# -- memory


@pytest.fixture
def alive(monkeypatch) -> list[int]:
    """How many tensors of earlier members are in memory whenever a member is about to be read."""
    seen: list[weakref.ref] = []
    counts: list[int] = []
    read = network.load_state_dict

    def watched(path, *, member):
        counts.append(sum(reference() is not None for reference in seen))
        state = read(path, member=member)
        seen.extend(weakref.ref(tensor) for tensor in state.values())
        return state

    monkeypatch.setattr(network, "load_state_dict", watched)
    return counts


def test_no_member_is_in_memory_when_the_next_is_read(streamed, small, alive):
    with torch.no_grad():
        streamed(small)
    assert alive == [0] * 6


def test_the_same_holds_of_a_backward_pass(streamed, small, alive):
    out = streamed(small.requires_grad_()).sum()
    assert alive == [0] * 6  # the graph of six members holds none of them
    out.backward()
    assert len(alive) == 12
    one = len(streamed.backbone._skeleton[0].state_dict())
    assert max(alive) <= one  # the one before may still be there, while it is let go
    assert small.grad.any()


def test_a_streamed_model_holds_its_heads_alone(streamed, resident):
    assert list(streamed.state_dict()) == ["classifier.weight", "classifier.bias"]
    assert sum(p.numel() for p in resident.backbone.parameters()) == 6 * 6_953_856
