"""save_classifier and get_classifier(file): what comes back is what went in."""

from __future__ import annotations

import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import own_networks
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from messages import says
from safetensors import safe_open
from torch import nn

import xrv_core as xrv
from xrv_core.errors import WriteError
from xrv_core.models import BackboneClassifier, InputAdapter, save_classifier

NAMES = ["Mass", "Größe", "肺炎"]
POINTS = [0.123456789, None, 0.9]


def xrays(*shape: int) -> torch.Tensor:
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0)) * 2048 - 1024


def same(model, twin, side: int = 40) -> None:
    """Everything that a classifier gives is equal, bit by bit."""
    assert type(twin) is type(model)
    assert not any(m.training for m in twin.modules())
    for key in ("pathologies", "trained", "activation", "input_resolution"):
        assert getattr(twin, key) == getattr(model, key), key
    assert (twin.op_threshs is None) == (model.op_threshs is None)
    if model.op_threshs is not None:
        assert torch.equal(twin.op_threshs.nan_to_num(9), model.op_threshs.nan_to_num(9))
    ours, theirs = model.state_dict(), twin.state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[k], theirs[k]) and ours[k].dtype == theirs[k].dtype for k in ours)
    x, modes = xrays(2, 1, side, side), [m.training for m in model.modules()]
    model.eval()
    with torch.no_grad():
        for call in ("forward", "features", "feature_maps"):
            assert torch.equal(getattr(twin, call)(x).nan_to_num(9), getattr(model, call)(x).nan_to_num(9)), call
    assert repr(twin.predict(x)) == repr(model.predict(x))
    for module, mode in zip(model.modules(), modes, strict=True):
        module.training = mode


# -- round trips


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet10t", {"input_resolution": 64, "in_chans": 1, "drop_rate": 0.1, "pretrained": False}),
        ("vit_tiny_patch16_224", {"input_resolution": 96, "trained": [True, False, True], "op_threshs": POINTS}),
        ("mobilenetv3_small_050", {"input_resolution": 64, "activation": "softmax"}),
    ],
)
def test_a_network_of_timm(tmp_path, name, options):
    model = BackboneClassifier(name, NAMES, **options)
    written = save_classifier(model, tmp_path / "Mein Netz Ω.safetensors", licence="CC0-1.0", training_data=["nih"])
    same(model, xrv.get_classifier(tmp_path / "Mein Netz Ω.safetensors"), 100)
    assert list(tmp_path.iterdir()) == [tmp_path / "Mein Netz Ω.safetensors"], "nothing else is left"
    spec = xrv.describe_classifier(str(tmp_path / "Mein Netz Ω.safetensors"))
    assert spec == written
    assert (spec.name, spec.licence, spec.citation, spec.training_data) == (
        "mein-netz", "CC0-1.0", "not stated", ("nih",)
    )  # fmt: skip
    assert spec.architecture == spec.build["timm"] == name
    assert "pretrained" not in spec.build["options"]
    assert spec.parameters == sum(p.numel() for p in model.parameters())


def test_what_xrv_timm_builds(tmp_path):
    model = xrv.get_classifier("timm/resnet10t", pathologies=NAMES, input_resolution=64)
    save_classifier(model, tmp_path / "a.safetensors")
    twin = xrv.get_classifier(str(tmp_path / "a.safetensors"))
    same(model, twin)
    save_classifier(twin, tmp_path / "b.safetensors")
    same(model, xrv.get_classifier(tmp_path / "b.safetensors"))


def test_a_registered_classifier_through_its_own_factory(tmp_path):
    model = xrv.get_classifier("phantom-net")
    spec = save_classifier(model, tmp_path / "p.safetensors")
    assert spec.build == {"registered": "phantom-net"}
    assert (spec.licence, spec.title, spec.warning) == (model.spec.licence, model.spec.title, model.spec.warning)
    same(model, xrv.get_classifier(tmp_path / "p.safetensors"))


def test_a_fine_tuned_one_keeps_its_new_names(tmp_path):
    model = xrv.get_classifier("densenet121-res224-all", weights=None)
    model.classifier = nn.Linear(1024, 2)
    model.pathologies = ["Left", "Right"]
    model.op_threshs = [0.25, 0.75]
    save_classifier(model, tmp_path / "tuned.safetensors", name="tuned", obtain="Ask us")
    twin = xrv.get_classifier(tmp_path / "tuned.safetensors")
    same(model, twin, 224)
    title = "; another classifier on top, for 2 labels"
    assert (twin.spec.name, twin.spec.obtain, twin.spec.title[-41:]) == ("tuned", "Ask us", title)
    assert twin.spec.reference_outputs == (), "published numbers are not those of this model"
    twin.classifier = nn.Linear(1024, 1)
    twin.pathologies = ["Third"]
    save_classifier(twin, tmp_path / "again.safetensors")
    same(twin, xrv.get_classifier(tmp_path / "again.safetensors"), 224)


def test_a_module_of_ones_own_by_a_factory_and_with_consent(tmp_path):
    model = BackboneClassifier(own_networks.Tiny(), NAMES, op_threshs=POINTS, trained=[False, True, True])
    spec = save_classifier(model, tmp_path / "own.safetensors", factory="own_networks:tiny", contact="lab@example.org")
    assert (spec.build, spec.contact) == ({"factory": "own_networks:tiny"}, "lab@example.org")
    same(model, xrv.get_classifier(tmp_path / "own.safetensors", trust_factory=True))


def test_a_classifier_that_is_no_backbone_classifier(tmp_path):
    facts = {
        "title": "t",
        "licence": "l",
        "citation": "c",
        "homepage": "h",
        "obtain": "o",
        "factory": own_networks.alone,
    }
    with xrv.register(xrv.ClassifierSpec(name="alone", pathologies=["a", "b"], **facts)):
        model = xrv.get_classifier("alone")
        model.op_threshs = torch.tensor([0.25, 0.5])
        save_classifier(model, tmp_path / "alone.safetensors")
        twin = xrv.get_classifier(tmp_path / "alone.safetensors")
        assert isinstance(twin, own_networks.Alone)
        assert twin.predict(xrays(1, 8, 8)) == model.predict(xrays(1, 8, 8))
        assert torch.as_tensor(twin.op_threshs).tolist() == [0.25, 0.5]


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16])
def test_other_precisions(tmp_path, dtype):
    model = BackboneClassifier("resnet10t", NAMES, input_resolution=64, op_threshs=[0.25, 0.5, 0.75]).to(dtype)
    save_classifier(model, tmp_path / "m.safetensors")
    same(model, xrv.get_classifier(tmp_path / "m.safetensors"), 64)


def test_an_adapter_of_other_numbers_comes_back(tmp_path):
    model = BackboneClassifier("resnet10t", NAMES, adapt=InputAdapter([0.5] * 3, [0.3] * 3), input_resolution=64)
    save_classifier(model, tmp_path / "m.safetensors")
    twin = xrv.get_classifier(tmp_path / "m.safetensors")
    same(model, twin)
    assert twin.adapt.std.flatten().tolist() == model.adapt.std.flatten().tolist()


def test_random_weights_for_the_same_network(tmp_path):
    model = BackboneClassifier("resnet10t", NAMES, input_resolution=64, op_threshs=POINTS)
    save_classifier(model, tmp_path / "m.safetensors")
    fresh = xrv.get_classifier(tmp_path / "m.safetensors", weights=None)
    assert fresh.training
    assert (fresh.pathologies, fresh.trained, fresh.op_threshs) == (NAMES, [True] * 3, None)
    assert not torch.equal(fresh.classifier.weight, model.classifier.weight)


texts = st.text(st.characters(), min_size=1, max_size=12)
points = st.none() | st.floats(2**-60, 1 - 2**-24, width=32)


@settings(max_examples=40, deadline=None)
@given(
    st.data(), st.lists(texts, min_size=1, max_size=5, unique=True), st.sampled_from(["sigmoid", "softmax", "identity"])
)
def test_any_names_and_numbers(data, names, activation):
    trained = data.draw(st.lists(st.booleans(), min_size=len(names), max_size=len(names)))
    found = data.draw(st.none() | st.lists(points, min_size=len(names), max_size=len(names)))
    found = found if activation == "sigmoid" else None
    model = BackboneClassifier(own_networks.Tiny(), names, trained=trained, op_threshs=found, activation=activation)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "m.safetensors")
        save_classifier(model, path, factory="own_networks:tiny", description=data.draw(texts))
        same(model, xrv.get_classifier(path, trust_factory=True))


# -- manners


def test_saving_and_opening_touch_no_mode_and_no_random_number(tmp_path):
    model = BackboneClassifier("resnet10t", NAMES, input_resolution=64).train()
    model.backbone.layer1.eval()
    modes = [m.training for m in model.modules()]
    state = torch.random.get_rng_state()
    save_classifier(model, tmp_path / "m.safetensors")
    xrv.get_classifier(tmp_path / "m.safetensors")
    assert torch.equal(torch.random.get_rng_state(), state)
    assert [m.training for m in model.modules()] == modes


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path, monkeypatch):
    path = tmp_path / "m.safetensors"
    save_classifier(BackboneClassifier(own_networks.Tiny(), ["a"]), path, factory="own_networks:tiny")
    before = path.read_bytes()

    def full(state, file, metadata):
        Path(file).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    other = BackboneClassifier(own_networks.Tiny(), ["b"])
    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", full)
        with pytest.raises(WriteError, match=says(path, "cannot be written", "No space left on device")):
            save_classifier(other, path, factory="own_networks:tiny")
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
    save_classifier(other, path, factory="own_networks:tiny")
    assert xrv.describe_classifier(path).pathologies == ("b",)


def test_the_header_is_plain_json_for_other_programs(tmp_path):
    path = tmp_path / "m.safetensors"
    save_classifier(
        BackboneClassifier(own_networks.Tiny(), NAMES, op_threshs=POINTS), path, factory="own_networks:tiny"
    )
    with safe_open(path, "pt") as file:
        table = json.loads(file.metadata()["xrv_core"])
    assert (table["format"], table["xrv_core"]) == (1, xrv.__version__)
    assert table["spec"]["pathologies"] == NAMES
    assert table["spec"]["op_threshs"][1] is None
    assert math.isclose(table["spec"]["op_threshs"][0], POINTS[0], rel_tol=1e-7)


def test_describing_a_file_loads_nothing_heavy(tmp_path):
    save_classifier(xrv.get_classifier("phantom-net"), tmp_path / "m.safetensors")
    code = (
        "import sys, xrv_core; s = xrv_core.describe_classifier(sys.argv[1]); print(s.name, s.build['registered']); "
        "print([m for m in ('torch', 'numpy', 'safetensors', 'timm', 'requests', 'pooch') if m in sys.modules])"
    )
    command = [sys.executable, "-c", code, str(tmp_path / "m.safetensors")]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[:2] == ["m phantom-net", "[]"]
