"""`xrv check` loses nothing when it is killed, and its report survives whatever the files are called."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from messages import says
from row_kills import command, ended, killed_after, killed_at, small_disk

import xrv_core
from xrv_check import check, checking
from xrv_core.assets.files import whole
from xrv_core.cli import main
from xrv_core.datasets import raw_cell
from xrv_core.errors import ArgumentError


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Path]:
    paths = xrv_core.miniature("nih", tmp_path / "nih")
    images = sorted(Path(paths["imgpath"]).rglob("*.png"))
    for path in images[6:]:
        path.unlink()
    images[2].write_bytes(images[2].read_bytes()[:200])
    shutil.copy(images[1], images[4])
    return {"imgpath": Path(paths["imgpath"]), "csvpath": Path(paths["csvpath"])}


def arguments(mini: dict[str, Path], out: Path) -> list[str]:
    return ["check", "nih", "--imgpath", str(mini["imgpath"]), "--csvpath", str(mini["csvpath"]), "--out", str(out)]


def run(mini: dict[str, Path], out: Path) -> Result:
    whole._swept.clear()  # as in a new process
    return CliRunner().invoke(main, arguments(mini, out), prog_name="xrv")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are decoded."""
    names: list[str] = []
    real = checking.decode_image
    monkeypatch.setattr(checking, "decode_image", lambda data, name, **k: names.append(name) or real(data, name, **k))
    return names


def _check(mini: dict[str, Path], out: Path, expected: bytes, decoded: list[str]) -> None:
    partial = out.with_name(f"{out.name}.partial")
    finished = max(0, partial.read_bytes().count(b"\n") - 1) if partial.exists() else 0
    del decoded[:]
    assert run(mini, out).exit_code == 1
    assert len(decoded) == 6 - finished, "no image is decoded twice"
    assert out.read_bytes() == expected
    assert sorted(path.name for path in out.parent.iterdir()) == [out.name, "nih"]


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_change_loses_no_image(
    mini: dict[str, Path], tmp_path: Path, decoded: list[str], step: int
) -> None:
    """Also before and after the first line, while it goes on, and while the report is written."""
    out = tmp_path / "found.csv"
    work = command(*arguments(mini, out))
    assert ended(work) == 1
    expected = out.read_bytes()
    for at in range(1, 200, step):
        out.unlink(missing_ok=True)
        code = killed_at(work, at)
        partial, left = tmp_path / "found.csv.partial", b""
        if code == -9 and at > 20 and partial.exists():
            left = partial.read_bytes()
            killed_at(work, at % 9 + 1)
            assert out.exists() or partial.read_bytes().startswith(left[: left.rfind(b"\n") + 1])
        _check(mini, out, expected, decoded)
        if code == 1:
            break
        assert code == -9
    assert at > 30


@pytest.mark.parametrize("number", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_kills_at_random(mini: dict[str, Path], tmp_path: Path, decoded: list[str], number: int) -> None:
    out = tmp_path / "found.csv"
    work = command(*arguments(mini, out))
    assert ended(work) == 1
    expected = out.read_bytes()
    for seconds in np.random.default_rng(0).uniform(0, 0.15, number):
        out.unlink(missing_ok=True)
        for _ in range(2):
            killed_after(work, seconds)
        _check(mini, out, expected, decoded)


def test_a_journal_is_not_touched_before_the_new_content_is_safe(mini: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    command_ = command(*arguments(mini, out))
    for at in range(20, 60, 3):
        if killed_at(command_, at) == -9 and (tmp_path / "found.csv.partial").exists():
            lines = (tmp_path / "found.csv.partial").read_bytes().count(b"\n")
            if lines > 3:
                break
    for at in range(1, 6):
        killed_at(command_, at)
        assert (tmp_path / "found.csv.partial").read_bytes().count(b"\n") >= lines


@pytest.mark.parametrize("line", [b"\0\0\n", b'{"path": 1}\n', b"null\n"])
def test_a_damaged_line_is_not_believed(mini: dict[str, Path], tmp_path: Path, line: bytes) -> None:
    out, partial = tmp_path / "f.csv", tmp_path / "f.csv.partial"
    about = {"dataset": "nih", "imgpath": str(mini["imgpath"].absolute())}
    whole_line = {"path": "a", "size": 1, "mtime_ns": 1, "sha256": "", "error": ""}
    content = f"{json.dumps(about)}\n".encode() + line + f"{json.dumps(whole_line)}\n".encode()
    partial.write_bytes(content)
    with pytest.raises(ArgumentError, match=says(partial, "line 2", "--out")):
        check("nih", **mini, out=out)
    assert partial.read_bytes() == content


def test_other_options_are_another_check(mini: dict[str, Path], tmp_path: Path, decoded: list[str]) -> None:
    out, partial = tmp_path / "f.csv", tmp_path / "f.csv.partial"
    partial.write_text(json.dumps({"dataset": "nih", "imgpath": str(mini["imgpath"].absolute())}) + "\n")
    with pytest.raises(ArgumentError, match=says(partial, "another check", "--out")):
        check("nih", **mini, out=out, options={"views": ["PA"]})


class Panic(BaseException):
    """As the panic of a codec in Rust."""


@pytest.mark.parametrize("error", [Panic("index out of bounds"), MemoryError(), RecursionError(), KeyError("x")])
def test_whatever_a_decoder_raises_is_a_finding(
    mini: dict[str, Path], tmp_path: Path, error: BaseException, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(data: bytes, name: str, **_: Any) -> Any:
        raise error

    monkeypatch.setattr(checking, "decode_image", decode)
    report = check("nih", **mini, out=tmp_path / "f.csv")
    assert report.counts()["unreadable"] == 6
    assert all(f.what in f.detail for f in report.findings if f.problem == "unreadable")


def test_an_image_that_goes_away_meanwhile_is_a_finding(
    mini: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = checking._read

    def read(dataset: Any, source: Any, paths: list[str], *more: Any) -> Any:
        (Path(source.root) / paths[0]).unlink()
        return real(dataset, source, paths, *more)

    monkeypatch.setattr(checking, "_read", read)
    report = check("nih", **mini, out=tmp_path / "f.csv")
    assert report.counts()["unreadable"] == 2


def test_ctrl_c_says_how_to_go_on(
    mini: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, decoded: list[str]
) -> None:
    real = checking._write

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(checking, "_write", stop)
    done = run(mini, tmp_path / "f.csv")
    assert done.exit_code == 130
    assert re.search(says("Interrupted", "same command", tmp_path / "f.csv.partial"), done.stderr.splitlines()[-1])
    monkeypatch.setattr(checking, "_write", real)
    assert run(mini, tmp_path / "f.csv").exit_code == 1
    assert len(decoded) == 6


NAMES = [b"\xff\xfe.png", b"two\nlines.png", b"\x1b[31mred.png", b"=1+1.png", b"a,b.png", b'q"q.png', b"\r.png"]


def test_the_report_survives_names_of_every_kind(mini: dict[str, Path], tmp_path: Path) -> None:
    image = next(mini["imgpath"].rglob("*.png"))
    for name in NAMES:
        shutil.copy(image, image.parent / os.fsdecode(name))
    out = tmp_path / "f.csv"
    done = run(mini, out)
    assert done.exit_code == 1, done.output
    assert "\x1b[31m" not in done.output
    rows = list(csv.DictReader(out.open(newline="", encoding="utf-8")))
    unexpected = {os.fsencode(Path(raw_cell(row["what"])).name) for row in rows if row["problem"] == "unexpected"}
    assert unexpected == set(NAMES)
    assert "'=1+1.png" in {row["what"] for row in rows} or image.parent != mini["imgpath"]


def test_a_full_disk(mini: dict[str, Path], tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "other").write_bytes(bytes(57_000))
        for number in range(60):
            (mini["imgpath"] / f"{'stranger' * 20}{number}.png").write_bytes(b"x")
        done = run(mini, disk / "f.csv")
        assert done.exit_code == 1
        assert re.search(says("Error: ", disk, "No space left"), done.stderr.splitlines()[-1])
        assert "Traceback" not in done.output
        (disk / "other").unlink()
        done = run(mini, disk / "f.csv")
        assert "60 unexpected" in done.stdout
        assert [path.name for path in disk.iterdir()] == ["f.csv"]


def test_two_checks_with_one_file(mini: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    second: Callable[[], object] = command(*arguments(mini, tmp_path / "f.csv"))
    real = checking._label_totals
    monkeypatch.setattr(checking, "_label_totals", lambda d: (codes.append(ended(second)), real(d))[1])
    assert run(mini, tmp_path / "f.csv").exit_code == 1
    assert codes == [1]
    assert len((tmp_path / "f.csv").read_text().splitlines()) > 3


def test_thousands_of_strangers_make_a_short_page_and_a_long_table(mini: dict[str, Path], tmp_path: Path) -> None:
    for number in range(3000):
        (mini["imgpath"] / f"stranger{number}.png").write_bytes(b"x")
    tracemalloc.start()
    done = run(mini, tmp_path / "f.csv")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(done.stdout.splitlines()) < 8
    assert len((tmp_path / "f.csv").read_text().splitlines()) > 3000
    assert peak < 30 << 20


def test_what_cannot_be_written_is_told_before_an_image_is_read(
    mini: dict[str, Path], tmp_path: Path, decoded: list[str]
) -> None:
    (tmp_path / "file").touch()
    for out in (tmp_path, tmp_path / "file" / "f.csv"):
        done = run(mini, out)
        assert re.search(says("Error: --out ", out), done.stderr), done.output
    assert decoded == []
