"""Commands that write a folder, killed, interrupted and on a full disk: nothing finished is lost, no scraps."""

from __future__ import annotations

import hashlib
import itertools
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import kills
import pytest
from click.testing import CliRunner
from messages import says

from xrv_core.assets import alone
from xrv_core.cli import main

EVALUATE = ["evaluate", "phantom-net", "phantom", "-o", "n=6", "--bootstrap", "5", "--batch-size", "2"]
FEATURES = ["features", "phantom-net", "phantom", "-o", "n=6", "--batch-size", "2", "--projection", "pca"]
FILES = {
    "evaluate": {"predictions.parquet", "metrics.csv", "run.json", "report.html"},
    "features": {"features.parquet", "features.json", "projection.csv", "projection.png", "projection.html"},
}
COMMANDS = pytest.mark.parametrize("words", [EVALUATE, FEATURES], ids=["evaluate", "features"])


@pytest.fixture(scope="module", autouse=True)
def _imported(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Import all that the commands need, so that a forked process begins with the work."""
    for words in (EVALUATE, FEATURES):
        out = tmp_path_factory.mktemp("first") / "out"
        assert CliRunner().invoke(main, [*words, "--out", str(out)]).exit_code == 0
        assert {p.name for p in out.iterdir()} == FILES[words[0]]


def _state(folder: Path) -> dict[str, str]:
    return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}


def _check(words: list[str], out: Path, before: dict[str, str], *, whole: bool = True) -> None:
    """The earlier results are there, or new ones, each whole; the next run is as any other and leaves no scraps."""
    found = _state(out)
    assert found == before or (whole and not set(found.values()) & set(before.values()) - _constant(words, before))
    assert set(found) == FILES[words[0]]
    again = kills.run(kills.command(*words, "--out", str(out), "--overwrite"))
    assert again.code == 0, again.output
    assert kills.scraps(out.parent) == ["out"]
    assert set(_state(out)) == FILES[words[0]]


def _constant(words: list[str], before: dict[str, str]) -> set[str]:
    """Hashes of the files that are the same in every run; the records have times."""
    return {sha256 for name, sha256 in before.items() if not name.endswith((".json", ".html"))}


_SLOW = pytest.mark.slow

pytestmark = pytest.mark.timeout(3600)


@pytest.mark.parametrize(
    ("words", "kill", "count"),
    [
        (EVALUATE, signal.SIGKILL, 1),
        (FEATURES, signal.SIGINT, 1),
        *(pytest.param(w, s, 25, marks=_SLOW) for w in (EVALUATE, FEATURES) for s in (signal.SIGKILL, signal.SIGINT)),
    ],
)
def test_a_command_that_ends_at_any_moment(tmp_path: Path, words: list[str], kill: signal.Signals, count: int) -> None:
    out, code = tmp_path / "out", 130 if kill == signal.SIGINT else -kill
    work = kills.command(*words, "--out", str(out), "--overwrite")
    whole = kills.run(work, place=tmp_path)
    assert whole.code == 0
    random = [{"after": moment} for moment in kills.moments(whole.seconds, count)]
    windows = [{"at": number} for number in range(whole.changes - 5, 0, -max(whole.changes // count, 1))]
    for how in itertools.chain(random, windows):
        before = _state(out)
        ended = kills.run(work, place=tmp_path, kill=kill, **how)
        assert ended.code in (code, 0 if "after" in how else code), (how, ended)
        if ended.code == 130:
            assert ended.output.splitlines()[-1] == "Interrupted."
            assert "Traceback" not in ended.output
            assert "at" in how or kills.scraps(tmp_path) == ["out"], how
        _check(words, out, before)


@COMMANDS
def test_a_second_process_with_the_same_out_is_refused(tmp_path: Path, words: list[str]) -> None:
    out = tmp_path / "out"
    with alone(out):
        second = kills.run(kills.command(*words, "--out", str(out)))
    assert second.code == 1
    assert re.search(says(str(out), "is being written by process", "since"), second.output)
    assert kills.scraps(tmp_path) == []


@contextmanager
def _disk(folder: Path, megabytes: int) -> Iterator[Path]:
    folder.mkdir()
    arguments = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder)]
    if subprocess.run(arguments, capture_output=True).returncode:
        pytest.skip("mounting a small disk needs another user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


@COMMANDS
@pytest.mark.parametrize("shares", [(0, 0.6), pytest.param([n / 20 for n in range(19)], marks=_SLOW)])
def test_a_full_disk_is_one_line_and_leaves_the_earlier_results(
    tmp_path: Path, words: list[str], shares: Sequence[float]
) -> None:
    """At places where the disk becomes full: when there is room for a share of the results."""
    with _disk(tmp_path / "disk", 20) as disk:
        out, filler = disk / "out", disk / "filler"
        work = kills.command(*words, "--out", str(out), "--overwrite")
        assert kills.run(work).code == 0
        before, size = _state(out), sum(p.stat().st_size for p in out.iterdir())
        for share in shares:
            filler.write_bytes(bytes(shutil.disk_usage(disk).free - int(share * size)))
            ended = kills.run(work)
            assert (ended.code, _state(out)) == (1, before), (share, ended)
            assert re.search(says(str(out), "No space left", "bytes are free on", str(disk)), ended.output), ended
            assert "Traceback" not in ended.output
            assert kills.scraps(disk, "filler") == ["out"]
            filler.unlink()
        assert kills.run(work).code == 0
