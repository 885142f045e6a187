"""The classifier of JF Healthcare: facts and outputs equal to torchxrayvision's, weights file to prediction."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from model_proofs import published, real_images, served, settle, xrays

import xrv_core as xrv
from xrv_core.errors import CheckpointError
from xrv_jfhealthcare.plugin import xrv_classifiers

(SPEC,) = xrv_classifiers()
FILE = SPEC.weights.urls[0].rpartition("/")[2]


@pytest.fixture(scope="module")
def peer():
    return pytest.importorskip("torchxrayvision.baseline_models.jfhealthcare")


def calm(network: torch.nn.Module) -> None:
    """Statistics with which attention that is applied five times neither vanishes nor explodes, and heads to match."""
    for norm in network.attention_map.modules():
        if isinstance(norm, torch.nn.BatchNorm2d):
            norm.running_mean.zero_()
            norm.running_var.fill_(0.9)
    for i in range(5):
        norm, head = getattr(network, f"bn_{i}"), getattr(network, f"fc_{i}")
        torch.nn.init.normal_(norm.running_mean, std=0.1)
        torch.nn.init.uniform_(norm.running_var, 0.5, 1.5)
        torch.nn.init.normal_(head.weight, std=0.02)
        torch.nn.init.normal_(head.bias)


@pytest.fixture(scope="module")
def theirs(peer, tmp_path_factory) -> torch.nn.Module:
    """torchxrayvision's class around random weights, with statistics of plausible size.

    It would download twice: ImageNet weights for its backbone (``model_zoo.load_url`` gives nothing here, and they
    would be overwritten), and its own file, unless that lies in ``~`` already: there we put one, made of its own
    network, in the format of 2019.
    """
    home = tmp_path_factory.mktemp("home")
    folder = home / ".torchxrayvision/models_data"
    folder.mkdir(parents=True)
    config = json.loads((Path(peer.__file__).parent / "config/example.json").read_text())
    with pytest.MonkeyPatch.context() as patch, torch.random.fork_rng():
        patch.setattr("torch.utils.model_zoo.load_url", lambda _url: {})
        patch.setenv("HOME", str(home))
        torch.manual_seed(0)
        network = peer.classifier.Classifier(SimpleNamespace(**config))
        settle(network, (xrays(2, 1, 512, 512) / 512).repeat(1, 3, 1, 1))
        calm(network)
        torch.save(network.state_dict(), folder / FILE, _use_new_zipfile_serialization=False)
        model = peer.DenseNet()
    model.file = folder / FILE
    return model


@pytest.fixture(scope="module")
def ours(theirs, tmp_path_factory) -> xrv.Classifier:
    """The same network by the whole way: file, server, cache, safe reading."""
    with pytest.MonkeyPatch.context() as patch, served(theirs.file.parent) as address:
        patch.setenv("XRV_CACHE_DIR", str(tmp_path_factory.mktemp("cache")))
        with xrv.register(published(SPEC, theirs.file, address)):
            return xrv.get_classifier("proof")


# -- facts


@pytest.mark.parity
def test_labels_and_address_are_those_of_torchxrayvision(theirs, peer):
    assert list(SPEC.pathologies) == theirs.pathologies
    assert SPEC.weights.urls[0] in Path(peer.__file__).read_text()
    assert sum(p.numel() for p in theirs.parameters()) == 12_525_301


@pytest.mark.parity
def test_the_configuration_is_the_one_that_the_network_was_written_for(theirs):
    config = theirs.cfg
    assert (config.backbone, config.attention_map, config.global_pool) == ("densenet121", "FPA", "AVG_MAX")
    assert (config.fc_bn, config.norm_type, config.num_classes) == (True, "BatchNorm", [1] * 5)
    assert (config.width, config.height) == (SPEC.input_resolution,) * 2


def test_what_the_authors_reported_is_in_the_spec():
    assert SPEC.reported["AUROC on CheXpert valid (200 patients), README of jfhealthcare/Chexpert"] == {
        "Cardiomegaly": 0.8703, "Edema": 0.9436, "Consolidation": 0.9334, "Atelectasis": 0.9029, "Effusion": 0.9166,
    }  # fmt: skip


def test_the_front_door_leads_here():
    assert xrv.describe_classifier("jfhealthcare") == SPEC


# -- outputs


def compare(theirs, ours, x) -> None:
    with torch.no_grad():
        expected, logits = theirs(x), ours(x)
    assert expected.std() > 0.05  # numbers that would show a difference
    torch.testing.assert_close(logits.sigmoid(), expected, atol=1e-5, rtol=0)


@pytest.mark.parity
@pytest.mark.parametrize("shape", [(2, 1, 512, 512), (1, 1, 300, 300)], ids=["batch", "resized"])
def test_outputs_are_those_of_torchxrayvision(theirs, ours, shape):
    compare(theirs, ours, xrays(*shape))


@pytest.mark.parity
@pytest.mark.realdata
def test_outputs_on_real_images_are_those_of_torchxrayvision(theirs, ours, realdata):
    for image in real_images(realdata):
        compare(theirs, ours, image)


@pytest.mark.parity
def test_features_are_what_each_head_works_on(theirs, ours):
    heads = {}
    network = theirs.model.module
    hooks = [
        getattr(network, f"fc_{i}").register_forward_pre_hook(lambda _m, args, i=i: heads.update({i: args[0]}))
        for i in range(5)
    ]
    x = xrays(1, 1, 512, 512)
    with torch.no_grad():
        theirs(x)
        features, maps = ours.features(x), ours.feature_maps(x)
    for hook in hooks:
        hook.remove()
    assert features.std() > 0.1
    torch.testing.assert_close(features, torch.cat([heads[i].flatten(1) for i in range(5)], 1), atol=1e-4, rtol=1e-5)
    assert maps.shape == (1, 5 * 1024, 16, 16)
    firsts = maps.view(1, 5, 1024, 16, 16).mean((3, 4)), maps.view(1, 5, 1024, 16, 16).amax((3, 4))
    pooled = torch.cat(firsts, 2)
    for i, norm in enumerate(ours.backbone.norms):
        torch.testing.assert_close(norm(pooled[:, i]), features.view(1, 5, 2048)[:, i], atol=1e-4, rtol=1e-5)


def test_every_head_sees_its_own_features_alone(ours):
    blocks = ours.classifier.weight.view(5, 5, 2048)
    own = torch.eye(5, dtype=torch.bool)
    assert (blocks[own] != 0).all(1).all()
    assert (blocks[~own] == 0).all()


def test_a_loaded_model_is_ready_to_predict(ours, monkeypatch):
    assert not ours.training
    monkeypatch.setattr(ours, "input_resolution", 128)
    x = xrays(1, 1, 64, 64).requires_grad_()
    ours(x).sum().backward()
    assert x.grad.isfinite().all()
    assert x.grad.any()
    assert list(ours.predict(x.detach()[0])) == list(SPEC.pathologies)


# -- other weights


def test_random_initialisation_begins_as_the_original_does():
    model = xrv.get_classifier("jfhealthcare", weights=None)
    assert (model.trained, model.op_threshs, model.training) == ([True] * 5, None, True)
    assert sum(p.numel() for p in model.parameters()) == SPEC.parameters
    test_every_head_sees_its_own_features_alone(model)
    assert 0.009 < model.classifier.weight[0, :2048].std() < 0.011
    model.classifier = torch.nn.Linear(10240, 1)
    model.input_resolution = 64
    assert model(xrays(2, 1, 64, 64)).shape == (2, 1)


def test_own_files_and_training_checkpoints(theirs, ours, tmp_path):
    torch.save(ours.state_dict(), tmp_path / "ours.pt")
    checkpoint = {"step": 3, "acc_dev": 0.9, "state_dict": theirs.model.state_dict()}  # of their train.py
    torch.save(checkpoint, tmp_path / "best1.ckpt")
    for file in ("ours.pt", "best1.ckpt"):
        loaded = xrv.get_classifier("jfhealthcare", weights=tmp_path / file).state_dict()
        assert all(torch.equal(loaded[name], tensor) for name, tensor in ours.state_dict().items())


def test_files_of_other_networks(theirs, tmp_path):
    def refusal(state: dict) -> str:
        torch.save(state, tmp_path / "w.pt")
        with pytest.raises(CheckpointError) as error:
            xrv.get_classifier("jfhealthcare", weights=tmp_path / "w.pt")
        return str(error.value).removeprefix(f"Weights file {tmp_path / 'w.pt'} ")

    state = theirs.model.module.state_dict()
    assert refusal(state | {"fc_0.weight": torch.zeros(1, 1024, 1, 1)}) == (
        "has a head 'fc_0' of shape [1, 1024, 1, 1], not [1, 2048, 1, 1]: it was trained with another configuration "
        "than the published file (global_pool AVG_MAX, one output a finding), such as PCAM pooling, which this network "
        "does not have."
    )
    assert refusal({k: v for k, v in state.items() if k != "fc_3.bias"}) == (
        "does not fit BackboneClassifier: of 808 tensors, 2 missing (classifier.weight, classifier.bias), "
        "9 unexpected (fc_0.weight, fc_0.bias, fc_1.weight, fc_1.bias, and 5 more)."
    )
    assert refusal(torch.nn.Linear(2, 2).state_dict()) == (
        "does not fit BackboneClassifier: of 808 tensors, 674 missing (backbone.densenet.features.conv0.weight, "
        "backbone.densenet.features.norm0.weight, backbone.densenet.features.norm0.bias, "
        "backbone.densenet.features.norm0.running_mean, and 670 more), 2 unexpected (weight, bias)."
    )
