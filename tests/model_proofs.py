"""The proof without published weights: the peer's own network with random weights, saved, served, fetched, compared."""

from __future__ import annotations

import functools
import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

import torch

import xrv_core
import xrv_core.datasets
from xrv_core.specs import ModelSpec

M = TypeVar("M", bound=ModelSpec)


def xrays(*shape: int) -> torch.Tensor:
    """Smooth random images in [-1024, 1024], always the same ones."""
    coarse = torch.rand(*shape[:-2], 16, 16, generator=torch.Generator().manual_seed(0)) * 2048 - 1024
    return torch.nn.functional.interpolate(coarse, size=shape[-2:], mode="bilinear")


def real_images(realdata: Path) -> Iterator[torch.Tensor]:
    """The images of torchxrayvision's own tests: the middle square of each, ``[1, 1, S, S]``."""
    for name in ("00000001_000.png", "00027426_000.png", "16747_3_1.jpg"):
        image = xrv_core.datasets.load_image(realdata / "reference_images" / name)
        yield torch.from_numpy(xrv_core.datasets.XRayCenterCrop()(image))[None]


def settle(model: torch.nn.Module, x: torch.Tensor) -> torch.nn.Module:
    """Give a random network batch statistics of plausible size, those of ``x``, and leave it in evaluation mode.

    Without them the activations of a deep random network vanish or explode, and a comparison shows nothing.
    Call it under ``torch.random.fork_rng()``. ``x`` is what ``model.forward`` takes.
    """
    norms = [m for m in model.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        torch.nn.init.uniform_(norm.weight, 0.5, 1.5)
        torch.nn.init.normal_(norm.bias, std=0.1)
        norm.momentum = 1.0  # the statistics of the one batch below
    with torch.no_grad():
        model.train()(x)
    for norm in norms:
        norm.momentum = 0.1
        norm.running_var *= torch.empty_like(norm.running_var).uniform_(0.8, 1.25)
    return model.eval()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve ``folder`` on this machine; the address is given."""
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def published(spec: M, file: Path, address: str, *, hashed: bool = True, name: str = "proof") -> M:
    """``spec`` under another name, with ``file`` as its published weights; register it, then ``get_*(name)``."""
    sha256 = hashlib.sha256(file.read_bytes()).hexdigest() if hashed else None
    asset = xrv_core.Asset(name=f"{name}/{file.name}", urls=(f"{address}/{file.name}",), sha256=sha256)
    return replace(spec, name=name, aliases=(), weights=asset)
