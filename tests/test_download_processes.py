"""Downloads by several processes and threads, and by processes and servers that are killed half-way."""

from __future__ import annotations

import json
import multiprocessing
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import Connection

import pytest
from asset_server import AssetServer, Fault, running, server

from xrv_core import Asset, fetch
from xrv_core.assets import asset_path, download
from xrv_core.errors import DownloadError

__all__ = ["server"]

BODY = os.urandom(8 * download.CHUNK + 1000)
HALF = 4 * download.CHUNK


def in_process(asset: Asset) -> subprocess.Popen[bytes]:
    """Another Python that fetches the asset into the same cache."""
    code = f"from xrv_core import Asset, fetch\nfetch({asset!r})"
    return subprocess.Popen([sys.executable, "-c", code])


def wait_for(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 30
    while not condition():
        assert time.monotonic() < end, "waited 30 s in vain"
        time.sleep(0.005)


def part_size(asset: Asset) -> int:
    part = asset_path(asset).with_name(f"{asset_path(asset).name}.part")
    return part.stat().st_size if part.exists() else 0


def test_four_processes_are_one_request(server: AssetServer) -> None:
    go = threading.Event()
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF, hold=go))
    processes = [in_process(asset) for _ in range(4)]
    wait_for(lambda: part_size(asset) == HALF)
    time.sleep(0.3)  # let the others arrive at the lock; the outcome must be the same if they do not
    assert not asset_path(asset).exists()
    go.set()
    assert [p.wait(30) for p in processes] == [0] * 4
    assert asset_path(asset).read_bytes() == BODY
    assert len(server.log) == 1


def test_eight_threads_are_one_request(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    barrier = threading.Barrier(8)

    def one(_: int) -> bytes:
        barrier.wait()
        return fetch(asset).read_bytes()

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(one, range(8))) == {BODY}
    assert len(server.log) == 1


@pytest.mark.parametrize("hashed", [True, False])
def test_a_killed_process_leaves_a_part_that_the_next_one_goes_on_with(server: AssetServer, hashed: bool) -> None:
    never = threading.Event()
    asset = server.serve("/w.bin", BODY, Fault(cut=HALF, hold=never), hashed=hashed)
    process = in_process(asset)
    wait_for(lambda: part_size(asset) == HALF)
    process.send_signal(signal.SIGKILL)
    assert process.wait(30) == -signal.SIGKILL
    never.set()
    assert not asset_path(asset).exists()
    assert fetch(asset).read_bytes() == BODY
    assert [(r.range, r.sent) for r in server.log[1:]] == [(f"bytes={HALF}-", len(BODY) - HALF)]


def test_a_process_killed_after_the_last_byte_needs_no_request(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    path = fetch(asset)
    path.rename(path.with_name("w.bin.part"))
    path.with_name(".w.bin.part.json").write_text(json.dumps({"url": asset.urls[0], "total": len(BODY)}))
    assert fetch(asset).read_bytes() == BODY
    assert len(server.log) == 1


def test_a_full_part_with_wrong_bytes_is_thrown_away(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    path = asset_path(asset)
    path.with_name("w.bin.part").write_bytes(bytes(len(BODY)))
    path.with_name(".w.bin.part.json").write_text(json.dumps({"url": asset.urls[0], "total": len(BODY)}))
    assert fetch(asset).read_bytes() == BODY
    assert [r.range for r in server.log] == [None]


def test_a_part_of_unknown_origin_is_tried_and_then_thrown_away(server: AssetServer) -> None:
    asset = server.serve("/w.bin", BODY)
    asset_path(asset).with_name("w.bin.part").write_bytes(bytes(100))
    assert fetch(asset).read_bytes() == BODY
    assert [r.range for r in server.log] == ["bytes=100-", None]


def serve_until_killed(pipe: Connection, body: bytes) -> None:
    with running() as started:
        started.serve("/w.bin", body, Fault(cut=HALF, hold=threading.Event()))
        pipe.send(started.server_port)
        threading.Event().wait()


def test_a_killed_server_is_asked_for_the_rest_when_it_is_back(server: AssetServer) -> None:
    ours, theirs = multiprocessing.Pipe()
    victim = multiprocessing.get_context("spawn").Process(target=serve_until_killed, args=(theirs, BODY), daemon=True)
    victim.start()
    port = ours.recv()
    url = f"http://127.0.0.1:{port}/w.bin"
    asset = Asset(name="w.bin", urls=(url,), sha256=server.serve("/w.bin", BODY).sha256)
    with ThreadPoolExecutor(1) as pool:
        failing = pool.submit(fetch, asset)
        wait_for(lambda: part_size(asset) == HALF)
        victim.kill()
        with pytest.raises(DownloadError) as caught:
            failing.result(30)
    assert f"{url}: could not be reached: Connection refused (5 tries)" in str(caught.value)
    assert not asset_path(asset).exists()
    with running(port) as back:
        back.serve("/w.bin", BODY)
        assert fetch(asset).read_bytes() == BODY
        assert [(r.status, r.range, r.sent) for r in back.log] == [(206, f"bytes={HALF}-", len(BODY) - HALF)]


def test_nothing_but_the_whole_file_is_ever_at_the_final_path(server: AssetServer) -> None:
    server.always = Fault(cut=download.CHUNK)  # one chunk for each request, nine requests
    asset = server.serve("/w.bin", BODY)
    with ThreadPoolExecutor(1) as pool:
        running_fetch = pool.submit(fetch, asset)
        seen = set()
        while not running_fetch.done():
            if asset_path(asset).exists():
                seen.add(asset_path(asset).read_bytes())
    assert seen <= {BODY}
    assert running_fetch.result().read_bytes() == BODY
    assert len(server.log) == 9


@pytest.mark.parametrize("kills", [3, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("hashed", [True, False])
def test_kills_at_random_moments_leave_nothing_wrong_and_no_litter(
    server: AssetServer, kills: int, hashed: bool
) -> None:
    draw = random.Random(13)
    for number in range(kills):
        asset = server.serve(f"/{number}.bin", BODY, hashed=hashed)
        process = in_process(asset)
        time.sleep(draw.uniform(0.2, 1.0))
        process.kill()
        process.wait()
        if asset_path(asset).exists():
            assert asset_path(asset).read_bytes() == BODY
        assert fetch(asset).read_bytes() == BODY
    names = {p.name for p in asset_path(asset).parent.iterdir()}
    allowed = {
        name.format(n) for n in range(kills) for name in ("{}.bin", ".{}.bin.json", ".{}.bin.lock", ".{}.bin.pid")
    }
    assert names <= allowed
