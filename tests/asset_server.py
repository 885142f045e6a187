"""A real HTTP server on 127.0.0.1 that serves files by Range and ETag, and misbehaves as scripted; other helpers."""

from __future__ import annotations

import hashlib
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from xrv_core import Asset
from xrv_core.assets import asset_path, download, files


@dataclass(kw_only=True)
class Fault:
    """What goes wrong with one request; the defaults are right.

    Attributes:
        status: Answer with this status and no body.
        cut: Close the connection after that many bytes of the body.
        hold: Stop after ``cut`` bytes until this event is set, with the connection open.
        claim: Content-Length to announce instead of the true one; None for no such header.
        body: Serve these bytes instead of the file.
        ignore_range: Answer a Range request with the whole file.
        shift: Answer a Range request with a range that starts that many bytes off.
        location: Redirect there.
        headers: Further response headers, by name; they replace the server's own.
    """

    status: int = 0
    cut: int | None = None
    hold: threading.Event | None = None
    claim: int | None = -1
    body: bytes | None = None
    ignore_range: bool = False
    shift: int = 0
    location: str = ""
    headers: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Request:
    """One request as the server saw it; ``sent`` counts body bytes."""

    path: str
    range: str | None
    if_range: str | None
    encoding: str | None
    authorization: str | None
    status: int
    sent: int


class AssetServer(ThreadingHTTPServer):
    """Serves ``files`` (path to bytes); ``faults[path]`` are used up first, one for each request."""

    daemon_threads = True

    def __init__(self, port: int = 0, *, etag: bool = True) -> None:
        super().__init__(("127.0.0.1", port), _Handler)
        self.files: dict[str, bytes] = {}
        self.faults: dict[str, deque[Fault]] = {}
        self.always: Fault | None = None
        self.log: list[Request] = []
        self.etag = etag
        self.reached = threading.Event()  # set when a request reaches its ``cut``

    def url(self, path: str) -> str:
        return f"http://127.0.0.1:{self.server_port}{path}"

    def serve(self, path: str, body: bytes, *faults: Fault, hashed: bool = True, sized: bool = True) -> Asset:
        """Serve a file, after the faults, and return the asset that stands for it."""
        self.files[path] = body
        self.faults[path] = deque(faults)
        return Asset(
            name=path.lstrip("/"),
            urls=(self.url(path),),
            sha256=hashlib.sha256(body).hexdigest() if hashed else None,
            size=len(body) if sized else None,
        )


class _Handler(BaseHTTPRequestHandler):
    server: AssetServer

    def log_message(self, *_: Any) -> None:
        """Keep stderr clean: the tests look at it."""

    def do_GET(self) -> None:
        queue = self.server.faults.get(self.path)
        fault = queue.popleft() if queue else self.server.always or Fault()
        body = fault.body if fault.body is not None else self.server.files.get(self.path)
        if fault.location:
            self._answer(302, b"", fault, {"Location": fault.location})
        elif fault.status or body is None:
            self._answer(fault.status or 404, b"", fault, {})
        else:
            self._serve(body, fault)

    def _serve(self, body: bytes, fault: Fault) -> None:
        etag = f'"{hashlib.md5(body).hexdigest()}"'
        headers = {"ETag": etag} if self.server.etag else {}
        asked = self.headers.get("Range")
        current = self.headers.get("If-Range") in (None, etag)
        if not asked or not current or fault.ignore_range:
            return self._answer(200, body, fault, headers)
        start = int(asked.removeprefix("bytes=").rstrip("-")) + fault.shift
        if start >= len(body):
            return self._answer(416, b"", fault, {"Content-Range": f"bytes */{len(body)}"})
        headers["Content-Range"] = f"bytes {start}-{len(body) - 1}/{len(body)}"
        return self._answer(206, body[start:], fault, headers)

    def _answer(self, status: int, body: bytes, fault: Fault, headers: dict[str, str]) -> None:
        sent = len(body) if fault.cut is None else min(fault.cut, len(body))
        self._note(status, sent)
        self.send_response(status)
        length = len(body) if fault.claim == -1 else fault.claim
        if length is not None:
            headers = {"Content-Length": str(length), **headers}
        for name, value in {**headers, **fault.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body[:sent])
            self.wfile.flush()
            if sent < len(body):
                self.server.reached.set()
            if fault.hold is not None:
                fault.hold.wait(30)
                self.wfile.write(body[sent:])
        except OSError:
            pass  # the client went away: some tests kill it
        self.close_connection = True

    def _note(self, status: int, sent: int) -> None:
        asked = self.headers.get
        request = Request(
            path=self.path,
            range=asked("Range"),
            if_range=asked("If-Range"),
            encoding=asked("Accept-Encoding"),
            authorization=asked("Authorization"),
            status=status,
            sent=sent,
        )
        self.server.log.append(request)  # before the answer: the test may look as soon as that arrives


@contextmanager
def running(port: int = 0, *, etag: bool = True) -> Iterator[AssetServer]:
    """A server that runs until the block ends."""
    server = AssetServer(port, etag=etag)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[AssetServer]:
    """A running server; retries follow each other without a pause."""
    monkeypatch.setattr(download, "DELAYS", (0.0, 0.0, 0.0))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with running() as started:
        yield started


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the files that get hashed, in order."""
    names: list[str] = []
    real = files.sha256_of

    def counting(path: Path) -> str:
        names.append(path.name)
        return real(path)

    monkeypatch.setattr(files, "sha256_of", counting)
    return names


def error(kind: type[Exception], action: Callable[[], object], *words: str) -> str:
    """The text of the error, of exactly this class, that an action raises; the words must be in it."""
    with pytest.raises(kind) as caught:
        action()
    assert type(caught.value) is kind
    for word in words:
        assert word in str(caught.value)
    return str(caught.value)


def by_hand(asset: Asset, body: bytes) -> Path:
    """Put a file where the asset belongs, as a person would."""
    path = asset_path(asset)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    return path
