"""One lock for all files and folders that several processes write."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from xrv_core.errors import tell

__all__ = ["locked"]

NOTICE = 5.0  # seconds of waiting until the user is told


@contextmanager
def locked(path: Path, patience: float = -1) -> Iterator[None]:
    """Hold the lock of ``path``, a file or folder: ``.NAME.lock`` beside it, and our process number in ``.NAME.pid``.

    Other processes and threads wait. One that has waited for 5 s says on stderr whom it waits for, and goes on waiting.

    Args:
        path: What is locked; need not exist.
        patience: Seconds to wait; -1: as long as it takes.

    Raises:
        TimeoutError: Somebody else still holds it; the message names the process.
        OSError: The lock cannot be written.
    """
    from filelock import FileLock, Timeout

    # The number has a file of its own: on NFS, closing the locked file a second time would give up the lock.
    file, note = path.with_name(f".{path.name}.lock"), path.with_name(f".{path.name}.pid")
    lock = FileLock(file)
    try:
        try:
            lock.acquire(timeout=NOTICE if patience < 0 else min(NOTICE, patience))
        except Timeout:
            if 0 <= patience <= NOTICE:
                raise
            tell(f"Waiting for {_holder(note)}, which holds the lock of {path} ({file}). If it hangs, end it.")
            lock.acquire(timeout=-1 if patience < 0 else patience - NOTICE)
    except Timeout:
        raise TimeoutError(f"{_holder(note)} holds the lock of {path} ({file})") from None
    try:
        with suppress(OSError):  # of a full disk
            note.write_text(str(os.getpid()))
        yield
    finally:
        with suppress(OSError):
            note.unlink()
        lock.release()


def _holder(note: Path) -> str:
    with suppress(OSError, ValueError):
        pid = int(note.read_text())
        return "another thread of this process" if pid == os.getpid() else f"process {pid}"
    return "another process"
