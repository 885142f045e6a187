"""What a killed process, a full disk and a second process leave: nothing lost, no scraps after the next run."""

from __future__ import annotations

import errno
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from messages import says

from xrv_core.assets import ResultFolder, alone, aside, replacing, writing
from xrv_core.assets.files import folders, whole
from xrv_core.errors import ArgumentError, WriteError

KILLED_IN = (
    "import os, signal, sys\nfrom pathlib import Path\nfrom xrv_core.assets import *\npath = Path(sys.argv[1])\n"
)
KILL = "os.kill(os.getpid(), signal.SIGKILL)\n"


def run(code: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", KILLED_IN + code, str(path)], capture_output=True, text=True)


@pytest.fixture(autouse=True)
def _first_write() -> None:
    whole._swept.clear()


def test_the_next_process_that_writes_deletes_what_a_killed_one_left(tmp_path: Path) -> None:
    code = f"with replacing(path) as new:\n    new.write_text('half')\n    {KILL}"
    assert run(code, tmp_path / "a.csv").returncode == -9
    assert len(list(tmp_path.iterdir())) == 1
    with replacing(tmp_path / "other.csv") as new:
        new.write_text("whole")
    assert [p.name for p in tmp_path.iterdir()] == ["other.csv"]


def test_what_a_live_process_writes_stays(tmp_path: Path) -> None:
    code = "with replacing(path) as new:\n    new.write_text('slow')\n    print('here', flush=True)\n    input()\n"
    arguments = [sys.executable, "-c", KILLED_IN + code, str(tmp_path / "slow.csv")]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as slow:
        assert slow.stdout is not None
        assert slow.stdout.readline() == "here\n"
        with replacing(tmp_path / "quick.csv") as new:
            new.write_text("quick")
        slow.communicate("\n")
    assert sorted(p.name for p in tmp_path.iterdir()) == ["quick.csv", "slow.csv"]


def test_files_of_the_user_stay(tmp_path: Path) -> None:
    names = [".a.csv.12.34.new", ".out.abc", "tmpx.part", ".x.00000000-00000000.xrv-new", ".x.0-0.xrv-new"]
    for name in names:
        (tmp_path / name).write_text("mine")
    with aside(tmp_path / "x"):
        pass
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(names)


@pytest.mark.parametrize("days", [0.5, 2])
def test_what_another_machine_left_stays_for_a_day(tmp_path: Path, days: float) -> None:
    left = tmp_path / ".x.csv.0000000a-0000000b.xrv-new"
    left.mkdir()
    (left / "x.csv").write_text("half")
    for path in (left / "x.csv", left):
        os.utime(path, (time.time() - days * 86_400,) * 2)
    with aside(tmp_path / "x.csv"):
        pass
    assert left.exists() == (days < 1)


def test_a_disk_without_locks_is_written_and_nothing_is_deleted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(f"with aside(path):\n    {KILL}", tmp_path / "a")

    def none(*_: object) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(whole.fcntl, "flock", none)
    with alone(tmp_path / "b"), replacing(tmp_path / "b") as new:
        new.write_text("b")
    assert len(list(tmp_path.iterdir())) == 2


def test_a_name_of_255_bytes_can_be_written(tmp_path: Path) -> None:
    path = tmp_path / ("ä" * 127)
    with alone(path), replacing(path) as new:
        new.write_text("x")
    assert list(tmp_path.iterdir()) == [path]


def test_a_second_process_is_refused_and_told_who_writes(tmp_path: Path) -> None:
    path = tmp_path / "out"
    with alone(path):
        done = run("with alone(path):\n    pass\n", path)
        with pytest.raises(ArgumentError, match=says(str(path), f"process {os.getpid()}", "since")), alone(path):
            pass
    assert f"process {os.getpid()} on " in done.stderr
    assert run(f"with alone(path):\n    {KILL}", path).returncode == -9
    with alone(path):
        pass
    assert list(tmp_path.iterdir()) == []


def test_a_forked_process_does_not_keep_the_lock_of_a_killed_one(tmp_path: Path) -> None:
    child = "    if os.fork() == 0:\n        time.sleep(5)\n        os._exit(0)\n    time.sleep(.2)\n"
    code = f"import time\nwith alone(path):\n{child}    {KILL}"
    arguments = [sys.executable, "-c", KILLED_IN + code, str(tmp_path / "out")]
    subprocess.run(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with alone(tmp_path / "out"):
        pass


@contextmanager
def _small_disk(folder: Path) -> Iterator[Path]:
    """A disk of 1 MB; skipped where none can be mounted."""
    folder.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(folder)], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs another user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_is_named_with_its_room(tmp_path: Path) -> None:
    with _small_disk(tmp_path / "disk") as disk:
        path = disk / "sub" / "a.bin"
        path.parent.mkdir()
        path.write_text("old")
        told = says(str(path), "No space left", " 0 bytes are free", f"{disk}.")
        with pytest.raises(WriteError, match=told), replacing(path) as new:
            new.write_bytes(bytes(2_000_000))
        assert [p.read_text() for p in path.parent.iterdir()] == ["old"]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS])
def test_each_error_of_a_disk_is_one_error(tmp_path: Path, number: int) -> None:
    with pytest.raises(WriteError, match=says("a.bin", os.strerror(number))), writing(tmp_path / "no" / "a.bin"):
        raise OSError(number, os.strerror(number))
    with pytest.raises(WriteError, match=says(os.strerror(number))), writing(tmp_path / "a.bin"):
        raise RuntimeError(f"Error while serializing: I/O error: x (os error {number})")


def test_other_errors_pass(tmp_path: Path) -> None:
    for error in (PermissionError(errno.EACCES, "no"), KeyError("a"), KeyboardInterrupt()):
        with pytest.raises(type(error)), writing(tmp_path / "a.bin"):
            raise error


CALLS = ("rename", "mkdir", "rmdir", "unlink", "fsync", "open", "scandir")


def _make(folder: Path, text: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in "ab":
        (folder / name).write_text(text)


def _results(folder: Path) -> list[str]:
    return sorted(p.read_text() for p in folder.iterdir())


def _replace(out: Path, text: str) -> None:
    whole._swept.clear()
    with ResultFolder(out, "evaluation", ["a", "b"], True).fresh() as fresh:
        _make(fresh, text)


def _in_child(work: Callable[[], None], at: int, kill: signal.Signals, exchange: bool) -> tuple[int, int]:
    """Run ``work`` in a forked process that gets a signal before its call number ``at`` to the file system, or after
    it, if ``at`` is a negative number; its exit code, and how many calls there were."""
    read, write = os.pipe()
    child = os.fork()
    if child:
        os.close(write)
        with os.fdopen(read) as told:
            calls = len(told.read())
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), calls
    code, count = 1, itertools.count(1)

    def hooked(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*a: Any, **k: Any) -> Any:
            number = next(count)
            os.write(write, b".")
            if number == at:
                os.kill(os.getpid(), kill)
            try:
                return real(*a, **k)
            finally:
                if number == -at:
                    os.kill(os.getpid(), kill)

        return call

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        folders._exchange = hooked(folders._exchange if exchange else lambda one, other: False)  # type: ignore[assignment]
        for name in CALLS:
            setattr(os, name, hooked(getattr(os, name)))
        work()
        code = 0
    except KeyboardInterrupt:
        code = 130
    finally:
        os._exit(code)


@pytest.mark.parametrize("exchange", [True, False])
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("step", [7, pytest.param(1, marks=pytest.mark.slow)])
def test_a_run_that_ends_at_any_call_loses_no_results(
    tmp_path: Path, exchange: bool, kill: signal.Signals, step: int
) -> None:
    """Before and after each call to the file system; then the next run is as any other and leaves no scraps."""
    out, seen = tmp_path / "out", set()
    _make(out, "old")
    code, calls = _in_child(lambda: _replace(out, "new"), 10**9, kill, exchange)
    assert (code, calls > 15, _results(out)) == (0, True, ["new", "new"])
    for at in [*range(1, calls + 1), *range(-calls, 0)][::step]:
        _make(out, "old")
        code, _ = _in_child(lambda: _replace(out, "new"), at, kill, exchange)
        assert code == (-9 if kill == signal.SIGKILL else 130), at
        assert exchange or kill == signal.SIGKILL or out.exists(), at
        if out.exists():
            assert _results(out) in (["old", "old"], ["new", "new"]), at
        whole._swept.clear()
        ResultFolder(out, "evaluation", ["a", "b"], True).check()
        seen.add(_results(out)[0])
        assert _results(out) in (["old", "old"], ["new", "new"]), at
        _replace(out, "newer")
        assert (_results(out), [*tmp_path.iterdir()]) == (["newer", "newer"], [out]), at
    assert seen == {"old", "new"}
