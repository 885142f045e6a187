"""Texts from elsewhere never steer a terminal, a page or a spreadsheet: hostile titles, labels and file names."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner
from PIL import Image

import xrv_core
from xrv_core.cli import main, markdown
from xrv_core.errors import logger
from xrv_run.printing import Printed

ROOT = Path(__file__).parent.parent

#: What a terminal obeys, what forges a line, what turns the direction of text.
EVIL = "a\x1b[2J\x9b31m\r\nPwned\u202e\u2028\x07z"
#: Files that print documents, such as JSON, by click itself, and how often.
_DOCUMENTS = {"cards.py": 2, "commands.py": 5, "printing.py": 3, "verify.py": 1, "convert.py": 1, "xrv_eval/cli.py": 1}
_OBEYED = set("\x1b\x9b\r\u202e\u2028\x07")


def plain(text: str) -> str:
    """``text``, after a check that no terminal would obey it and no line in it is forged."""
    assert not _OBEYED & set(text), repr(text)
    assert not [line for line in text.splitlines() if line.startswith("Pwned")], text
    return text


def test_log_records_are_plain(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.WARNING):
        logger("xrv_core.tests").warning("%s has %d labels %r", EVIL, 3, ["b"])
    assert plain(caplog.messages[0]).endswith("z has 3 labels ['b']")


@pytest.fixture
def hostile() -> Iterator[xrv_core.ClassifierSpec]:
    """A classifier and a dataset whose every text is hostile, registered in this session."""
    texts = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain", "description", "warning"), EVIL)
    model = replace(
        xrv_core.describe_classifier("phantom-net"),
        **texts,
        name="evil-net",
        aliases=(),
        architecture=EVIL,
        training_data=(EVIL,),
        pathologies=(EVIL, "b|`*<b>"),
        trained=(True, True),
        op_threshs=(0.5, 0.5),
        reported={EVIL: {EVIL: 1.0}},
        reference_outputs=(),
    )
    data = replace(
        xrv_core.describe_dataset("tbx11k"),
        **texts,
        name="evil",
        terms=EVIL,
        region=EVIL,
        masks=(EVIL,),
        views=(EVIL,),
        pathologies=(EVIL,),
        positives={EVIL: 3},
        overlaps=(),
        factory=lambda spec, **_: SimpleNamespace(spec=spec),
    )
    with xrv_core.register(model), xrv_core.register(data):
        yield model


COMMANDS = (
    *("list", "list classifiers", "list datasets evil", "show evil", "show evil-net", "show --markdown evil-net"),
    *("--help", "plugins", "doctor", "fetch evil", "compat", "compat EVIL", "show EVIL", "EVIL", "list EVIL"),
    *("fetch EVIL", "evaluate EVIL EVIL", "evaluate evil-net phantom -o EVIL=1", "predict evil-net EVIL"),
    *("segment EVIL EVIL --out x", "verify EVIL", "check EVIL --imgpath EVIL", "convert EVIL --to safetensors"),
    *("features EVIL EVIL --out x", "plot totals EVIL --out a.png", "plot totals phantom --labels EVIL --out a.png"),
    *("plot totals phantom --out EVIL", "publish EVIL --to EVIL", "export EVIL --to onnx", "show --kind EVIL nih"),
)


@pytest.mark.parametrize("command", COMMANDS)
def test_no_command_prints_what_a_terminal_obeys(
    command: str, hostile: xrv_core.ClassifierSpec, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    words = [word.replace("EVIL", EVIL) for word in command.split()]
    done = CliRunner().invoke(main, words, env={"COLUMNS": "100"})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    plain(done.output)


@pytest.mark.parametrize("form", ["table", "csv", "json"])
def test_predictions_of_a_hostile_file(form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in (f"{EVIL}.png", "=1+1.png"):
        Image.new("L", (64, 64), 90).save(name)
    Path(f"b{EVIL}.png").write_bytes(b"no image")
    done = CliRunner().invoke(main, ["predict", "phantom-net", ".", "--format", form], env={"COLUMNS": "100"})
    if form == "csv":  # exact, unless a terminal shows it
        names = [row[0] for row in csv.reader(io.StringIO(done.stdout_bytes.decode(), newline=""))]
        assert names == ["file", "'=1+1.png", f"{EVIL}.png"]
        return
    assert "Pwned" in plain(done.output)
    if form == "json":
        assert {row["file"] for row in json.loads(done.stdout)["files"]} == {f"{EVIL}.png", "=1+1.png"}


def test_csv_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(shown, "isatty", lambda: True, raising=False)
    monkeypatch.setattr("sys.stdout", shown)
    about = {"model": "m", "note": EVIL}
    with Printed("csv", about, [EVIL], [], SimpleNamespace(), heads=("", "")) as printed:  # type: ignore[arg-type]
        printed.add((Path(EVIL), {EVIL: 0.5}))
    assert "Pwned" in plain(shown.getvalue())


def test_json_is_exact(hostile: xrv_core.ClassifierSpec) -> None:
    done = CliRunner().invoke(main, ["show", "--json", "evil-net"])
    assert json.loads(done.output)[0]["title"] == EVIL


def test_terms_are_plain(hostile: xrv_core.ClassifierSpec, capsys: pytest.CaptureFixture[str]) -> None:
    xrv_core.get_dataset("evil")
    assert "you accept its terms" in plain(capsys.readouterr().err)


def test_markdown_has_no_marks_of_its_own() -> None:
    text = "<script>alert(1)</script> [a](javascript:b) ![c](d) `e` *f* __g__ h|i \\ a_b\n# j & k"
    assert markdown(text) == (
        "&lt;script&gt;alert(1)&lt;/script&gt; [a]\\(javascript:b) ![c]\\(d) \\`e\\` \\*f\\* \\_\\_g\\_\\_ h\\|i \\\\ "
        "a_b # j &amp; k"
    )


def test_texts_are_printed_in_one_place() -> None:
    """``click.echo`` is for documents, such as JSON; texts go through ``echo``, records of logs through ``logger``."""
    files = [*ROOT.glob("xrv_core/**/*.py"), *ROOT.glob("plugins/*/*/src/**/*.py")]
    found = {file: len(re.findall(r"click\.s?echo\(|getLogger\(__name__\)", file.read_text("utf-8"))) for file in files}
    for file, number in found.items():
        most = next((n for name, n in _DOCUMENTS.items() if file.as_posix().endswith(f"/{name}")), 0)
        assert number <= most or file.name == "terminal.py", file
