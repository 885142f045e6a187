"""What tests of registries share: a saved model, registries around it, and a server that wants to know who asks."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import own_networks
import pytest
import torch

import xrv_core as xrv
from xrv_core.discovery import Plugin
from xrv_core.models import BackboneClassifier, save_classifier

HEAD = 'prefix = "lab"\ntitle = "Our lab"\ncontact = "lab@example.org"\nlicence = "CC0-1.0"\n'


def saved(folder: Path, name: str = "mine") -> Path:
    """A small saved classifier."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = BackboneClassifier(own_networks.Tiny(), ["Mass", "Nodule"], op_threshs=[0.25, 0.75])
    save_classifier(model, folder / f"{name}.safetensors", factory="own_networks:tiny")
    return folder / f"{name}.safetensors"


def entry(path: str, file: Path | None = None, /, **changes: Any) -> str:
    """An entry as a person would write it; None leaves a line out."""
    lines = {
        "name": '"mine"',
        "factory": '"own_networks:tiny"',
        "pathologies": '["Mass", "Nodule"]',
        "op_threshs": "[0.25, 0.75]",
        "weights": f'"{path}"',
        "sha256": f'"{hashlib.sha256(file.read_bytes()).hexdigest() if file else "0" * 64}"',
    } | changes
    return "\n[[classifier]]\n" + "".join(f"{k} = {v}\n" for k, v in lines.items() if v is not None)


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., list[Plugin]]]:
    """``lab(place, ...)`` lists these registries and gives their rows; nothing of this machine's user is seen."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XRV_CACHE_DIR", str(tmp_path / "cache"))
    monkeypatch.setenv("NETRC", str(tmp_path / "no-netrc"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    for variable in ("XRV_REGISTRIES", "XRV_REGISTRY_TOKEN", "XRV_OFFLINE"):
        monkeypatch.delenv(variable, raising=False)

    def use(*places: object) -> list[Plugin]:
        monkeypatch.setenv("XRV_REGISTRIES", " ".join(f'"{place}"' for place in places))
        return [p for p in xrv.reload_plugins() if p.distribution.startswith("registry ")]

    yield use
    monkeypatch.undo()
    xrv.reload_plugins()


class LabServer(ThreadingHTTPServer):
    """Serves ``files``; ``secret`` is the Authorization header it wants, ``moved`` where it sends people on to."""

    daemon_threads = True

    def __init__(self, host: str = "127.0.0.1") -> None:
        super().__init__((host, 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.moved: dict[str, str] = {}
        self.secret: str | None = None
        self.status = 200
        self.hold: threading.Event | None = None
        self.log: list[tuple[str, str | None]] = []
        self.thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        self.thread.start()

    def url(self, path: str, host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.server_port}{path}"

    def stop(self) -> None:
        self.shutdown()
        self.server_close()
        self.thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: LabServer

    def log_message(self, *_: object) -> None: ...

    def do_GET(self) -> None:
        server, who = self.server, self.headers.get("Authorization")
        server.log.append((self.path, who))
        if server.hold is not None:
            server.hold.wait(20)
        if server.secret not in (None, who):
            self._answer(401, b"")
        elif self.path in server.moved:
            self._answer(302, b"", server.moved[self.path])
        elif server.status != 200 or self.path not in server.files:
            self._answer(404 if server.status == 200 else server.status, b"")
        else:
            self._answer(200, server.files[self.path])

    def _answer(self, status: int, body: bytes, location: str = "") -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if location:
            self.send_header("Location", location)
        self.end_headers()
        self.wfile.write(body)


@pytest.fixture
def server() -> Iterator[LabServer]:
    started = LabServer()
    yield started
    started.stop()


@pytest.fixture
def another() -> Iterator[LabServer]:
    started = LabServer()
    yield started
    started.stop()
