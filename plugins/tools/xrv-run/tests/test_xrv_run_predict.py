"""`xrv predict`: what it prints, what it says when something is wrong, and its exit codes."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from messages import says
from PIL import Image

import xrv_core
from xrv_core.cli import main
from xrv_run.files import short_path

NOTE = "phantom-net: Not for medical use. " + xrv_core.describe_classifier("phantom-net").warning


def run(*arguments: object) -> Result:
    return CliRunner().invoke(main, [str(a) for a in arguments], prog_name="xrv")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three images, one of them of another size, in a sub-folder."""
    folder = tmp_path_factory.mktemp("images")
    (folder / "more").mkdir()
    phantom = xrv_core.get_dataset("phantom", n=2, size=160)
    for number, name in enumerate(("a.png", "b.png")):
        pixels = phantom[number]["img"][0].numpy()
        Image.fromarray(((pixels + 1024) / 2048 * 255).astype(np.uint8)).save(folder / name)
    Image.fromarray(np.full((200, 300), 128, np.uint8)).save(folder / "more" / "c.jpg")
    return folder


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["predict", "phantom-net", "/no/such.png"], "Error: /no/such.png: no such file or folder."),
        (["predict", "phantom-nett", __file__], "No classifier named 'phantom-nett'. Did you mean 'phantom-net'?"),
        (
            ["predict", "timm/resnet18", __file__],
            "Error: 'timm/resnet18' has no published weights, so it cannot predict: give a file with --weights.",
        ),
    ],
)
def test_mistakes_are_one_line(arguments: list[str], text: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 1
    assert text in result.output
    assert "Traceback" not in result.output


def test_predict_one_file_ranks_findings_and_says_what_the_model_is(images: Path) -> None:
    result = run("predict", "phantom-net", images / "a.png")
    assert result.exit_code == 0
    assert result.stderr.splitlines()[0] == NOTE
    head, *rows = result.stdout.splitlines()
    assert head.split() == ["FINDING", "PROBABILITY"]
    values = [float(row.split()[-1]) for row in rows]
    assert values == sorted(values, reverse=True)
    assert len(values) == len(xrv_core.describe_classifier("phantom-net").pathologies)


def test_predict_a_folder_as_csv_and_json_carries_the_note(images: Path) -> None:
    rows = list(csv.DictReader(io.StringIO(run("predict", "phantom-net", images, "--format", "csv").stdout)))
    assert [Path(r["file"]).name for r in rows] == ["a.png", "b.png", "c.jpg"]
    assert {f"phantom-net: {r['note']}" for r in rows} == {NOTE}
    found = json.loads(run("predict", "phantom-net", images, "--format", "json").stdout)
    assert f"{found['model']}: {found['note']}" == NOTE
    for row, one in zip(rows, found["files"], strict=True):
        for name, value in one["predictions"].items():
            assert float(row[name]) == pytest.approx(value, abs=1e-5)


def test_a_bad_file_does_not_stop_the_others(images: Path, tmp_path: Path) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no image")
    result = run("predict", "phantom-net", images / "a.png", bad, images / "b.png", "--format", "csv")
    assert result.exit_code == 3
    assert len(result.stdout.splitlines()) == 3
    assert str(bad) in result.stderr
    assert result.stderr.splitlines()[-1] == "1 of 3 files could not be read."


def test_an_empty_folder(tmp_path: Path) -> None:
    result = run("predict", "phantom-net", tmp_path)
    assert result.exit_code == 1
    assert re.search(says(f"Error: {tmp_path}", "no image", ".bmp, .dcm, "), result.output)


def test_a_folder_with_dicom_of_any_name_and_what_systems_leave_behind(images: Path, tmp_path: Path) -> None:
    folder = tmp_path / "study"
    shutil.copytree(images, folder)
    xrv_core.datasets.write_dicom(folder / "a.dcm", np.full((60, 60), 9, np.uint8))
    (folder / "a.dcm").rename(folder / "IM000001")
    (folder / "._a.png").write_bytes(b"Mac OS X")
    (folder / "notes.txt").write_text("x")
    (folder / "link").symlink_to(images / "more")
    refused = run("predict", "phantom-net", folder, "--format", "csv")
    assert refused.exit_code == 1
    assert re.search(says("link", "--follow-symlinks"), refused.output)
    result = run("predict", "phantom-net", folder, "--format", "csv", "--follow-symlinks")
    assert result.exit_code == 0, result.output
    names = [Path(row["file"]).name for row in csv.DictReader(io.StringIO(result.stdout))]
    assert names == ["IM000001", "a.png", "b.png", "c.jpg", "c.jpg"]
    told = result.stderr.splitlines()[0]
    assert re.search(says(f"{folder}: 2 files passed over", "._a.png", "notes.txt"), told)


def rows_of(file: Path) -> list[tuple[str, dict[str, float]]]:
    """File names and predictions of a result file."""
    if file.suffix == ".jsonl":
        found = [json.loads(line) for line in file.read_text().splitlines()]
        return [(Path(row["file"]).name, {k: round(v, 6) for k, v in row["predictions"].items()}) for row in found]
    rows = csv.DictReader(file.open(newline=""))
    return [
        (Path(row.pop("file")).name, {k: float(v) for k, v in row.items() if k not in ("model", "weights", "note")})
        for row in rows
    ]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_result_file_is_continued(images: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"found{suffix}"
    options = ("--out", out, "--batch-size", 1, "--device", "cpu")
    whole = run("predict", "phantom-net", images, *options)
    assert whole.exit_code == 0, whole.output
    assert whole.stdout == f"{out}: 3 images\n"
    expected, content = rows_of(out), out.read_bytes()
    assert [name for name, _ in expected] == ["a.png", "b.png", "c.jpg"]
    for kept in (0, 10, len(content) // 2, len(content) - 1):  # also in the middle of a row
        out.write_bytes(content[:kept])
        again = run("predict", "phantom-net", images, *options)
        assert again.exit_code == 0, again.output
        assert out.read_bytes() == content, kept
    assert run("predict", "phantom-net", images, *options).stdout == f"{out}: 3 images (3 of them were there already)\n"
    assert out.read_bytes() == content


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_a_result_file_of_something_else_is_not_continued(images: Path, tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"found{suffix}"
    run("predict", "phantom-net", images / "a.png", "--out", out)
    changed = out.read_text().replace("phantom-net", "other-net")
    for content, word in ((changed, "model 'other-net'"), ("a,b\n1,2\n", "line 1: not a row")):
        out.write_text(content)
        result = run("predict", "phantom-net", images, "--out", out)
        assert result.exit_code == 1
        assert re.search(says(str(out), word, "--out"), result.stderr), result.stderr
        assert out.read_text() == content


def test_workers_give_the_same(images: Path, tmp_path: Path) -> None:
    for name, workers in (("a.csv", 0), ("b.csv", 2)):
        assert run("predict", "phantom-net", images, "--out", tmp_path / name, "--num-workers", workers).exit_code == 0
    assert (tmp_path / "a.csv").read_text() == (tmp_path / "b.csv").read_text()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--out", "x.txt"], ("x.txt", ".csv or .jsonl")),
        (["--out", "nosuch/x.csv"], ("nosuch", "no such folder")),
        (["--weights", "nosuch.pt"], ("nosuch.pt", "no such file")),
        (["--device", "abacus"], ("abacus", "cannot be used here")),
    ],
)
def test_options_that_cannot_be(images: Path, options: list[str], words: tuple[str, ...]) -> None:
    result = run("predict", "phantom-net", images, *options)
    assert result.exit_code == 1
    assert re.search(says("Error:", *words), result.stderr), result.stderr


def test_a_long_name_is_cut_in_the_middle() -> None:
    cut = [short_path(Path(f"/data/hospital/{'x' * 60}/study-{number}.dcm")) for number in (1, 2)]
    assert [len(name) for name in cut] == [40, 40]
    assert cut[0].startswith("/data/hospit")
    assert [name[-11:] for name in cut] == ["study-1.dcm", "study-2.dcm"]
    assert short_path(Path("a/b.png")) == "a/b.png"


@pytest.mark.realdata
def test_every_real_image_and_dicom_runs_through(realdata: Path) -> None:
    folders = [realdata / name for name in ("nih", "hannover", "covid19", "dicom", "tbx11k", "reference_images")]
    result = run("predict", "phantom-net", *folders, "--format", "csv")
    assert result.exit_code == 0, result.stderr
    assert NOTE in result.stderr.splitlines()
    assert "passed over" in result.stderr
    rows = list(csv.DictReader(io.StringIO(result.stdout)))
    assert len(rows) > 430
    assert all(0 <= float(r["Effusion"]) <= 1 for r in rows)
