"""Use a dataset or model in fresh processes, which import nothing that this process has imported."""

from __future__ import annotations

import io
import json
import multiprocessing
import os
import pickle
import random
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import redirect_stdout, suppress
from pathlib import Path
from types import ModuleType
from typing import Any

from xrv_core.testing.common.results import described

__all__ = ["HEAVY", "fresh_processes", "observe", "run_fresh"]

#: What listing must not import.
HEAVY = ("torch", "torchvision", "timm", "pandas", "numpy", "PIL", "pooch", "scipy", "sklearn", "skimage", "matplotlib",
         "pydicom", "cv2", "requests")  # fmt: skip

_LIST = """
import json, sys
path, heavy, kind, name = json.loads(sys.argv[1])
sys.path[:] = path
from xrv_core.api import describe
describe(kind, name)
print(json.dumps([module for module in heavy if module in sys.modules]))
"""
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SEEDED = 2**32  # torch starts with a seed of 64 bits, people seed it with small numbers


def observe(spec: Any, kind: str, folder: Path, plugin: str | None) -> dict[str, list[str]]:
    """List a dataset or model, import its code and write its miniature, if it has one, in fresh processes.

    Args:
        spec: A spec that can be pickled.
        kind: Its kind, such as ``"dataset"``.
        folder: An empty folder to work in.
        plugin: Entry point that offers it (several are separated by commas), None if no plugin does.

    Returns:
        Problems: ``"listing"`` has the modules that listing imports, ``"import"`` sentences about importing its code,
        ``"miniature"`` the paths outside its folder that the miniature wrote.
    """
    folder.mkdir(parents=True)
    report = folder / "report.json"
    if not run_fresh(_explore, pickle.dumps(spec), str(folder), dict(os.environ)) or not report.exists():
        raise RuntimeError("a fresh process ends before it can import the code")
    problems: dict[str, list[str]] = json.loads(report.read_text())
    if "error" in problems:
        raise RuntimeError(f"a fresh process cannot use it: {problems['error'][0]}")
    return {**problems, "listing": _listing(kind, spec.name, plugin) if plugin else []}


def _listing(kind: str, name: str, plugin: str) -> list[str]:
    """Heavy modules that a bare interpreter imports when it lists a plugin."""
    done = subprocess.run(
        [sys.executable, "-B", "-c", _LIST, json.dumps([sys.path, HEAVY, kind, name])],
        env={**os.environ, "XRV_PLUGINS": plugin},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"a fresh process cannot list it: {done.stderr.strip()[-600:]}")
    heavy: list[str] = json.loads(done.stdout.splitlines()[-1])
    return heavy


def fresh_processes() -> Any:
    """A context of ``multiprocessing`` whose processes have nothing of this one.

    On Linux a server imports torch and pandas, and nothing of ours, once in a session; each process is a copy of it.
    To a dataset they are like spawned ones, which import torch anew each time: it arrives as a pickle, and its own
    modules are imported again.
    """
    if sys.platform != "linux":
        return multiprocessing.get_context("spawn")
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["torch.utils.data", "pandas", "PIL.Image"])
    return context


def run_fresh(function: Callable[..., None], *arguments: Any, main: bool = False) -> bool:
    """Call a function of a module in a fresh process.

    Args:
        function: The function.
        arguments: Its arguments.
        main: Whether the process also imports the main module, as workers do. If that is a script that does not ask
            for ``__name__ == "__main__"``, it runs again.

    Returns:
        Whether the process ended without an error.
    """
    process = fresh_processes().Process(target=function, args=arguments)
    script = sys.modules["__main__"]
    if not main:
        sys.modules["__main__"] = ModuleType("__main__")
    try:
        process.start()
    finally:
        sys.modules["__main__"] = script
    process.join()
    return bool(process.exitcode == 0)


def _explore(pickled: bytes, folder: str, environment: dict[str, str]) -> None:
    """Import the code, write the miniature, and write ``report.json``."""
    os.environ.clear()  # that of the server may be another
    os.environ.update(environment)
    sys.dont_write_bytecode = True  # it would look like a file of the miniature
    elsewhere = Path(folder, "elsewhere")
    elsewhere.mkdir()
    os.chdir(elsewhere)
    problems: dict[str, list[str]] = {"miniature": []}
    try:
        spec, problems["import"] = _import(pickled)
        with suppress(Exception):  # the check `opens` reports a miniature that cannot be written
            problems["miniature"] = _write(spec, Path(folder, "miniature"))
    except Exception as error:
        problems["error"] = [described(error)]
    Path(folder, "report.json").write_text(json.dumps(problems))


def _import(pickled: bytes) -> tuple[Any, list[str]]:
    """Import its code; return the spec and the problems."""
    import numpy as np

    from xrv_core.api import load_factory

    path, python, numpy, out = list(sys.path), random.getstate(), repr(np.random.get_state()), io.StringIO()  # noqa: NPY002
    callers = _callers_of_filters()
    with redirect_stdout(out):
        spec = pickle.loads(pickled)  # noqa: S301  # if its factory is a class, this imports the module
        load_factory(spec)
    target = spec.factory if isinstance(spec.factory, str) else spec.factory.__module__
    package = target.partition(":")[0].partition(".")[0]
    found = [f"importing its code calls warnings.{name}()" for name, caller in callers if caller == package]
    if sys.path != path:
        found.append("importing its code changes sys.path")
    torch = sys.modules.get("torch")
    seeded = torch is not None and torch.initial_seed() < _SEEDED
    if random.getstate() != python or repr(np.random.get_state()) != numpy or seeded:  # noqa: NPY002
        found.append("importing its code changes the global random state")
    if out.getvalue():
        found.append(f"importing its code prints {out.getvalue()[:80]!r}")
    return spec, found


def _callers_of_filters() -> list[tuple[str, str]]:
    """A list that fills with the functions that set warning filters, and the packages that call them."""
    calls: list[tuple[str, str]] = []

    def watched(name: str) -> Any:
        real = getattr(warnings, name)

        def call(*arguments: Any, **options: Any) -> None:
            calls.append((name, sys._getframe(1).f_globals.get("__name__", "").partition(".")[0]))
            real(*arguments, **options)

        return call

    for name in ("filterwarnings", "simplefilter"):
        setattr(warnings, name, watched(name))
    return calls


def _write(spec: Any, folder: Path) -> list[str]:
    """Write the miniature; return the paths outside ``folder`` that it wrote."""
    from xrv_core.api import load_factory

    if not getattr(spec, "miniature", ""):
        return []
    folder.mkdir()
    inside, written = os.path.realpath(folder), set()

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        opened = event == "open" and isinstance(arguments[0], str | bytes) and (arguments[2] or 0) & _WRITES
        made = event == "os.mkdir" and not os.path.exists(arguments[0])  # noqa: PTH110  # any kind of path
        if opened or made:
            written.add(os.path.realpath(os.fsdecode(arguments[0])))
        elif event == "os.rename":
            written.add(os.path.realpath(os.fsdecode(arguments[1])))

    sys.addaudithook(hook)  # for as long as this process lives
    load_factory(spec, spec.miniature)(spec, folder)
    kept = sorted(written)
    return [p for p in kept if p != os.devnull and not f"{p}/".startswith(f"{inside}/") and Path(p).exists()]
