"""Run work in a forked process, and end it: after a time, or at a change of the file system.

>>> whole = run(command("evaluate", "phantom-net", "phantom", "--out", str(out)), place=folder)
>>> for moment in moments(whole.seconds, 20):
...     run(work, after=moment)                   # kill -9; kill=signal.SIGINT is Ctrl-C
>>> for number in range(1, whole.changes + 1):    # each window between two changes below a folder
...     run(work, at=number, place=folder)

Import what the work needs beforehand: a fork takes a moment, the import of torch takes seconds.
"""

from __future__ import annotations

import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Ended", "command", "moments", "run", "scraps"]

#: Audit events (of Python) at which files change; ``open`` counts where it writes.
_CHANGES = {"open", "os.mkdir", "os.remove", "os.rename", "os.rmdir", "os.truncate", "os.link", "os.chmod"}
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class Ended(NamedTuple):
    """What came of a run.

    Attributes:
        code: The exit code; negative: the signal that ended it.
        output: What it printed, to stdout and stderr.
        changes: How many changes it began to make below ``place``.
        seconds: How long it ran.
    """

    code: int
    output: str
    changes: int
    seconds: float


def command(*arguments: str) -> Callable[[], object]:
    """An ``xrv`` command as work."""

    def work() -> object:
        from xrv_core.cli import main

        return main(list(arguments), prog_name="xrv")

    return work


def run(
    work: Callable[[], object],
    *,
    after: float | None = None,
    at: int | None = None,
    place: Path | None = None,
    kill: signal.Signals = signal.SIGKILL,
) -> Ended:
    """Run ``work`` in a forked process and wait for its end.

    Args:
        work: Called without arguments; an exit code is that of its SystemExit, 1 if it raises.
        after: Send ``kill`` after so many seconds.
        at: Send ``kill`` just before change number ``at`` below ``place``, from 1.
        place: A folder.
        kill: The signal.
    """
    began = time.monotonic()
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as counted:
        child = os.fork()
        if not child:
            _child(work, (output.fileno(), counted.fileno()), at, place, kill)
        if after is not None:
            _wait(child, began + after)
            os.kill(child, kill)
        code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        seconds = time.monotonic() - began
        output.seek(0)
        return Ended(code, output.read().decode(errors="replace"), os.fstat(counted.fileno()).st_size, seconds)


def moments(seconds: float, count: int, seed: int = 0) -> Iterator[float]:
    """``count`` random moments of a run that takes ``seconds``."""
    drawn = random.Random(seed)
    return (drawn.uniform(0, seconds) for _ in range(count))


def scraps(folder: Path, *wanted: str) -> list[str]:
    """The names in ``folder`` that are not ``wanted``, hidden ones included."""
    return sorted({path.name for path in folder.iterdir()} - set(wanted))


def _wait(child: int, until: float) -> None:
    while time.monotonic() < until and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.001)


def _child(work: Callable[[], object], files: tuple[int, int], at: int | None, place: Path | None, kill: Any) -> None:
    code: object = 1
    try:
        output, counted = files
        os.dup2(output, 1)
        os.dup2(output, 2)
        sys.stdout, sys.stderr = os.fdopen(1, "w", closefd=False), os.fdopen(2, "w", closefd=False)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if "torch" in sys.modules:
            sys.modules["torch"].set_num_threads(1)  # the threads of the parent are not here
        if place is not None:
            sys.addaudithook(_hook(counted, at, os.fspath(place), kill))
        work()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code if isinstance(code, int) else 1)


def _hook(counted: int, at: int | None, place: str, kill: signal.Signals) -> Callable[[str, tuple[Any, ...]], None]:
    seen = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal seen
        if event not in _CHANGES or (event == "open" and not arguments[2] & _WRITES):
            return
        if any(
            isinstance(each, str | bytes | os.PathLike) and os.fsdecode(each).startswith(place) for each in arguments
        ):
            seen += 1
            os.write(counted, b".")
            if seen == at:
                os.kill(os.getpid(), kill)

    return hook
