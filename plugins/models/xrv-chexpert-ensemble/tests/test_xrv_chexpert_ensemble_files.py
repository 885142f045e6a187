"""The CheXpert ensemble: other files and options, training, and errors about wrong archives."""

from __future__ import annotations

import zipfile

import pytest
import torch
from model_proofs import xrays

import xrv_core as xrv
from xrv_chexpert_ensemble.model import member_names
from xrv_chexpert_ensemble.network import EnsembleHead
from xrv_chexpert_ensemble.plugin import xrv_classifiers
from xrv_core.errors import ArgumentError, CheckpointError

NAME = "chexpert-ensemble"
(SPEC,) = xrv_classifiers()
FIRST = "saved/DenseNet121_320_1e-04_uncertainty_ones_top10/iter_336000.pth.tar"


# -- the head


def test_the_head_is_the_mean_probability_of_a_group():
    head = EnsembleHead([0, 1, 0], members=2)
    features = torch.randn(4, 2, 2, 1024)
    probabilities = torch.stack(
        [
            torch.stack([features[:, g, m] @ head.blocks[f, g, m] + head.bias[f, m] for m in range(2)])
            .sigmoid()
            .mean(0)
            for f, g in enumerate([0, 1, 0])
        ],
        1,
    )
    torch.testing.assert_close(head(features.flatten(1)).sigmoid(), probabilities)


def test_certain_members_do_not_give_infinity():
    head = EnsembleHead([0], members=2)
    with torch.no_grad():
        for sign in (1, -1):
            head.bias.copy_(torch.tensor([[150.0, 200.0]]) * sign)
            logit = head(torch.zeros(1, 2048))
            # the less certain member decides: the mean of 1 - p is exp(-150) / 2
            torch.testing.assert_close(logit, torch.tensor([[sign * (150 + torch.log(torch.tensor(2.0)))]]))


def test_training_leaves_the_unused_blocks_of_the_head_alone():
    head = EnsembleHead([0, 1], members=1)
    head(torch.randn(3, 2048)).sum().backward()
    gradient = head.weight.grad.view(2, 2, 1024)
    assert (gradient[[0, 1], [0, 1]] != 0).all()
    assert (gradient[[0, 1], [1, 0]] == 0).all()
    assert (head.blocks[[0, 1], [1, 0]] == 0).all()


# -- other weights and options


def test_random_initialisation_trains():
    model = xrv.get_classifier(NAME, weights=None)
    assert (model.trained, model.op_threshs, model.training) == ([True] * 5, None, True)
    assert model.classifier.in_features == 3 * 1024
    model.input_resolution = 64
    model(xrays(2, 1, 64, 64)).sum().backward()
    assert all(p.grad is not None for p in model.parameters())
    assert model.backbone.members[0].features.norm0.num_batches_tracked == 1  # not once more in the backward pass


def test_a_new_head_trains_on_streamed_members(archive):
    model = xrv.get_classifier(NAME, weights=archive, num_models=1).train()
    model.op_threshs = [0.1, 0.2, 0.3, 0.4, 0.5]
    model.input_resolution = 64
    assert set(model.predict(xrays(1, 1, 64, 64)[0])) == set(SPEC.pathologies)
    model.classifier = torch.nn.Linear(3 * 1024, 1)
    assert model.op_threshs is None
    model(xrays(2, 1, 64, 64)).sum().backward()
    assert model.classifier.weight.grad.any()


def test_own_files(archive, tmp_path):
    model = xrv.get_classifier(NAME, weights=archive, num_models=1, resident=True)
    torch.save(model.state_dict(), tmp_path / "ours.pt")
    loaded = xrv.get_classifier(NAME, weights=tmp_path / "ours.pt")
    own, its = model.state_dict(), loaded.state_dict()
    assert list(own) == list(its)
    assert all(torch.equal(its[key], tensor) for key, tensor in own.items())
    assert not loaded.training
    with pytest.raises(ArgumentError) as error:
        xrv.get_classifier(NAME, weights=tmp_path / "ours.pt", num_models=2)
    assert str(error.value) == f"num_models=2: weights file {tmp_path / 'ours.pt'} has 1 members in each group."


@pytest.mark.parametrize(
    ("number", "rule"), [(0, "1 to 30 members"), (31, "1 to 30 members"), (2.0, "whole number"), (True, "whole number")]
)
def test_another_number_of_members(number, rule):
    with pytest.raises(ArgumentError, match=f"num_models={number!r}.*{rule}"):
        xrv.get_classifier(NAME, weights=None, num_models=number)


# -- wrong files


def refusal(path, **options) -> str:
    with pytest.raises(CheckpointError) as error:
        xrv.get_classifier(NAME, weights=path, **options)
    message = str(error.value).removeprefix("Weights file ")
    assert message.startswith(str(path))
    return message.removeprefix(str(path))


def test_incomplete_archives(archive, tmp_path):
    second = member_names()["ones"][2]
    assert refusal(archive) == (
        " is not the whole archive of the CheXpert ensemble: it lacks 84 of the 90 checkpoints wanted, such as "
        f"{second!r}. {SPEC.obtain}"
    )
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("readme.txt", "not this one")
    assert refusal(tmp_path / "other.zip", num_models=1) == (
        " is not the whole archive of the CheXpert ensemble: it lacks 3 of the 3 checkpoints wanted, such as "
        f"{FIRST!r}. {SPEC.obtain}"
    )


def test_files_of_other_networks(tmp_path):
    torch.save(torch.nn.Linear(2, 2).state_dict(), tmp_path / "w.pt")
    assert refusal(tmp_path / "w.pt") == (
        " is neither the archive of the CheXpert ensemble nor a state dict of this model, whose 'classifier.weight' "
        f"would have a multiple of 3072 columns. {SPEC.obtain}"
    )


def test_members_of_another_network(altered):
    path = altered(lambda c: c["model_state"].pop("module.model.features.conv0.weight"))
    assert refusal(path, num_models=1) == (
        f"!{FIRST} does not fit Member: of 725 tensors, 1 missing (features.conv0.weight)."
    )


def test_members_with_another_head(altered):
    def shorten(checkpoint) -> None:
        for kind in ("weight", "bias"):
            key = f"module.model.classifier.{kind}"
            checkpoint["model_state"][key] = checkpoint["model_state"][key][:5]

    assert refusal(altered(shorten), num_models=1) == (
        f"!{FIRST} has a head of shape [5, 1024], not [14, 1024]: 1 for each of the 14 tasks that it names."
    )
    first = member_names()["3-class"][0]
    assert refusal(altered(shorten, "3-class"), num_models=1) == (
        f"!{first} has a head of shape [5, 1024], not [42, 1024]: 3 for each of the 14 tasks that it names."
    )


@pytest.mark.parametrize(
    "tasks", [None, {"Edema": 0}, {"Atelectasis": 0, "Edema": 2}, {"Atelectasis": 0, "Edema": "1"}, ["Edema"]]
)
def test_members_that_do_not_say_what_their_outputs_are(altered, tasks):
    path = altered(lambda c: c.pop("task_sequence") if tasks is None else c.update(task_sequence=tasks))
    assert refusal(path, num_models=1) == (
        f"!{FIRST} does not say which output is which finding: 'task_sequence' must number its tasks, and name "
        "Atelectasis, Edema."
    )


def test_a_damaged_member(archive, tmp_path):
    data = bytearray(archive.read_bytes())
    data[5_000_000] ^= 1
    (tmp_path / "damaged.zip").write_bytes(data)
    assert refusal(tmp_path / "damaged.zip", num_models=2) == (f"!{FIRST}: its checksum is not the one in the archive.")
