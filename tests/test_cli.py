"""The command line: what it prints, what it says when something is wrong, and its exit codes."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from messages import says

import xrv_core
from xrv_core.cli import main


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="xrv")


def test_help_lists_own_commands_and_those_of_plugins() -> None:
    text = run("--help").output
    for command in ("doctor", "evaluate", "fetch", "list", "plugins", "predict", "show"):
        assert re.search(rf"^  {command} ", text, re.MULTILINE), command
    assert "Not for medical use." in text


def test_list_shows_everything_and_one_kind() -> None:
    everything = run("list").output
    for name in ("DATASETS", "nih-google", "CLASSIFIERS", "densenet121-res224-all", "AUTOENCODERS", "phantom-ae"):
        assert name in everything
    some = run("list", "datasets", "nih").output.splitlines()
    assert [line.split()[0] for line in some] == ["NAME", "nih", "nih-google"]
    assert "112,120" in some[1]


def test_list_and_show_print_json() -> None:
    listed = json.loads(run("list", "classifiers", "phantom*", "--json").output)
    assert [c["name"] for c in listed["classifiers"]] == ["phantom-net"]
    (shown,) = json.loads(run("show", "phantom", "--json").output)
    assert shown["kind"] == "dataset"
    assert shown["synthetic"] is True


def test_show_tells_untrained_heads_and_unverified_weights() -> None:
    text = run("show", "densenet121-res224-rsna").output
    assert re.search(r"Atelectasis +never trained\n +Consolidation +never trained", text)
    assert re.search(r"Lung Opacity +0\.1", text)
    assert "unverified" not in text
    assert "unverified" in run("show", "densenet121-res224-nih").output


def test_one_name_of_two_kinds_shows_both_and_fetch_asks_which() -> None:
    text = run("show", "nih").output
    assert "nih  (dataset)" in text
    assert "densenet121-res224-nih  (classifier)" in text
    result = run("fetch", "nih")
    assert result.exit_code == 2
    assert re.search(says("Error: 'nih'", "a dataset and a classifier", "--kind"), result.output.splitlines()[-1])


def test_fetch_prints_the_path(tmp_path: Path) -> None:
    result = run("fetch", "phantom-net")
    assert result.exit_code == 0
    assert Path(result.output.strip()).is_file()


def test_fetch_of_something_without_files() -> None:
    result = run("fetch", "phantom")
    assert result.exit_code == 1
    assert re.search(says("Error: 'phantom'", "nothing to fetch"), result.output)


def test_fetch_offline_says_what_to_place_where(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    result = run("fetch", "densenet121-res224-all")
    spec = xrv_core.describe_classifier("densenet121-res224-all")
    assert spec.weights is not None
    assert result.exit_code == 1
    for part in (spec.weights.urls[0], spec.weights.sha256, spec.weights.name):
        assert str(part) in result.output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["show", "nhi"], 1, "Error: No dataset named 'nhi'. Did you mean 'nih'?"),
        (["show", "zzzz"], 1, "Error: Nothing is named 'zzzz'. `xrv list` lists all names."),
    ],
)  # fmt: skip
def test_mistakes_are_one_line(arguments: list[str], code: int, text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == code
    assert text in result.output
    assert "Traceback" not in result.output


def test_an_unknown_command_suggests() -> None:
    result = run("evaluat")
    assert result.exit_code == 2
    assert re.search(says("Error: ", "'evaluat'", "Did you mean 'evaluate'?"), result.output.splitlines()[-1])


def test_plugins_and_doctor_are_content() -> None:
    result = run("plugins")
    assert result.exit_code == 0
    assert "xrv-nih 0.1.0" in result.output
    assert "torchvision" in run("doctor").output
