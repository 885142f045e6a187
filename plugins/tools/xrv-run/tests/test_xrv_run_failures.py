"""Files that fail, processes that end, Ctrl-C and pipes: nothing that is finished is lost."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from brightness import WORDS, image, toy
from click.testing import CliRunner, Result
from messages import says
from row_kills import command, ended, killed_after, killed_at, small_disk

import xrv_core
from xrv_core.assets.files import whole
from xrv_core.cli import main
from xrv_core.datasets import raw_cell, write_dicom
from xrv_core.specs import ClassifierSpec
from xrv_run import predict as room


@pytest.fixture(autouse=True)
def model(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "weights").touch()
    with xrv_core.register(ClassifierSpec(name="toy", factory=toy, pathologies=("Mass", "Nodule"), **WORDS)):
        yield


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number in range(6):
        image(tmp_path / "images" / f"{number}.png", 20 + 30 * number)
    return tmp_path / "images"


def arguments(*more: object) -> list[str]:
    weights = more[0] if isinstance(more[0], Path) else Path()
    folder = next(p for p in (weights, *weights.parents) if (p / "weights").exists())
    return ["predict", "toy", *map(str, more), "--weights", str(folder / "weights")]


def run(*more: object) -> Result:
    return CliRunner().invoke(main, arguments(*more), prog_name="xrv")


def names_in(out: Path) -> list[str]:
    if out.suffix == ".jsonl":
        return [Path(json.loads(line)["file"]).name for line in out.read_text().splitlines()]
    return [Path(row["file"]).name for row in csv.DictReader(out.open(newline=""))]


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
def test_each_batch_is_in_the_file_before_the_next_image_is_read(
    images: Path, tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    out, seen = tmp_path / f"found{suffix}", []
    read = room.read_all

    def watched(files: list[Path], *a: Any) -> Iterator[Any]:
        for number, one in enumerate(read(files, *a)):
            if number % 2 == 0:
                seen.append(len(names_in(out)))
            yield one

    monkeypatch.setattr(room, "read_all", watched)
    assert run(images, "--out", out, "--batch-size", 2).exit_code == 0
    assert seen == [0, 2, 4]


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_each_batch_is_printed_before_the_next_image_is_read(
    images: Path, form: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen, read = [], room.read_all

    def watched(*a: Any) -> Iterator[Any]:
        for number, one in enumerate(read(*a)):
            if number % 2 == 0:
                seen.append(capsys.readouterr().out.count(".png"))
            yield one

    monkeypatch.setattr(room, "read_all", watched)
    with pytest.raises(SystemExit):
        main(arguments(images, "--format", form, "--batch-size", 2))
    assert seen == [0, 2, 2]


def test_what_is_printed_to_nobody_is_no_failure(images: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(*_: Any) -> None:
        raise BrokenPipeError(32, "Broken pipe")

    monkeypatch.setattr(room.Printed, "add", closed)
    assert len(run(images).stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize(("form", "workers"), [("csv", 1), ("json", 0), ("table", 0)])
def test_a_reader_that_goes_away_ends_it_quietly(images: Path, form: str, workers: int) -> None:
    code = "import sys; from xrv_core.cli import main; main(sys.argv[1:])"
    options = [*map(str, images.iterdir()), "--format", form, f"--num-workers={workers}", "--batch-size=1"]
    with subprocess.Popen(
        [sys.executable, "-c", code, "predict", "phantom-net", *options],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        process.stdout.close()
        told = process.stderr.read()
    assert len(told.splitlines()) == 1, told


class Panic(BaseException):
    """As the panic of a codec in Rust."""


ENDS: dict[str, Callable[[], Any]] = {
    "panic": lambda: (_ for _ in ()).throw(Panic("index out of bounds")),
    "memory": lambda: (_ for _ in ()).throw(MemoryError()),
    "depth": lambda: (_ for _ in ()).throw(RecursionError()),
    "no decoder": lambda: (_ for _ in ()).throw(KeyError("x")),
}


@pytest.fixture
def spoil(monkeypatch: pytest.MonkeyPatch) -> Callable[[str, Callable[[], Any]], None]:
    """Let something happen where an image of a name is read, also in another process."""
    real = xrv_core.datasets.load_image

    def spoil(name: str, happens: Callable[[], Any]) -> None:
        def load(path: Any, *a: Any, **k: Any) -> Any:
            if Path(path).name == name:
                happens()
            return real(path, *a, **k)

        monkeypatch.setattr(xrv_core.datasets, "load_image", load)

    return spoil


@pytest.mark.parametrize("workers", [0, 2])
@pytest.mark.parametrize("what", ENDS)
def test_whatever_a_decoder_raises_is_the_error_of_its_file(
    images: Path, tmp_path: Path, what: str, workers: int, spoil: Callable[..., None]
) -> None:
    spoil("2.png", ENDS[what])
    out = tmp_path / "found.csv"
    done = run(images, "--out", out, "--num-workers", workers)
    assert done.exit_code == 3, done.output
    assert names_in(out) == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert re.search(says("Error: ", images / "2.png"), done.stderr)
    assert done.stderr.splitlines()[-2] == "1 of 6 files could not be read."


@pytest.mark.parametrize("end", [lambda: os.kill(os.getpid(), signal.SIGKILL), lambda: os._exit(0), sys.exit])
def test_a_process_that_ends_while_it_reads_takes_one_file_along(
    images: Path, tmp_path: Path, end: Callable[[], Any], spoil: Callable[..., None]
) -> None:
    spoil("2.png", end)
    out = tmp_path / "found.jsonl"
    done = run(images, "--out", out, "--num-workers", 2, "--batch-size", 2)
    assert done.exit_code == 3, done.output
    assert names_in(out) == ["0.png", "1.png", "3.png", "4.png", "5.png"]
    assert re.search(says("Error: ", images / "2.png", "memory"), done.stderr) or end is sys.exit
    assert "Traceback" not in done.output


def test_a_model_that_fails_for_one_image(images: Path, tmp_path: Path) -> None:
    image(images / "2.png", 255)
    image(images / "4.png", 0)
    done = run(images, "--format", "json")
    assert done.exit_code == 3
    found = json.loads(done.stdout)
    assert [Path(file["file"]).name for file in found["files"]] == ["0.png", "1.png", "3.png", "5.png"]
    failed = {Path(each["file"]).name: each["error"] for each in found["failed"]}
    assert re.search(says("2.png", "cannot take", "RuntimeError", "misaligned"), failed["2.png"])
    assert re.search(says("4.png", "no number for Mass, Nodule"), failed["4.png"])
    assert done.stderr.splitlines()[-1] == "2 of 6 files failed."


def test_the_files_that_failed_are_listed_and_tried_again(images: Path, tmp_path: Path) -> None:
    out, listed = tmp_path / "found.csv", tmp_path / "found.failed.csv"
    (images / "2.png").write_bytes(b"")
    (images / "=3.png").write_bytes(b"x")
    done = run(images, "--out", out)
    assert (done.exit_code, done.stdout) == (3, f"{out}: 5 images\n")
    rows = list(csv.DictReader(listed.open(newline="")))
    assert [Path(row["file"]).name for row in rows] == ["2.png", "=3.png"]
    assert all(row["file"] in row["error"] for row in rows)
    assert done.stderr.splitlines()[-1] == f"They are listed in {listed}."
    image(images / "2.png")
    (images / "=3.png").unlink()
    done = run(images, "--out", out)
    assert (done.exit_code, done.stdout) == (0, f"{out}: 6 images (5 of them were there already)\n")
    assert not listed.exists()
    assert names_in(out)[-1] == "2.png"
    listed.write_text("my,notes\n")
    assert run(images, "--out", out).exit_code == 0
    assert listed.read_text() == "my,notes\n"


def test_thousands_of_bad_files_are_named_in_the_list(tmp_path: Path) -> None:
    image(tmp_path / "images" / "good.png")
    for number in range(1000):
        (tmp_path / "images" / f"bad{number}.png").write_bytes(b"x")
    done = run(tmp_path / "images", "--out", tmp_path / "found.csv")
    assert done.exit_code == 3
    assert len(done.stderr.splitlines()) < 30
    assert done.stderr.splitlines()[-2] == "1000 of 1001 files could not be read."
    assert len((tmp_path / "found.failed.csv").read_text().splitlines()) == 1001


def test_strict_stops_at_the_first(images: Path, tmp_path: Path) -> None:
    (images / "2.png").write_bytes(b"")
    (images / "4.png").write_bytes(b"")
    out = tmp_path / "found.csv"
    done = run(images, "--out", out, "--strict", "--batch-size", 1)
    assert done.exit_code == 1
    assert names_in(out) == ["0.png", "1.png"]
    assert "Stopped: 2 of 6 files are done. Give the same command again to go on." in done.stderr
    assert re.search(says("Error: ", images / "2.png"), done.stderr.splitlines()[-1])


def test_nothing_that_could_be_read_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"x")
    done = run(tmp_path / "bad.png")
    assert (done.exit_code, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 2


def test_a_damaged_dicom_of_the_decoder_that_panics(images: Path, tmp_path: Path) -> None:
    pytest.importorskip("pylibjpeg")
    import pydicom

    write_dicom(images / "a.dcm", np.arange(64, dtype=np.uint16).reshape(8, 8) * 1000)
    data = pydicom.dcmread(images / "a.dcm")
    data.compress(pydicom.uid.RLELossless)
    data.save_as(images / "a.dcm")
    content = bytearray((images / "a.dcm").read_bytes())
    begin = content.index(b"\xfe\xff\x00\xe0", content.index(b"\xe0\x7f\x10\x00") + 20)
    for at, number in ((8, 99), (12, 255), (13, 255), (14, 255), (15, 127)):
        spoilt = content.copy()
        spoilt[begin + at] = number
        (images / f"b{at}.dcm").write_bytes(spoilt)
    done = run(images, "--format", "csv")
    assert done.exit_code == 3, done.output
    names = [Path(row["file"]).name for row in csv.DictReader(io.StringIO(done.stdout))]
    assert names[:6] == [f"{n}.png" for n in range(6)]
    assert "a.dcm" in names
    assert "Traceback" not in done.output


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_ctrl_c_keeps_what_was_printed(images: Path, form: str, spoil: Callable[..., None]) -> None:
    spoil("3.png", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    done = run(images, "--format", form, "--batch-size", 1)
    assert done.exit_code == 130
    assert done.stdout.count(".png") == 3
    assert done.stderr.splitlines()[-1] == "Interrupted: 3 of 6 files are done."
    if form == "json":
        found = json.loads(done.stdout)
        assert (len(found["files"]), found["interrupted"]) == (3, True)


def test_ctrl_c_keeps_what_was_written(images: Path, tmp_path: Path, spoil: Callable[..., None]) -> None:
    out = tmp_path / "found.csv"
    spoil("3.png", lambda: (_ for _ in ()).throw(KeyboardInterrupt))
    done = run(images, "--out", out, "--batch-size", 1)
    assert done.exit_code == 130
    assert names_in(out) == ["0.png", "1.png", "2.png"]
    assert done.stderr.splitlines()[-1].endswith("Give the same command again to go on.")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["found.csv", "images", "weights"]


def litter(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir() if p.name not in ("images", "weights"))


def whole_and_work(images: Path, out: Path) -> tuple[bytes, Callable[[], object]]:
    """What an uninterrupted run writes, and that run."""
    (images / "bad.png").write_bytes(b"x")
    work = command(*arguments(images, "--out", out, "--batch-size", "1"))
    assert ended(work) == 3
    content = out.read_bytes()
    out.unlink()
    return content, work


def check_after_kill(images: Path, out: Path, content: bytes, left: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    assert content.startswith(left)
    whole._swept.clear()  # as in a new process
    again = []
    with monkeypatch.context() as patched:
        real = room.read_all
        patched.setattr(room, "read_all", lambda files, *a: again.extend(files) or real(files, *a))
        assert run(images, "--out", out, "--batch-size", 1).exit_code == 3
    assert out.read_bytes() == content
    heads = out.suffix == ".csv"
    there = max(0, left.count(b"\n") - heads)
    assert len(again) == 7 - there, "no finished image is read again"
    assert litter(out.parent) == sorted(["found.failed.csv", out.name])


@pytest.mark.parametrize("suffix", [".csv", ".jsonl"])
@pytest.mark.parametrize("step", [11, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_change_loses_no_finished_image(
    images: Path, tmp_path: Path, suffix: str, step: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / f"found{suffix}"
    content, work = whole_and_work(images, out)
    for at in range(1, 200, step):
        out.unlink(missing_ok=True)
        code = killed_at(work, at)
        left = out.read_bytes() if out.exists() else b""
        check_after_kill(images, out, content, left, monkeypatch)
        if code == 3:
            break
        assert code == -9
    assert at > 30


def _random_kills(images: Path, out: Path, number: int, monkeypatch: pytest.MonkeyPatch) -> None:
    content, work = whole_and_work(images, out)
    waits = np.random.default_rng(0).uniform(0, 0.3, number)
    for seconds in waits:
        out.unlink(missing_ok=True)
        left = b""
        for _ in range(3):  # also while it goes on
            killed_after(work, seconds)
            assert out.read_bytes().startswith(left) if left else True
            left = out.read_bytes() if out.exists() else b""
        check_after_kill(images, out, content, left, monkeypatch)


def test_kills_at_random(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _random_kills(images, tmp_path / "found.csv", 3, monkeypatch)


@pytest.mark.slow
def test_many_kills_at_random(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _random_kills(images, tmp_path / "found.jsonl", 40, monkeypatch)


def test_what_a_killed_run_left_is_taken_away(images: Path, tmp_path: Path) -> None:
    out = tmp_path / "found.csv"
    whole._swept.clear()
    (left := tmp_path / f".found.failed.csv.{whole._MACHINE}-00000000.xrv-new").mkdir()
    assert run(images, "--out", out).exit_code == 0
    assert not left.exists()


def test_a_killed_run_with_processes_can_go_on_at_once(
    images: Path, tmp_path: Path, spoil: Callable[..., None]
) -> None:
    import time

    out = tmp_path / "found.csv"
    spoil("5.png", lambda: time.sleep(0.8))
    work = command(*arguments(images, "--out", out, "--batch-size", "1", "--num-workers", "2"))
    killed_after(work, 0.7)
    spoil("none", lambda: None)
    assert run(images, "--out", out).exit_code == 0
    assert sorted(names_in(out)) == [f"{n}.png" for n in range(6)]


def test_two_runs_with_one_file(images: Path, tmp_path: Path, spoil: Callable[..., None]) -> None:
    out, codes = tmp_path / "found.csv", []
    second = command(*arguments(images, "--out", out))
    spoil("3.png", lambda: codes.append(ended(second)))
    assert run(images, "--out", out).exit_code == 0
    assert codes == [1]
    assert names_in(out) == [f"{n}.png" for n in range(6)]


def test_a_full_disk(images: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "64k") as disk:
        (disk / "other").write_bytes(bytes(53_000))
        out = disk / "found.csv"
        for number in range(60):
            image(images / f"more{number}.png")
        done = run(images, "--out", out, "--batch-size", 1)
        assert done.exit_code == 1
        assert re.search(says("Error: ", out, "No space left", disk), done.stderr.splitlines()[-1])
        there = names_in(out)
        assert 6 < len(there) < 66
        (disk / "other").unlink()
        assert run(images, "--out", out).exit_code == 0
        assert len(names_in(out)) == 66
        assert names_in(out)[: len(there)] == there


# -- names of files

NAMES = [
    b"\xff\xfe.png",
    b"two\nlines.png",
    b"\x1b[31mred.png",
    b"=1+1.png",
    b"a,b.png",
    b'q"q.png',
    b"\r.png",
    b"x" * 240 + b".png",
]


def test_names_of_every_kind_can_be_mapped_back(tmp_path: Path) -> None:
    folder = tmp_path / "images"
    paths = [image(folder / os.fsdecode(name)) for name in NAMES]
    wanted = sorted(map(str, paths))
    out = tmp_path / "found.csv"
    done = run(folder, "--out", out)
    assert done.exit_code == 0, done.output
    assert sorted(raw_cell(row["file"]) for row in csv.DictReader(out.open(newline="", encoding="utf-8"))) == wanted
    assert run(folder, "--out", out).stdout.endswith("(8 of them were there already)\n")
    lines = tmp_path / "found.jsonl"
    assert run(folder, "--out", lines).exit_code == 0
    assert sorted(json.loads(line)["file"] for line in lines.read_text().splitlines()) == wanted
    printed = run(folder, "--format", "csv").stdout
    assert sorted(raw_cell(row["file"]) for row in csv.DictReader(io.StringIO(printed, newline=""))) == wanted
    assert sorted(file["file"] for file in json.loads(run(folder, "--format", "json").stdout)["files"]) == wanted
    table = run(folder).stdout
    assert "\x1b[31m" not in table
    assert len(table.splitlines()) == 9
    for path in paths:
        path.write_bytes(b"x")
    done = run(folder, "--out", tmp_path / "none.csv")
    assert done.exit_code == 1
    assert "\x1b[31m" not in done.stderr
    listed = csv.DictReader((tmp_path / "none.failed.csv").open(newline="", encoding="utf-8"))
    assert sorted(raw_cell(row["file"]) for row in listed) == wanted
