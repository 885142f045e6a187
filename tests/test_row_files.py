"""Rows of a long run: what is in the file stays, half a row never counts, and one process writes at a time."""

from __future__ import annotations

import csv
import io
import itertools
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from messages import says

from xrv_core.datasets import RowFile, raw_cell
from xrv_core.datasets.tables import rows as room
from xrv_core.errors import ArgumentError, WriteError

#: As files of a hospital are called, and as somebody calls them who wants to do harm.
NAMES = [
    "a.png",
    "b,c.png",
    'd"e.png',
    "two\nlines.png",
    "cr\r.png",
    "\x1b[31mred",
    "=1+1",
    "ä",
    "\udcff.png",
    "x" * 250,
]
ABOUT = {"model": "net", "weights": "ab12"}
FORMS: dict[str, dict[str, Any]] = {
    "a.csv": {"columns": ["file", "value"]},
    "a.jsonl": {},
    "a.partial": {"head": True},
}


def opened(path: Path, about: dict[str, str] = ABOUT, **more: Any) -> tuple[RowFile, dict[str, Any]]:
    """A file, and what it has of an earlier run."""
    found: dict[str, Any] = {}
    form = FORMS[path.name] | more
    return RowFile(path, about, take=lambda row: found.update({row["file"]: row["value"]}), **form), found


def run(path: Path, names: list[str] = NAMES) -> list[str]:
    """Add what is not there; the names that were added."""
    rows, found = opened(path)
    fresh = []
    with rows:
        for number, name in enumerate(names):
            if name not in found:
                rows.add({"file": name, "value": str(number)})
                fresh.append(name)
    return fresh


@pytest.mark.parametrize("name", FORMS)
def test_a_file_that_ends_anywhere_is_continued_and_gets_the_same(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    assert run(path) == NAMES
    content = path.read_bytes()
    content.decode()  # UTF-8 whatever the names
    assert list(opened_rows(path)) == NAMES
    ends = set(itertools.accumulate(map(len, _records(content, name))))
    for size in [size for size in range(len(content)) if not size % 23 or {size - 1, size, size + 1} & ends]:
        path.write_bytes(content[:size])
        run(path)
        assert path.read_bytes() == content, size
    assert run(path) == []
    assert [each.name for each in tmp_path.iterdir()] == [name]


def opened_rows(path: Path) -> dict[str, Any]:
    rows, found = opened(path)
    with rows:
        return found


def test_other_readers_see_the_names(tmp_path: Path) -> None:
    for name in ("a.csv", "a.jsonl"):
        run(tmp_path / name)
    table = list(csv.DictReader((tmp_path / "a.csv").open(newline="", encoding="utf-8")))
    assert [raw_cell(row["file"]) for row in table] == NAMES
    assert table[6] == {"file": "'=1+1", "value": "6", **ABOUT}
    lines = (tmp_path / "a.jsonl").read_text("utf-8").splitlines()
    assert [json.loads(line)["file"] for line in lines] == NAMES


FOREIGN = [
    b"my notes", b"my notes\n", b"a,b\n1,2\n", b'{"a": 1}', b'{"a": 1}\n', b"[1]\n", b"\0" * 99, b"file\n",
    b"\xff\xfe", b"\n", b'"', b"[" * 9999 + b"\n",
]  # fmt: skip


@pytest.mark.parametrize("name", FORMS)
def test_a_file_of_the_user_is_refused_and_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    for content in FOREIGN:
        path.write_bytes(content)
        with pytest.raises(ArgumentError, match=says(path, "line 1", "not a row", "--out")):
            run(path)
        assert path.read_bytes() == content
    assert [each.name for each in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("name", FORMS)
def test_damage_before_the_last_row_is_an_error_and_stays(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run(path, ["a", "b", "c"])
    whole = path.read_bytes().splitlines(keepends=True)
    spoilt = [b"\0\0\0\n", b"x,y\n", b"{}\n", b'{"file": "b"}\n', b"null\n", whole[-2][:-3] + b"\n"]
    for line in spoilt:
        path.write_bytes(b"".join([*whole[:-2], line, whole[-1]]))
        content = path.read_bytes()
        with pytest.raises(ArgumentError, match=says(path, f"line {len(whole) - 1}", "--out")):
            run(path)
        assert path.read_bytes() == content


@pytest.mark.parametrize("name", FORMS)
def test_rows_of_another_run_are_not_continued(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    run(path)
    content = path.read_bytes()
    rows, found = opened(path, {"model": "net", "weights": "cd34"}, noun="prediction")
    with pytest.raises(ArgumentError, match=says(path, "another prediction", "weights 'ab12'", "--out")), rows:
        pass
    assert path.read_bytes() == content
    assert found == {}


# -- processes that are killed, and disks that are full


class Watched(io.FileIO):
    """A file that calls ``before`` and ``after`` around each change, and writes few bytes at a time."""

    before: Callable[[], None] = staticmethod(lambda: None)

    def write(self, content: Any) -> int:
        self.before()
        written = super().write(bytes(content)[:7])
        self.before()
        return written

    def truncate(self, size: int | None = None) -> int:
        self.before()
        return super().truncate(size)


def _in_child(path: Path, at: int, kill: signal.Signals) -> int:
    """Run in a forked process that gets a signal at its change number ``at`` of the file; its exit code."""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    code = 1
    count = itertools.count(1)

    def before() -> None:
        if next(count) == at:
            os.kill(os.getpid(), kill)

    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        Watched.before = staticmethod(before)
        room.io.FileIO = Watched  # type: ignore[misc]
        os.fsync = lambda _: before()
        room._FLUSH = 0.0  # type: ignore[misc]
        run(path, NAMES[:4])
        code = 0
    except KeyboardInterrupt:
        code = 130
    finally:
        os._exit(code)


@pytest.mark.parametrize("step", [17, pytest.param(1, marks=pytest.mark.slow)])
@pytest.mark.parametrize("kill", [signal.SIGKILL, signal.SIGINT])
@pytest.mark.parametrize("name", FORMS)
def test_a_run_that_ends_at_any_change_of_the_file_loses_no_row(
    tmp_path: Path, name: str, kill: signal.Signals, step: int
) -> None:
    path = tmp_path / name
    run(path, NAMES[:4])
    whole = path.read_bytes()
    ends = list(itertools.accumulate(map(len, _records(whole, name))))
    for begin in (0, ends[-3] + 5):  # from the start, and where half a row is removed first
        for at in range(1, 1000, step):
            path.unlink()
            path.write_bytes(whole[:begin])
            code = _in_child(path, at, kill)
            left = path.read_bytes() if path.exists() else b""
            assert whole.startswith(left)
            fresh = run(path, NAMES[:4])
            assert path.read_bytes() == whole
            rows = len(ends) - sum(end <= len(left) for end in ends)
            assert len(fresh) == min(rows, 4), "only what was not there is added"
            if code == 0:
                break
        assert at > 7
    assert [each.name for each in tmp_path.iterdir()] == [name]


def _records(content: bytes, name: str) -> Iterator[bytes]:
    for _, record in room._records(io.BytesIO(content), quoted=name.endswith("csv")):
        yield record


def test_a_second_process_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    code = (
        "import sys\nfrom pathlib import Path\nfrom xrv_core.datasets import RowFile\n"
        "with RowFile(Path(sys.argv[1]), {}, columns=['file', 'value']): pass"
    )
    rows, _ = opened(path)
    with rows:
        rows.add({"file": "a", "value": "1"})
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True)
        assert f"process {os.getpid()}" in done.stderr
        assert "ArgumentError" in done.stderr
    assert list(opened_rows(path)) == ["a"]


@pytest.mark.parametrize("name", FORMS)
def test_a_full_disk_keeps_whole_rows_and_the_run_goes_on_when_there_is_room(tmp_path: Path, name: str) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    if subprocess.run(["mount", "-t", "tmpfs", "-o", "size=128k", "tmpfs", str(disk)], capture_output=True).returncode:
        pytest.skip("mounting a small disk needs another user")
    try:
        path, names = disk / name, [f"{i:05d}.png" for i in range(1000)]
        (disk / "other").write_bytes(bytes(112_000))
        with pytest.raises(WriteError, match=says(path, "No space left", disk)):
            run(path, names)
        there = list(opened_rows(path))
        assert 50 < len(there) < 1000
        (disk / "other").unlink()
        assert run(path, names) == names[len(there) :]
        assert list(opened_rows(path)) == names
    finally:
        subprocess.run(["umount", str(disk)], check=True)


def test_what_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "a.csv").mkdir()
    for path in (tmp_path / "a.csv", tmp_path / "none" / "a.csv"):
        with pytest.raises(ArgumentError, match=says(path, "cannot be written", "--out")):
            run(path)
