"""Registries in files: what they list, what is wrong with them, and that nobody else suffers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from click.testing import CliRunner
from lab_registry import HEAD, entry, lab, saved  # noqa: F401 -- a fixture

import xrv_core as xrv
from xrv_core.cli import main
from xrv_core.errors import CheckpointError, HashMismatch
from xrv_core.models import save_classifier
from xrv_labs.places import registry_places, user_registry


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")
    return path


# -- what is listed


def test_a_classifier_of_the_lab_beside_the_public_ones(tmp_path, lab):  # noqa: F811
    file = saved(tmp_path)
    place = written(tmp_path / "registry.toml", HEAD + entry("mine.safetensors", file, title='"Größe"', unit='""'))
    (row,) = lab(place)
    assert (row.name, row.distribution, row.state) == ("lab", f"registry {place}", "ok")
    assert row.offers == {"classifier": ["lab/mine"]}
    names = xrv.list_classifiers()
    assert "lab/mine" in names
    assert "phantom-net" in names
    assert xrv.list_classifiers("lab/*") == ["lab/mine"]
    spec = xrv.describe_classifier("lab/mine")
    assert (spec.title, spec.licence, spec.contact, spec.pathologies, spec.op_threshs, spec.trained) == (
        "Größe", "CC0-1.0", "lab@example.org", ("Mass", "Nodule"), (0.25, 0.75), (True, True)
    )  # fmt: skip
    assert (spec.obtain, spec.homepage, spec.citation) == ("From the registry Our lab", str(place), "not stated")
    model, original = xrv.get_classifier("lab/mine"), xrv.get_classifier(file, trust_factory=True)
    x = torch.linspace(-1000, 1000, 400).view(1, 1, 20, 20)
    assert torch.equal(model(x), original(x))
    assert not model.training
    assert xrv.get_classifier("lab/mine", weights=None).op_threshs is None
    text = " ".join(CliRunner().invoke(main, ["show", "lab/mine"]).output.split())
    assert f"offered by registry {place}" in text
    assert "contact lab@example.org" in text
    listed = json.loads(CliRunner().invoke(main, ["list", "classifiers", "lab/*", "--json"]).output)
    assert listed["classifiers"][0]["weights"]["urls"] == [file.as_uri()]


@pytest.mark.parametrize("how", ['backbone = "resnet10t"\noptions = { in_chans = 1 }', 'registered = "phantom-net"'])
def test_other_networks_and_plain_weights(tmp_path, lab, how):  # noqa: F811
    """Weights by timm's own names, and of a registered network with other labels."""
    if "timm" in how or "backbone" in how:
        from xrv_core.torchvision_guard import import_timm

        network = import_timm().create_model("resnet10t", num_classes=2, in_chans=1).eval()
        torch.save(network.state_dict(), tmp_path / "w.bin")
        expected = network.fc.bias
    else:
        model = xrv.get_classifier("phantom-net")
        model.classifier = torch.nn.Linear(model.classifier.in_features, 2)
        torch.save(model.state_dict(), tmp_path / "w.bin")
        expected = model.classifier.bias
    text = (
        entry("w.bin", tmp_path / "w.bin", factory=None, op_threshs=None, input_resolution="64").rstrip() + "\n" + how
    )
    lab(written(tmp_path / "registry.toml", HEAD + text))
    opened = xrv.get_classifier("lab/mine")
    assert torch.equal(opened.classifier.bias, expected)
    assert (opened.pathologies, opened.input_resolution, opened.op_threshs) == (["Mass", "Nodule"], 64, None)
    assert list(opened.predict(torch.zeros(1, 64, 64))) == ["Mass", "Nodule"]


def test_a_factory_of_the_lab_reads_weights_in_a_format_of_its_own(tmp_path, lab, monkeypatch):  # noqa: F811
    code = "\n".join(
        [
            "from own_networks import tiny",
            "def build(spec, weights=None):",
            "    model = tiny(spec)",
            "    if weights is not None:",
            "        model.classifier.bias.data[:] = float(weights.read_bytes())",
            "    return model",
        ]
    )
    (tmp_path / "lab_code.py").write_text(code)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "w.bin").write_bytes(b"0.125")
    lab(written(tmp_path / "r.toml", HEAD + entry("w.bin", tmp_path / "w.bin", factory='"lab_code:build"')))
    model = xrv.get_classifier("lab/mine")
    assert model.classifier.bias.tolist() == [0.125, 0.125]
    assert save_classifier(model, tmp_path / "copy.safetensors").build == {"factory": "lab_code:build"}
    copy = xrv.get_classifier(tmp_path / "copy.safetensors", trust_factory=True)
    assert copy.classifier.bias.tolist() == [0.125, 0.125]


def test_changed_weights_are_refused(tmp_path, lab):  # noqa: F811
    file = saved(tmp_path)
    lab(written(tmp_path / "registry.toml", HEAD + entry("mine.safetensors", file)))
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(HashMismatch, match=r"mine.*not kept.*\n.* with sha256"):
        xrv.get_classifier("lab/mine")
    file.unlink()
    with pytest.raises(xrv.errors.DownloadError, match="cannot be read: No such file or directory"):
        xrv.get_classifier("lab/mine")


def test_weights_of_another_network_are_refused(tmp_path, lab):  # noqa: F811
    file = saved(tmp_path)
    lab(written(tmp_path / "r.toml", HEAD + entry("mine.safetensors", file, factory='"own_networks:wide"')))
    with pytest.raises(CheckpointError, match="does not fit BackboneClassifier"):
        xrv.get_classifier("lab/mine")


# -- where registries are


def test_the_list_takes_spaces_commas_quotes_windows_paths_and_the_users_own(tmp_path, lab, monkeypatch):  # noqa: F811
    monkeypatch.setenv("XRV_REGISTRIES", ' https://a.org/r.toml, "/with space/r.toml" "C:\\lab,1\\r.toml",~/r.toml\n,')
    here = str(Path("C:\\lab,1\\r.toml").absolute())
    expected = ["https://a.org/r.toml", "/with space/r.toml", here, str(Path.home() / "r.toml")]
    assert registry_places() == expected
    own = written(user_registry(), HEAD)
    assert own.is_relative_to(tmp_path / "config")
    assert registry_places() == [*expected, str(own)]


def test_the_users_own_registry_needs_no_setting(tmp_path, lab):  # noqa: F811
    file = saved(tmp_path)
    written(user_registry(), HEAD + entry(str(file), file))
    (row,) = lab()
    assert (row.state, xrv.list_classifiers("lab/")) == ("ok", ["lab/mine"])


def test_without_registries_nothing_is_loaded(tmp_path):
    code = (
        "import xrv_core as x, sys; x.list_classifiers(); x.list_datasets(); "
        "heavy = ('xrv_labs.listing', 'xrv_labs.reading', 'tomllib', 'requests', 'filelock'); "
        "print([m for m in sys.modules if m in heavy])"
    )
    environment = {**os.environ, "XDG_CONFIG_HOME": str(tmp_path)}
    environment.pop("XRV_REGISTRIES", None)
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout == "[]\n"


# -- what is wrong

PREFIX = 'needs a line such as prefix = "lab": what its names begin with (lower case letters, digits, ".", "_", "-")'
TIMM = "its prefix 'timm' is taken: xrv-timm answers to all names that begin with 'timm/'. Choose another prefix"
NAMES = "'name' must be of lower case letters, digits, '.', '_' and '-', and not end in .safetensors"
SOURCE = "'options' has 'checkpoint_path', which names a source of weights and not how to build the network."


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("prefix = ", "is not valid TOML: Invalid value (at end of document)"),
        (None, "no such file"),
        ("title = 'x'", PREFIX),
        ('prefix = "Our Lab"', PREFIX),
        ('prefix = "timm"' + entry("a", licence='"x"'), TIMM),
    ],
)  # fmt: skip
def test_a_bad_registry_is_reported_and_hides_nobody(tmp_path, lab, text, problem):  # noqa: F811
    good = written(tmp_path / "good.toml", HEAD + entry("a"))
    bad = tmp_path / "bad.toml"
    if text is not None:
        written(bad, text)
    row, other = lab(bad, good)
    assert (row.problems, row.state, row.offers) == ([problem], "broken", {})
    assert (other.state, xrv.list_classifiers("lab/")) == ("ok", ["lab/mine"])
    result = CliRunner().invoke(main, ["plugins"])
    assert result.exit_code == 1
    assert f"registry {bad} ({row.name}): {problem}" in result.output
    assert xrv.describe_classifier("timm/resnet18").factory == "xrv_timm.model:timm_classifier"


WRONG = [
    ({"sha256": None}, "'sha256' is missing: its hash"),
    ({"weights": None}, "'weights' is missing: path or address of the file"),
    ({"sha256": '"abc"'}, "Asset 'registries/lab/abc/a': sha256 must be 64 lower-case hex digits."),
    ({"weights": '"http://example.org/a"'}, "'weights' lead to http://example.org/a: give an https:// address, or a "
     "path relative to the registry"),
    ({"factory": None}, "say one of backbone, registered, factory: how its network is built"),
    ({"backbone": '"resnet18"'}, "say one of backbone, registered, factory: how its network is built"),
    ({"factory": '"no code"'}, "Spec 'lab/mine': 'no code' is not a factory: give 'package.module:callable'."),
    ({"factory": None, "backbone": '"r"', "options": '{ checkpoint_path = "x" }'}, SOURCE),
    ({"factory": None, "backbone": '"r"', "options": "{ a = 1979-05-27 }"}, "'options'.a is datetime.date(1979, 5, "
     "27), which is not plain data (texts, numbers, lists and tables of them)."),
    ({"options": "{ a = 1 }"}, "'options' are for backbone and registered; a factory gets the spec"),
    ({"pathologies": None, "op_threshs": None}, "Spec 'lab/mine': 'pathologies' is missing: the names of its "
     "outputs, in order."),
    ({"op_threshs": "[0.5, 2]"}, "Spec 'lab/mine': every value of 'op_threshs' must be between 0 and 1."),
    ({"trained": "[1, 0]"}, "'trained' must be a list of true and false, got [1, 0]."),
    ({"size": '"big"'}, "'size' must be the number of bytes, got 'big'"),
    ({"name": '"Mine"'}, NAMES),
    ({"name": '"a/b"'}, NAMES),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "problem"), WRONG, ids=[str(sorted(c)) for c, _ in WRONG])
def test_a_bad_entry_is_reported_and_hides_no_other(tmp_path, lab, changes, problem):  # noqa: F811
    text = HEAD + entry("a", **changes) + entry("b", name='"other"')
    (row,) = lab(written(tmp_path / "registry.toml", text))
    called = (changes.get("name") or '"mine"').strip('"')
    assert row.problems == [f"classifier {called!r}: {problem}"]
    assert (row.state, row.offers) == ("partly broken", {"classifier": ["lab/other"]})


def test_other_slips(tmp_path, lab):  # noqa: F811
    text = 'prefix = "lab"\ntitle = 7\nlicense = "MIT"\n' + entry("a") + entry("a", name="7", licence='"x"')
    (row,) = lab(written(tmp_path / "registry.toml", text))
    assert row.problems == [
        "unknown key 'license'; allowed: prefix, title, contact, licence, citation, homepage",
        "'title' must be a text",
        "classifier 'mine': 'licence' is missing, here and as the default of the registry",
        f"classifier number 2: {NAMES}",
    ]
    (row,) = lab(written(tmp_path / "registry.toml", HEAD + "classifier = 3\n"))
    assert row.problems == ["'classifier' must be written as [[classifier]]"]
    (row,) = lab(written(tmp_path / "registry.toml", HEAD + entry("a", pathologys="[]", pathologies='["a"]')))
    (problem,) = row.problems
    assert problem.startswith("classifier 'mine': unknown key 'pathologys'; allowed: activation, ")


def test_one_name_twice_and_two_registries_with_one_prefix(tmp_path, lab):  # noqa: F811
    first = written(tmp_path / "first.toml", HEAD + entry("a") + entry("b"))
    second = written(tmp_path / "second.toml", HEAD + entry("c") + entry("d", name='"more"'))
    one, two = lab(first, second)
    taken = "is taken: registry {} already offers it. Rename one of them, or limit which plugins load with XRV_PLUGINS."
    assert one.problems == ["classifier 'mine': version 1 is there twice: give each its own 'version'"]
    assert two.problems == [f"The classifier name 'lab/mine' of registry {second} {taken.format(first)}"]
    assert xrv.list_classifiers("lab/") == ["lab/mine", "lab/more"]
    assert xrv.describe_classifier("lab/mine").weights.urls == ((tmp_path / "a").as_uri(),)


def test_a_prefix_that_another_plugin_answers_to_is_refused(tmp_path, lab, install):  # noqa: F811
    source = """
    @hookimpl
    def xrv_resolve(kind, name):
        mine = kind == "classifier" and name.startswith("lab/")
        return xrv_core.describe_classifier("phantom-net") if mine else None
    """
    install("xrv-toy", source)
    (row,) = lab(written(tmp_path / "registry.toml", HEAD + entry("a")))
    assert row.problems == [TIMM.replace("timm", "lab").replace("xrv-lab", "an installed plugin")]
    assert xrv.list_classifiers("lab/") == []
    assert xrv.describe_classifier("lab/mine").name == "phantom-net", "the plugin's, as before"


def test_a_plugin_that_refuses_a_name_stops_no_listing(tmp_path, lab, install):  # noqa: F811
    source = """
    @hookimpl
    def xrv_resolve(kind, name):
        if name.startswith("lab/"):
            raise xrv_core.errors.ArgumentError("names of lab/ need a number")
    """
    install("xrv-toy", source)
    (row,) = lab(written(tmp_path / "registry.toml", HEAD + entry("a")))
    assert "its prefix 'lab' is taken" in row.problems[0]
    assert "phantom-net" in xrv.list_classifiers()
    with pytest.raises(xrv.errors.ArgumentError, match="need a number"):
        xrv.describe_classifier("lab/mine")
