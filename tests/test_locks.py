"""One lock for all that several processes write: who waits is told for whom, and nobody waits for the dead."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from asset_server import AssetServer, server

from xrv_core import fetch
from xrv_core.assets import asset_path, locked, locks

__all__ = ["server"]

HOLD = """\
import sys, time
from pathlib import Path
from xrv_core.assets import locked
with locked(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


@contextmanager
def holder(path: Path) -> Iterator[subprocess.Popen[str]]:
    """Another process that holds the lock of ``path``."""
    process = subprocess.Popen([sys.executable, "-c", HOLD, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_a_waiter_names_the_stopped_holder_and_goes_on_when_it_is_gone(
    server: AssetServer, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(locks, "NOTICE", 0.2)
    asset = server.serve("/w.bin", b"body")
    with holder(asset_path(asset)) as process:
        process.send_signal(signal.SIGSTOP)
        threading.Timer(0.6, process.kill).start()
        assert fetch(asset).read_bytes() == b"body"
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert f"process {process.pid}" in told
    assert str(asset_path(asset)) in told
    assert sorted(p.name for p in asset_path(asset).parent.iterdir()) == [".w.bin.json", ".w.bin.lock", "w.bin"]


def test_a_short_wait_is_not_worth_a_word(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with holder(tmp_path / "f") as process:
        threading.Timer(0.2, process.kill).start()
        with locked(tmp_path / "f"):
            pass
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("patience", [0, 0.2])
def test_who_will_not_wait_is_told_who_holds_the_lock(tmp_path: Path, patience: float) -> None:
    with holder(tmp_path / "f") as process:
        start = time.monotonic()
        with (
            pytest.raises(TimeoutError, match=f"process {process.pid} .*{tmp_path / 'f'}"),
            locked(tmp_path / "f", patience),
        ):
            pass
        assert time.monotonic() - start < 3
    with (
        locked(tmp_path / "f"),
        pytest.raises(TimeoutError, match="another thread of this process"),
        locked(tmp_path / "f", 0),
    ):
        pass
    assert [p.name for p in tmp_path.iterdir()] == [".f.lock"]
