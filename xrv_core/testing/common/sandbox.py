"""Run checks without network, and put all global state back."""

from __future__ import annotations

import os
import random
import socket
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch

__all__ = ["global_state", "sandbox"]

_CALLS = ("connect", "connect_ex", "sendto")


@contextmanager
def sandbox(cache: Path, attempts: list[str]) -> Iterator[None]:
    """Block the network, use an empty cache, and put random state, warning filters and ``sys.path`` back.

    Args:
        cache: Folder that serves as XRV_CACHE_DIR, so that files which were fetched before do not help.
        attempts: Gets the address of each network request.
    """
    path, environment, threads = list(sys.path), dict(os.environ), torch.get_num_threads()
    python, torch_state = random.getstate(), torch.get_rng_state()
    numpy = np.random.get_state()  # noqa: NPY002  # the state that users' code draws from
    os.environ["XRV_CACHE_DIR"] = str(cache)
    torch.set_num_threads(1)  # miniatures and images are small: more threads only wait for each other
    # each run draws the same numbers; this project never calls torch.manual_seed
    torch.set_rng_state(torch.Generator().manual_seed(0).get_state())
    with warnings.catch_warnings(), _no_network(attempts):
        try:
            yield
        finally:
            sys.path[:] = path
            os.environ.clear()
            os.environ.update(environment)
            random.setstate(python)
            np.random.set_state(numpy)  # noqa: NPY002
            torch.set_rng_state(torch_state)
            torch.set_num_threads(threads)


def global_state() -> dict[str, Any]:
    """What a dataset or model must not change, by the name of the check that looks at it, in comparable form."""
    return {
        "random_state": (repr(random.getstate()), repr(_numpy_state()), torch.get_rng_state().numpy().tobytes()),
        "warning_filters": list(warnings.filters),
        "sys_path": list(sys.path),
    }


def _numpy_state() -> tuple[Any, ...]:
    kind, keys, *rest = np.random.get_state()  # noqa: NPY002
    return (kind, np.asarray(keys).tobytes(), *rest)


@contextmanager
def _no_network(attempts: list[str]) -> Iterator[None]:
    """Every network request raises; sockets between processes of this machine work."""
    own = {name: socket.socket.__dict__.get(name) for name in _CALLS}  # most are inherited from C
    real = {name: getattr(socket.socket, name) for name in _CALLS}
    lookup = socket.getaddrinfo
    for name in _CALLS:
        setattr(socket.socket, name, _blocked(real[name], attempts))
    socket.getaddrinfo = lambda host, *more, **options: _refuse(str(host), attempts)
    try:
        yield
    finally:
        socket.getaddrinfo = lookup
        for name, function in own.items():
            if function is None:
                delattr(socket.socket, name)
            else:
                setattr(socket.socket, name, function)


def _blocked(real: Callable[..., Any], attempts: list[str]) -> Callable[..., Any]:
    def call(this: socket.socket, *arguments: Any) -> Any:
        if this.family == getattr(socket, "AF_UNIX", None):
            return real(this, *arguments)
        return _refuse(str(arguments[-1]), attempts)

    return call


def _refuse(where: str, attempts: list[str]) -> Any:
    attempts.append(where)
    raise ConnectionRefusedError(f"the conformance kit blocks the network, so {where} is out of reach")
