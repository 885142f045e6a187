"""``xrv segment`` goes on where it was stopped, killed, or where the disk was full."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from click.testing import CliRunner, Result
from messages import says
from PIL import Image
from row_kills import command, ended, killed_after, killed_at, small_disk
from torch import nn

import xrv_core
from xrv_core.assets.files import whole
from xrv_core.cli import main
from xrv_core.models import NetworkSegmenter


class Bright(nn.Module):
    """Bright and dark parts; a white image has no number, a black one is an error."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if float(x.max()) < -1000:
            raise RuntimeError("no tissue")
        return torch.cat([x, -x], dim=1) * (torch.nan if float(x.min()) > 1000 else 0.1)


def bright(spec: xrv_core.SegmenterSpec, weights: Path | None = None) -> NetworkSegmenter:
    return NetworkSegmenter(Bright(), spec.structures, input_resolution=spec.input_resolution, spec=spec)


@pytest.fixture(autouse=True)
def segmenter(tmp_path: Path) -> Iterator[None]:
    (tmp_path / "weights").touch()
    spec = xrv_core.SegmenterSpec(
        name="bright", title="A toy", factory=bright, licence="CC0", citation="none", homepage="https://x.org",
        obtain="Nothing.", structures=("left lung", "heart"), input_resolution=8,
    )  # fmt: skip
    with xrv_core.register(spec):
        yield


def image(path: Path, low: int = 10, high: int = 200) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.full((16, 16), low, np.uint8)
    pixels[4:9, 4:9] = high
    with path.open("wb") as stream:
        Image.fromarray(pixels).save(stream, format="PNG")
    return path


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number in range(4):
        image(tmp_path / "images" / f"{number}.png", number * 20)
    return tmp_path / "images"


def arguments(images: Path, out: Path, *more: object) -> list[str]:
    weights = images.parent / "weights"
    return ["segment", "bright", *map(str, [images, *more]), "--out", str(out), "--weights", str(weights)]


def run(images: Path, out: Path, *more: object) -> Result:
    whole._swept.clear()  # as in a new process
    return CliRunner().invoke(main, arguments(images, out, *more), prog_name="xrv")


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Names of the images that are read."""
    names: list[str] = []
    real = xrv_core.datasets.load_image
    monkeypatch.setattr(xrv_core.datasets, "load_image", lambda path: names.append(Path(path).name) or real(path))
    return names


def tree(out: Path) -> dict[str, bytes]:
    """All files below a folder, the record without the times of the images."""
    found = {str(path.relative_to(out)): path.read_bytes() for path in out.rglob("*") if path.is_file()}
    record = [json.loads(line) for line in found.pop("bright.jsonl").splitlines()]
    return found | {"bright.jsonl": json.dumps(record).encode()}


def test_what_is_done_is_told_again_and_not_done_again(images: Path, tmp_path: Path, computed: list[str]) -> None:
    first = run(images, tmp_path / "out", "--format", "json")
    assert computed == [f"{n}.png" for n in range(4)]
    again = run(images, tmp_path / "out", "--format", "json")
    assert (again.exit_code, again.stdout) == (0, first.stdout)
    assert len(computed) == 4
    image(images / "2.png", 99)
    (tmp_path / "out" / "bright" / "3" / "heart.png").unlink()
    assert run(images, tmp_path / "out").exit_code == 0
    assert computed[4:] == ["2.png", "3.png"]


@pytest.mark.parametrize(
    "more", [["--threshold", "0.7"], ["--overlay"], ["--masks", "npz"], ["--structures", "heart"], ["--weights"]]
)
def test_masks_of_other_settings_are_written_again(
    images: Path, tmp_path: Path, computed: list[str], more: list[str]
) -> None:
    out = tmp_path / "out"
    run(images, out)
    if more == ["--weights"]:
        (tmp_path / "weights").write_bytes(b"others")
        more = []
    del computed[:]
    assert run(images, out, *more).exit_code == 0
    assert len(computed) == 4
    assert run(images, out, *more).exit_code == 0
    assert len(computed) == 4
    assert run(images, out).exit_code == 0
    assert len(computed) == (8 if more else 4), "the masks there are of other settings"


def test_files_that_fail_are_named_and_listed(images: Path, tmp_path: Path) -> None:
    image(images / "1.png", 255, 255)
    image(images / "2.png", 0, 0)
    (images / "3.png").write_bytes(b"x")
    done = run(images, tmp_path / "out", "--format", "csv")
    assert done.exit_code == 3
    assert len(done.stdout.splitlines()) == 2
    for name, words in (("1.png", "no number for left lung"), ("2.png", "no tissue"), ("3.png", "not a readable")):
        assert re.search(says("Error: ", name, words), done.stderr)
    listed = tmp_path / "out" / "bright.failed.csv"
    assert len(listed.read_text().splitlines()) == 4
    assert done.stderr.splitlines()[-2:] == ["3 of 4 files failed.", f"They are listed in {listed}."]
    assert sorted(p.name for p in (tmp_path / "out" / "bright").iterdir()) == ["0"]
    strict = run(images, tmp_path / "strict", "--strict")
    assert strict.exit_code == 1
    assert re.search(says("Error: ", "1.png"), strict.stderr.splitlines()[-1])


def test_ctrl_c(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(path: Any) -> Any:
        if Path(path).name == "2.png":
            raise KeyboardInterrupt
        return real(path)

    real = xrv_core.datasets.load_image
    monkeypatch.setattr(xrv_core.datasets, "load_image", load)
    done = run(images, tmp_path / "out")
    assert done.exit_code == 130
    assert re.search(says("Interrupted: 2 of 4", "same command again"), done.stderr.splitlines()[-1])
    monkeypatch.undo()
    assert run(images, tmp_path / "out").exit_code == 0


def _check(images: Path, out: Path, expected: dict[str, bytes], computed: list[str]) -> None:
    record = out / "bright.jsonl"
    finished = record.read_bytes().count(b"\n") if record.exists() else 0
    del computed[:]
    assert run(images, out, "--overlay").exit_code == 0
    assert len(computed) == 4 - finished
    found = tree(out)
    assert found.keys() == expected.keys()
    assert [name for name in found if found[name] != expected[name]] == []
    assert not list(out.rglob(".*")), "no litter"


@pytest.mark.parametrize("step", [13, pytest.param(1, marks=pytest.mark.slow)])
def test_a_kill_at_any_change_loses_no_finished_image(
    images: Path, tmp_path: Path, computed: list[str], step: int
) -> None:
    import shutil

    out = tmp_path / "out"
    work = command(*arguments(images, out, "--overlay"))
    assert ended(work) == 0
    expected = tree(out)
    for at in range(1, 300, step):
        shutil.rmtree(out, ignore_errors=True)
        code = killed_at(work, at)
        _check(images, out, expected, computed)
        if code == 0:
            break
        assert code == -9
    assert at > 40


@pytest.mark.parametrize("number", [2, pytest.param(40, marks=pytest.mark.slow)])
def test_kills_at_random(images: Path, tmp_path: Path, computed: list[str], number: int) -> None:
    import shutil

    out = tmp_path / "out"
    work = command(*arguments(images, out, "--overlay"))
    assert ended(work) == 0
    expected = tree(out)
    for seconds in np.random.default_rng(0).uniform(0, 0.25, number):
        shutil.rmtree(out, ignore_errors=True)
        for _ in range(2):
            killed_after(work, seconds)
        _check(images, out, expected, computed)


def test_a_full_disk(images: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", "256k") as disk:
        (disk / "other").write_bytes(bytes(240_000))
        done = run(images, disk / "out")
        assert done.exit_code == 1
        assert re.search(says("Error: ", disk / "out", "No space left"), done.stderr.splitlines()[-1])
        assert "Traceback" not in done.output
        (disk / "other").unlink()
        assert run(images, disk / "out").exit_code == 0
        assert len((disk / "out" / "bright.jsonl").read_text().splitlines()) == 4
        assert not list((disk / "out").rglob(".*"))


def test_two_runs_with_one_folder(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    codes: list[int] = []
    second: Callable[[], object] = command(*arguments(images, tmp_path / "out"))
    real = xrv_core.datasets.load_image
    monkeypatch.setattr(
        xrv_core.datasets, "load_image", lambda path: (codes or codes.append(ended(second)), real(path))[1]
    )
    assert run(images, tmp_path / "out").exit_code == 0
    assert codes == [1]


def test_names_of_every_kind(tmp_path: Path) -> None:
    names = [b"\xff\xfe.png", b"two\nlines.png", b"\x1b[31mred.png", b"=1+1.png", b'q"q.png', b"x" * 250]
    paths = [image(tmp_path / "images" / os.fsdecode(name)) for name in names]
    done = run(tmp_path / "images", tmp_path / "out")
    assert done.exit_code == 0, done.output
    assert "\x1b[31m" not in done.output
    assert len(done.stdout.splitlines()) == 7
    rows = [json.loads(line) for line in (tmp_path / "out" / "bright.jsonl").read_text("utf-8").splitlines()]
    assert sorted(row["file"] for row in rows) == sorted(map(str, paths))
    assert len(list((tmp_path / "out" / "bright").iterdir())) == 6
