"""``kills`` for commands that write rows: windows between the writes to one file, too; and small disks."""

from __future__ import annotations

import io
import itertools
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import kills
import pytest

from xrv_core.assets.files import whole
from xrv_core.datasets.tables import rows

__all__ = ["Watched", "command", "ended", "killed_after", "killed_at", "small_disk"]

#: What changes the file system, and what makes that last.
CALLS = ("rename", "replace", "mkdir", "rmdir", "unlink", "fsync")


class Watched(io.FileIO):
    """A file of rows that tells of each change, and writes a few bytes at a time."""

    hook: Callable[[], None] = staticmethod(lambda: None)

    def write(self, content: Any) -> int:
        self.hook()
        return super().write(bytes(content)[: max(7, len(content) // 2)])

    def truncate(self, size: int | None = None) -> int:
        self.hook()
        return super().truncate(size)


def command(*arguments: object) -> Callable[[], object]:
    """``xrv ARGUMENTS`` as work of a process that has not written before."""
    work = kills.command(*map(str, arguments))
    return lambda: (whole._swept.clear(), work())[1]


def killed_at(work: Callable[[], object], at: int, kill: signal.Signals = signal.SIGKILL) -> int:
    """The exit code of ``work`` in a process that gets a signal before its change number ``at``."""
    count = itertools.count(1)

    def hook() -> None:
        if next(count) == at:
            os.kill(os.getpid(), kill)

    def hooked(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*a: Any, **k: Any) -> Any:
            hook()
            return real(*a, **k)

        return call

    def watched() -> object:
        Watched.hook = staticmethod(hook)
        rows.io.FileIO = Watched  # type: ignore[misc]
        rows._FLUSH = 0.0  # type: ignore[misc]
        for name in CALLS:
            setattr(os, name, hooked(getattr(os, name)))
        return work()

    return kills.run(watched).code


def killed_after(work: Callable[[], object], seconds: float) -> int:
    """The exit code of ``work`` in a process that is killed after a time."""
    return kills.run(work, after=seconds).code


def ended(work: Callable[[], object]) -> int:
    """The exit code of ``work`` in a process of its own."""
    return kills.run(work).code


@contextmanager
def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """A disk of a size such as "20m"; the test is skipped where none can be mounted."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("mounting a small disk needs another user")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)
