"""`xrv check` finds what is wrong with a folder, and goes on where it was interrupted."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

import xrv_core
from xrv_check import Finding, check
from xrv_core.cli import main
from xrv_core.errors import ArgumentError, ImageMissing


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    paths = xrv_core.miniature("nih", tmp_path / "nih")
    return {"imgpath": Path(paths["imgpath"]), "csvpath": paths["csvpath"]}


def images(mini: dict[str, Any]) -> list[Path]:
    return sorted(Path(mini["imgpath"]).rglob("*.png"))


def spoil(mini: dict[str, Any]) -> tuple[str, str, set[str]]:
    """One image missing, one cut off, one a copy of another, and one that nobody expects."""
    first, second, third, fourth, *_ = images(mini)
    first.unlink()
    second.write_bytes(second.read_bytes()[:200])
    shutil.copy(fourth, third)
    shutil.copy(fourth, fourth.with_name("stranger.png"))
    return first.name, second.name, {third.name, fourth.name}


def test_a_sound_folder_has_no_findings(mini: dict[str, Any]) -> None:
    report = check("nih", **mini)
    assert report.findings == ()
    assert report.read == report.rows == len(images(mini))


def test_each_problem_is_found_once(mini: dict[str, Any], tmp_path: Path) -> None:
    missing, cut, twins = spoil(mini)
    out = tmp_path / "findings.csv"
    report = check("nih", **mini, out=out)
    duplicate = report.findings[2]
    assert [(f.problem, Path(f.what).name) for f in report.findings] == [
        ("missing", missing),
        ("unreadable", cut),
        ("duplicate", Path(duplicate.what).name),
        ("unexpected", "stranger.png"),
    ]
    assert {Path(duplicate.what).name, duplicate.detail.removeprefix("has the bytes of ")} == twins
    assert report.counts() == dict.fromkeys(("missing", "unreadable", "duplicate", "unexpected"), 1)
    rows = list(csv.DictReader(out.open()))
    assert [Finding(**row) for row in rows] == list(report.findings)
    assert not list(tmp_path.glob("*.partial"))


def test_an_archive_is_checked_like_its_folder(mini: dict[str, Any], tmp_path: Path) -> None:
    spoil(mini)
    archive = shutil.make_archive(str(tmp_path / "images"), "zip", mini["imgpath"])
    of_folder, of_archive = check("nih", **mini), check("nih", archive, mini["csvpath"])
    assert [(f.problem, f.what) for f in of_folder.findings] == [(f.problem, f.what) for f in of_archive.findings]


def test_it_goes_on_where_it_was_interrupted(
    mini: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from xrv_check import checking

    decode, seen = checking.decode_image, []

    def counting(data: bytes, name: str, **more: Any) -> Any:
        if len(seen) == 3:
            raise KeyboardInterrupt
        seen.append(name)
        return decode(data, name, **more)

    out = tmp_path / "findings.csv"
    monkeypatch.setattr(checking, "decode_image", counting)
    with pytest.raises(KeyboardInterrupt):
        check("nih", **mini, out=out, workers=1)
    assert not out.exists()
    partial = tmp_path / "findings.csv.partial"
    with partial.open("a") as file:
        file.write('{"path": "cut off')  # the power went
    before = len(seen)
    monkeypatch.setattr(checking, "decode_image", lambda *a, **k: seen.append(a[1]) or decode(*a, **k))
    report = check("nih", **mini, out=out, workers=1)
    assert report.read == len(images(mini))
    assert before == 3
    assert len(seen) == len(images(mini)), "no image is decoded twice"
    assert out.exists()
    assert not partial.exists()


def test_an_image_that_changed_meanwhile_is_read_again(mini: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    first = images(mini)[0]
    about = {"dataset": "nih", "imgpath": str(Path(mini["imgpath"]).absolute())}
    stale = {"path": first.name, "size": 1, "mtime_ns": 1, "sha256": "x", "error": "was broken"}
    (tmp_path / "f.csv.partial").write_text(f"{json.dumps(about)}\n{json.dumps(stale)}\n")
    assert check("nih", **mini, out=out).findings == ()


def test_a_journal_of_another_check_is_refused(mini: dict[str, Any], tmp_path: Path) -> None:
    partial = tmp_path / "f.csv.partial"
    partial.write_text('{"dataset": "siim", "imgpath": "/x"}\n')
    with pytest.raises(ArgumentError, match=rf"^{re.escape(str(partial))} .*another check .*siim.*--out"):
        check("nih", **mini, out=tmp_path / "f.csv")


def test_label_totals_are_compared_with_the_published_ones(mini: dict[str, Any]) -> None:
    dataset = xrv_core.get_dataset("nih", **mini)
    found = int(dataset.totals()["Nodule"][1.0])
    spec = xrv_core.describe_dataset("nih")
    small = dataclasses.replace(
        spec, name="small", aliases=(), images=len(dataset), positives={"Nodule": found + 2, "Mass": 0}
    )
    with xrv_core.register(small):
        labels = [f for f in check("small", **mini).findings if f.problem == "label total"]
    mass = int(dataset.totals()["Mass"].get(1.0, 0))
    expected = [Finding("label total", "Nodule", f"{found} positives, {found + 2} are published")]
    expected += [Finding("label total", "Mass", f"{mass} positives, 0 are published")] if mass else []
    assert labels == expected


def test_what_cannot_be_checked(mini: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^'phantom' .*no files to check"):
        check("phantom", tmp_path)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ImageMissing):
        check("nih", tmp_path / "empty", mini["csvpath"])


def test_the_command_prints_a_summary_and_exits_with_1(mini: dict[str, Any], tmp_path: Path) -> None:
    out = tmp_path / "f.csv"
    arguments = [
        "check",
        "nih",
        "--imgpath",
        str(mini["imgpath"]),
        "--csvpath",
        str(mini["csvpath"]),
        "--out",
        str(out),
    ]
    clean = CliRunner().invoke(main, arguments)
    assert clean.exit_code == 0, clean.output
    missing, *_ = spoil(mini)
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0].endswith("images read, 4 findings.")
    assert lines[1].split() == ["1", "missing", "first:", missing, "(the", "table", "names", "it)"]
    assert result.stderr.splitlines()[-1] == f"All findings: {out}"


def test_options_of_the_dataset_are_those_of_other_commands(tmp_path: Path) -> None:
    paths = xrv_core.miniature("table", tmp_path)
    paths.pop("columns").unlink()
    command = ["check", "table", "--imgpath", str(paths["imgpath"]), "--csvpath", str(paths["csvpath"])]
    command += ["--out", str(tmp_path / "found.csv"), "-o", "image=file"]
    done = CliRunner().invoke(main, [*command, "-o", "labels=Effusion,Mass"])
    assert "4 of 4 images read" in done.stdout, done.output
    refused = CliRunner().invoke(main, [*command, "-o", "labls=Mass"])
    assert refused.exit_code == 1
    assert "labls" in refused.stderr
    assert "labels" in refused.stderr
