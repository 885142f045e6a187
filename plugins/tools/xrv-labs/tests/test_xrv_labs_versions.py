"""Versions of a name: the latest by default, others by number, yanked ones with a warning; and who is told what."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from lab_registry import HEAD, entry, lab, saved  # noqa: F401 -- a fixture
from messages import says

import xrv_core as xrv
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, PathMissing, SpecError, UnknownName, UnsafeCheckpoint
from xrv_labs import cli, publishing


def publish(tmp_path: Path, **options: object) -> tuple[str, Path]:
    place = tmp_path / "registry.toml"
    new = {} if place.exists() else {"prefix": "lab", "licence": "CC0-1.0"}
    file = tmp_path / "mine.safetensors"
    file = file if file.exists() else saved(tmp_path)
    return publishing.publish(str(file), place, **{"trust_factory": True, **new, **options}), place  # type: ignore[arg-type]


def entries(place: Path) -> list[dict]:
    return tomllib.loads(place.read_text())["classifier"]


def shown(*command: str) -> str:
    done = CliRunner().invoke(main, list(command))
    return " ".join(done.output.split())


# -- versions


def test_publishing_a_name_again_adds_a_version_and_keeps_history(tmp_path, lab):  # noqa: F811
    assert publish(tmp_path, publisher="Ann")[0] == "lab/mine"
    assert publish(tmp_path, publisher="Bob")[0] == "lab/mine@2"
    name, place = publish(tmp_path, publisher="Cid")
    assert name == "lab/mine@3"
    assert [(e["name"], e["version"], e["publisher"]) for e in entries(place)] == [
        ("mine", 1, "Ann"), ("mine", 2, "Bob"), ("mine", 3, "Cid")
    ]  # fmt: skip
    (row,) = lab(place)
    assert (row.state, row.offers) == ("ok", {"classifier": ["lab/mine"]}), "one row, not three"
    assert xrv.describe_classifier("lab/mine").version == 3
    pinned = xrv.describe_classifier("lab/mine@2")
    assert (pinned.name, pinned.version, pinned.publication["published"][-7:]) == ("lab/mine@2", 2, " by Bob")
    assert xrv.get_classifier("lab/mine@1").spec.version == 1
    day = r"\d{4}-\d\d-\d\d"
    expected = f"version 1 of {day}; version 2 of {day}; version 3 of {day}"
    assert re.search(expected.replace("; ", r"\] \["), shown("list", "lab/*"))
    card = shown("show", "lab/mine")
    assert re.search(rf"version 3 published {day}T[\d:]+Z by Cid written with xrv-core", card)
    assert f"offered by registry {place}" in shown("show", "lab/mine@2")
    json.loads(CliRunner().invoke(main, ["show", "lab/mine@2", "--json"]).output)
    with pytest.raises(UnknownName, match=says("lab/mine has no version 7", "1, 2, 3")):
        xrv.get_classifier("lab/mine@7")
    for wrong in ("lab/mine@", "lab/mine@x", "lab/mine@-1", "lab/mine@1@2", "lab/mine@" + "9" * 5000, "lab/none@1"):
        with pytest.raises(UnknownName):
            xrv.get_classifier(wrong)
    assert "has no version 7" in shown("show", "lab/mine@7")


def test_a_version_is_a_name_for_all_commands(tmp_path, lab):  # noqa: F811
    _, place = publish(tmp_path)
    lab(place)
    done = CliRunner().invoke(main, ["fetch", "lab/mine@1"])
    assert (done.exit_code, done.output.strip().endswith(".safetensors")) == (0, True)
    assert publishing.publish("lab/mine@1", place, trust_factory=True) == "lab/mine@2", "its name without the version"


def test_replace_writes_over_the_last_version(tmp_path, lab):  # noqa: F811
    publish(tmp_path, publisher="Ann")
    publish(tmp_path, publisher="Bob")
    name, place = publish(tmp_path, publisher="Cid", replace=True)
    assert (name, [(e["version"], e["publisher"]) for e in entries(place)]) == ("lab/mine@2", [(1, "Ann"), (2, "Cid")])


def test_registries_from_before_versions_stay_as_they_are(tmp_path, lab):  # noqa: F811
    place = tmp_path / "registry.toml"
    place.write_text(HEAD + entry("mine.safetensors", saved(tmp_path)))
    (row,) = lab(place)
    assert (row.state, xrv.describe_classifier("lab/mine").versions) == ("ok", ())
    assert xrv.describe_classifier("lab/mine@1").name == "lab/mine@1"
    assert publish(tmp_path)[0] == "lab/mine@2"
    assert "version" not in entries(place)[0]


@pytest.mark.parametrize("version", ["0", "-1", "true", '"2"', "1.5", "[1]"])
def test_versions_that_are_none(tmp_path, lab, version):  # noqa: F811
    place = tmp_path / "registry.toml"
    place.write_text(HEAD + entry("a", version=version) + entry("b", name='"other"'))
    (row,) = lab(place)
    assert (row.offers, "'version' must be" in row.problems[0]) == ({"classifier": ["lab/other"]}, True)
    with pytest.raises(SpecError, match=says("lab/mine", place, "'version' must be")):
        xrv.get_classifier("lab/mine")


# -- yanked


def test_yanked_versions_are_no_latest_and_say_why(tmp_path, lab, capsys):  # noqa: F811
    publish(tmp_path)
    _, place = publish(tmp_path)
    assert publishing.yank("lab/mine@2", place, "Labels swapped.") == "lab/mine@2"
    lab(place)
    assert xrv.describe_classifier("lab/mine").version == 1
    xrv.get_classifier("lab/mine")
    assert "yanked" not in capsys.readouterr().err
    model = xrv.get_classifier("lab/mine@2")
    assert "lab/mine@2 was yanked: Labels swapped." in capsys.readouterr().err
    assert "Labels swapped." in model.spec.warning, "shown with its results"
    assert "version 2 of" in shown("list", "lab/*")
    assert "yanked: Labels swapped." in shown("list", "lab/*")
    assert "yanked Labels swapped." in shown("show", "lab/mine@2")
    publishing.yank("mine@1", place, "Old.")
    lab(place)
    assert xrv.list_classifiers("lab/") == []
    with pytest.raises(
        UnknownName, match=says("Every version of 'lab/mine' was yanked", "Old.", "Labels", "lab/mine@2")
    ):
        xrv.get_classifier("lab/mine")
    assert "Every version" in shown("show", "lab/mine")
    assert publish(tmp_path)[0] == "lab/mine@3", "a number is never given twice"
    publishing.yank("mine@2", place, "")
    assert "yanked" not in entries(place)[1]


def test_yanking_keeps_every_other_line(tmp_path):
    place = tmp_path / "registry.toml"
    text = (
        "# ours\nprefix = 'lab'\nlicence = 'x'\n[[classifier]] # one\nname='old' # n\nbackbone = \"resnet18\"\n"
        f"pathologies = ['a']\nweights = 'w'\nsha256 = '{'1' * 64}'\n"
        "[classifier.options]\nin_chans = 1\n# end\n\n# next\n"
    ) + entry("x")
    place.write_text(text)
    publishing.yank("old", place, "Wrong.")
    lines = place.read_text().splitlines()
    lines.remove('yanked = "Wrong."')
    assert list(filter(None, lines)) == list(filter(None, text.splitlines()))
    assert entries(place)[0]["yanked"] == "Wrong."
    publishing.yank("old", place, "")
    assert list(filter(None, place.read_text().splitlines())) == list(filter(None, text.splitlines()))


def test_what_cannot_be_yanked(tmp_path):
    _, place = publish(tmp_path)
    publish(tmp_path)
    with pytest.raises(ArgumentError, match=says("'mine' has versions 1, 2", "mine@2")):
        publishing.yank("mine", place, "x")
    for name in ("none", "mine@3", "lab/mine@x"):
        with pytest.raises(UnknownName, match=says(place, name, "mine@1, mine@2")):
            publishing.yank(name, place, "x")
    with pytest.raises(PathMissing, match="no such registry"):
        publishing.yank("mine", tmp_path / "none.toml", "x")


# -- told once


def test_a_model_that_changed_under_its_name_is_told_once(tmp_path, lab, capsys):  # noqa: F811
    _, place = publish(tmp_path)

    def use(name: str = "lab/mine") -> str:
        lab(place)
        capsys.readouterr()
        xrv.get_classifier(name)
        return capsys.readouterr().err

    assert use() == "", "the first use"
    publish(tmp_path)
    told = use()
    assert all(word in told for word in ("lab/mine is version 2 of ", "it was version 1", "lab/mine@1"))
    assert use() == "", "once"
    assert use("lab/mine@1") == ""
    from own_networks import Tiny

    from xrv_core.models import BackboneClassifier, save_classifier  # other weights

    save_classifier(
        BackboneClassifier(Tiny(), ["Mass", "Nodule"]), tmp_path / "mine.safetensors", factory="own_networks:tiny"
    )
    publish(tmp_path, replace=True)
    told = use()
    assert all(word in told for word in ("lab/mine changed under its name", "version 2 has other weights", "sha256"))
    assert use() == ""
    place.write_text(place.read_text().replace('"Nodule"', '"Oedema"'))
    assert "other labels" in use()
    assert "other labels" in use("lab/mine@1")
    assert use("lab/mine@1") == ""
    place.rename(tmp_path / "moved.toml")
    place = tmp_path / "moved.toml"
    assert "comes from" in use()
    publishing.yank("mine@2", place, "Bad.")
    assert "lab/mine is version 1" in use()


# -- code


def test_code_is_not_trusted_without_a_word(tmp_path, lab):  # noqa: F811
    file, place = saved(tmp_path), tmp_path / "registry.toml"
    words = (file, "own_networks:tiny", "--trust-factory", "trust_factory=True")
    with pytest.raises(UnsafeCheckpoint, match=says(*words)):
        publishing.publish(str(file), place, prefix="lab", licence="x")
    assert not place.exists()
    assert not (tmp_path / "weights").exists()
    publishing.publish(str(file), place, prefix="lab", licence="x", trust_factory=True, publisher="Ann")
    (found,) = entries(place)
    assert re.fullmatch(r"own_networks:tiny by Ann, \d{4}-\d\d-\d\dT[\d:]+Z", found["code_trusted"])
    lab(place)
    assert "code trusted own_networks:tiny by Ann" in shown("show", "lab/mine")
    with pytest.raises(UnsafeCheckpoint):
        publishing.publish("lab/mine", tmp_path / "second.toml", prefix="two", licence="x")


@pytest.mark.parametrize(("answer", "done"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_a_terminal_is_asked(tmp_path, monkeypatch, answer, done):
    file, place = saved(tmp_path), tmp_path / "registry.toml"

    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr(cli.sys, "stdin", Terminal())
    monkeypatch.setattr("click.termui.visible_prompt_func", lambda _: answer.strip())
    command = ["publish", str(file), str(place), "--prefix", "lab", "--licence", "x"]
    if done:
        main(command, standalone_mode=False)
    else:
        with pytest.raises(click.ClickException, match="own_networks:tiny"):
            main(command, standalone_mode=False)
    assert place.exists() is done


# -- what is told of the numbers and the code


def test_metrics_and_code_are_in_the_entry_and_on_the_card(tmp_path, lab):  # noqa: F811
    numbers = tmp_path / "numbers.json"
    numbers.write_text('{"AUROC on ours": {"Mass": 0.91, "Nodule": 1}}')
    _, place = publish(tmp_path, metrics=numbers)
    lab(place)
    assert xrv.describe_classifier("lab/mine").reported == {"AUROC on ours": {"Mass": 0.91, "Nodule": 1}}
    assert "Reported: AUROC on ours" in shown("show", "lab/mine")
    assert entries(place)[0]["code"][0].startswith("xrv-core ")
    folder = tmp_path / "result"
    folder.mkdir()
    (folder / "run.json").write_text('{"dataset": {"name": "nih"}}')
    (folder / "metrics.csv").write_text("pathology,auroc\nMass,0.75\nNodule,\n")
    publish(tmp_path, metrics=folder)
    assert entries(place)[1]["metrics"] == {"AUROC on nih": {"Mass": 0.75}}
    publishing.publish("phantom-net", place)
    assert any(text.startswith("xrv-phantom-net ") for text in entries(place)[2]["code"])


@pytest.mark.parametrize(
    "text", ["", "[]", '{"a": 1}', '{"a": {"b": "c"}}', '{"a": {"b": NaN}}', "[" * 100_000, '{"a": {"b": true}}']
)
def test_metrics_that_are_none(tmp_path, text):
    file = tmp_path / "numbers.json"
    file.write_text(text)
    with pytest.raises(ArgumentError, match=says(file)):
        publish(tmp_path, metrics=file)
    assert not (tmp_path / "registry.toml").exists()
    with pytest.raises(PathMissing):
        publish(tmp_path, metrics=tmp_path / "none")
