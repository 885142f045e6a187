"""Assets beside plain pooch: a first download from a local server, and the reuse of a file that is there."""

from __future__ import annotations

import functools
import hashlib
import http.server
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path

import pooch

from xrv_core import Asset, fetch

SIZE = 200_000_000  # bytes


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


def serve(pipe: Connection, folder: str) -> None:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder))
    pipe.send(server.server_port)
    server.serve_forever()


def seconds(action: Callable[[], object], runs: int, before: Callable[[], object] = lambda: None) -> float:
    times = []
    for _ in range(runs):
        before()
        start = time.perf_counter()
        action()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    pooch.get_logger().setLevel("ERROR")
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name, "cache")
        os.environ.update(XRV_CACHE_DIR=str(cache), NO_PROXY="127.0.0.1")
        body = bytes(SIZE)
        Path(name, "w.bin").write_bytes(body)
        sha256 = hashlib.sha256(body).hexdigest()
        ours, theirs = multiprocessing.Pipe()
        server = multiprocessing.Process(target=serve, args=(theirs, name), daemon=True)
        server.start()
        url = f"http://127.0.0.1:{ours.recv()}/w.bin"
        asset = Asset(name="w.bin", urls=(url,), sha256=sha256)
        plain = functools.partial(pooch.retrieve, url, sha256, fname="pooch.bin", path=cache)
        rows = {
            "download of 200 MB": (
                seconds(lambda: fetch(asset), 3, lambda: (cache / "w.bin").unlink(missing_ok=True)),
                seconds(plain, 3, lambda: (cache / "pooch.bin").unlink(missing_ok=True)),
            ),
            "reuse": (seconds(lambda: fetch(asset), 200), seconds(plain, 3)),
        }
        server.terminate()
    for what, (mine, theirs_s) in rows.items():
        print(f"{what:<20}fetch {mine * 1000:9.3f} ms   pooch {theirs_s * 1000:9.3f} ms   {theirs_s / mine:8.1f} x")


if __name__ == "__main__":
    main()
