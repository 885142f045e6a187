"""The attribute models: facts, input statistics, random initialisation, and files that do not fit."""

from __future__ import annotations

import importlib
import inspect
import json

import pytest
import torch
from click.testing import CliRunner
from model_proofs import xrays

import xrv_core as xrv
from xrv_attributes.plugin import xrv_classifiers
from xrv_core.cli import main
from xrv_core.errors import CheckpointError
from xrv_core.torchvision_guard import import_timm

SPECS = {spec.name: spec for spec in xrv_classifiers()}
PEERS = {
    "view": "xinario.ViewModel",
    "age": "riken.AgeModel",
    "sex": "mira.SexModel",
    "race": "emory_hiti.RaceModel",
}
RESNETS = ("view", "sex", "race")


# -- facts


@pytest.mark.parity
@pytest.mark.parametrize("name", PEERS)
def test_targets_resolution_and_address_are_those_of_torchxrayvision(name):
    pytest.importorskip("torchxrayvision")
    module, _, kind = PEERS[name].partition(".")
    peer = getattr(importlib.import_module(f"torchxrayvision.baseline_models.{module}"), kind)
    text = inspect.getsource(peer.__init__) + inspect.getsource(peer.forward)
    assert list(SPECS[name].pathologies) == peer.targets
    assert f"utils.fix_resolution(x, {SPECS[name].input_resolution}, self)" in text
    (address,) = SPECS[name].weights.urls
    assert f"'{address}'" in text.replace('"', "'")


def test_what_the_columns_are():
    assert {n: (s.task, s.activation, s.unit) for n, s in SPECS.items()} == {
        "view": ("image view", "softmax", ""),
        "age": ("patient age", "identity", "years"),
        "sex": ("patient sex", "softmax", ""),
        "race": ("patient race", "softmax", ""),
    }


def test_no_unpublished_fact_is_claimed():
    assert all(spec.weights.sha256 is None and spec.weights.size is None for spec in SPECS.values())
    assert SPECS["race"].licence.startswith("Unknown: ")
    assert SPECS["view"].training_data == ()


def test_every_warning_is_plain_and_about_use():
    assert "must not be used to assign race to people" in SPECS["race"].warning
    assert "do not assign sex or gender to people" in SPECS["sex"].warning
    assert "nothing about the health of a person" in SPECS["age"].warning
    assert "check a sample by eye" in SPECS["view"].warning


def test_published_outputs_name_the_columns():
    for spec in SPECS.values():
        for reference in spec.reference_outputs:
            assert tuple(reference.outputs) == spec.pathologies
            total = sum(reference.outputs.values())
            assert spec.activation == "identity" or total == pytest.approx(1, abs=1e-5)
    assert [name for name, spec in SPECS.items() if not spec.reference_outputs] == ["view"]


def test_published_outputs_tell_the_network_from_any_other_that_is_sure():
    references = [r for spec in SPECS.values() for r in spec.reference_outputs]
    assert all(reference.tolerance < min(reference.outputs.values()) for reference in references)


def test_the_front_door_leads_here():
    assert set(SPECS) <= set(xrv.list_classifiers())
    assert xrv.describe_classifier("race") == SPECS["race"]


# -- random initialisation


@pytest.mark.parametrize("name", RESNETS)
def test_random_initialisation(name):
    model = xrv.get_classifier(name, weights=None)
    spec = SPECS[name]
    assert (model.training, model.op_threshs, model.activation) == (True, None, "softmax")
    assert model.trained == [True] * len(spec.pathologies)
    assert sum(p.numel() for p in model.parameters()) == spec.parameters


@pytest.mark.parametrize(("name", "low", "high"), [("view", -2.1179, 2.64), ("sex", 0, 255), ("race", -2.1179, 2.64)])
def test_input_statistics(name, low, high):
    """Black and white as each network sees them: the extremes of ImageNet's normalisation, or grey levels."""
    ends = xrv.get_classifier(name, weights=None).adapt(torch.tensor([-1024.0, 1024.0]).view(2, 1, 1, 1))
    assert ends.shape == (2, 3, 1, 1)
    assert (float(ends.min()), float(ends.max())) == pytest.approx((low, high), abs=1e-4)


def test_grey_levels_are_those_of_torchxrayvision_within_rounding():
    x = xrays(1, 1, 64, 64)
    adapted = xrv.get_classifier("sex", weights=None).adapt(x)
    torch.testing.assert_close(adapted, ((x + 1024) / 2048 * 255).repeat(1, 3, 1, 1), atol=0, rtol=3e-7)


def test_fine_tuning():
    model = xrv.get_classifier("sex", weights=None)
    model.classifier = torch.nn.Linear(512, 1)
    assert (model.activation, model(xrays(2, 1, 64, 64)).shape) == ("sigmoid", (2, 1))


# -- files


@pytest.mark.parametrize("name", RESNETS)
def test_own_files(name, tmp_path):
    model = xrv.get_classifier(name, weights=None)
    torch.save(model.state_dict(), tmp_path / "ours.pt")
    loaded = xrv.get_classifier(name, weights=tmp_path / "ours.pt")
    x = xrays(1, 1, 64, 64)
    torch.testing.assert_close(loaded(x), model.eval()(x))


def resnet50(outputs: int) -> dict[str, torch.Tensor]:
    """A state dict without numbers worth anything."""
    model = import_timm().create_model("resnet50", num_classes=outputs)
    return model.state_dict()


def test_of_a_thousand_outputs_of_the_view_the_first_two_are_kept(tmp_path):
    for outputs in (1000, 2):
        state = resnet50(outputs)
        torch.save(state, tmp_path / "w.pt")
        model = xrv.get_classifier("view", weights=tmp_path / "w.pt")
        assert torch.equal(model.classifier.weight, state["fc.weight"][:2])
        assert torch.equal(model.classifier.bias, state["fc.bias"][:2])


def test_no_other_number_of_outputs_is_cut(tmp_path):
    torch.save(resnet50(5), tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        xrv.get_classifier("view", weights=tmp_path / "w.pt")
    assert str(error.value) == (
        f"Weights file {tmp_path / 'w.pt'} does not fit BackboneClassifier: of 320 tensors, 2 of another shape "
        "(classifier.weight: [5, 2048] in the file, [2, 2048] in the model; classifier.bias: [5] in the file, [2] in "
        "the model)."
    )


def test_a_file_of_another_of_these_networks(tmp_path):
    state = import_timm().create_model("resnet34", num_classes=2).state_dict()
    torch.save({"state_dict": {f"model.{key}": tensor for key, tensor in state.items()}}, tmp_path / "w.pt")
    with pytest.raises(CheckpointError) as error:
        xrv.get_classifier("race", weights=tmp_path / "w.pt")
    text = str(error.value)
    assert text.startswith(
        f"Weights file {tmp_path / 'w.pt'} does not fit BackboneClassifier: of 218 tensors, 182 missing "
        "(backbone.conv1.weight, "
    )
    assert "218 unexpected (backbone.model.conv1.weight, " in text


# -- on the command line


def test_show_prints_the_warning_and_the_licence():
    result = CliRunner().invoke(main, ["show", "race", "--json"], prog_name="xrv")
    (shown,) = json.loads(result.output)
    assert shown["warning"] == SPECS["race"].warning
    assert shown["licence"].startswith("Unknown: ")
