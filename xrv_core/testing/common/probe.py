"""What a bare process sees: run as a program by ``observe``, it loads nothing heavy of its own."""

from __future__ import annotations

import io
import json
import os
import pickle
import random
import subprocess
import sys
import warnings
from contextlib import redirect_stdout, suppress
from pathlib import Path
from typing import Any

__all__ = ["HEAVY", "observe"]

#: What listing must not load.
HEAVY = ("torch", "torchvision", "timm", "pandas", "numpy", "PIL", "pooch", "scipy", "sklearn", "skimage", "matplotlib",
         "pydicom", "cv2", "requests")  # fmt: skip

_START = (
    "import json, sys; sys.path[:] = json.loads(sys.argv[1]); from xrv_core.testing.common.probe import main; main()"
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
_SEEDED = 2**32  # torch starts with a seed of 64 bits, people seed it with small numbers


def observe(spec: Any, kind: str, folder: Path, plugin: str | None) -> dict[str, list[str]]:
    """List a thing, import its code and write its miniature, if it has one, in a fresh process.

    Args:
        spec: A spec that can be pickled.
        kind: What it is, such as ``"dataset"``.
        folder: An empty folder to work in.
        plugin: Entry point that offers it (several, separated by commas), None where no plugin does.

    Returns:
        Findings, none where all is well: ``"listing"`` modules that listing loads, ``"import"`` sentences on what
        importing its code touches, ``"miniature"`` paths outside its folder that the miniature wrote.
    """
    target = spec.factory if isinstance(spec.factory, str) else spec.factory.__module__
    package = target.partition(":")[0].partition(".")[0]
    order = {
        "spec": pickle.dumps(spec),
        "package": package,
        "kind": kind,
        "name": spec.name,
        "plugin": plugin,
        "folder": str(folder),
    }
    (folder / "elsewhere").mkdir(parents=True)
    done = subprocess.run(
        [sys.executable, "-B", "-c", _START, json.dumps(sys.path)],
        input=pickle.dumps(order),
        cwd=folder / "elsewhere",
        env={**os.environ, "XRV_PLUGINS": plugin or "none"},
        capture_output=True,
        check=False,
    )
    report = folder / "report.json"
    if done.returncode or not report.exists():
        raise RuntimeError(f"a fresh process could not use it: {done.stderr.decode(errors='replace').strip()[-600:]}")
    findings: dict[str, list[str]] = json.loads(report.read_text())
    return findings


def main() -> None:
    """The program: reads an order from stdin, writes ``report.json``."""
    from xrv_core.api import describe

    order = pickle.load(sys.stdin.buffer)  # noqa: S301  # from our own parent process
    if order["plugin"] is not None:
        describe(order["kind"], order["name"])
    findings = {"listing": [name for name in HEAVY if name in sys.modules]}
    folder = Path(order["folder"])
    spec, findings["import"] = _import(order["spec"], order["package"])
    findings["miniature"] = []
    with suppress(Exception):  # a miniature that cannot be written is told by opening it
        findings["miniature"] = _write(spec, folder / "miniature")
    (folder / "report.json").write_text(json.dumps(findings))


def _import(pickled: bytes, package: str) -> tuple[Any, list[str]]:
    """Import its code; the spec, and what importing touched."""
    import numpy as np

    from xrv_core.api import load_factory

    path, python, numpy, out = list(sys.path), random.getstate(), repr(np.random.get_state()), io.StringIO()  # noqa: NPY002
    filters = _filters_of(package)
    with redirect_stdout(out):
        spec = pickle.loads(pickled)  # noqa: S301  # a factory that is a class brings its module along
        load_factory(spec)
    found = [f"importing its code calls {name}" for name in filters]
    if sys.path != path:
        found.append("importing its code changes sys.path")
    torch = sys.modules.get("torch")
    seeded = torch is not None and torch.initial_seed() < _SEEDED
    if random.getstate() != python or repr(np.random.get_state()) != numpy or seeded:  # noqa: NPY002
        found.append("importing its code changes the global random state")
    if out.getvalue():
        found.append(f"importing its code prints {out.getvalue()[:80]!r}")
    return spec, found


def _filters_of(package: str) -> list[str]:
    """A list that fills with the warning filters that ``package`` sets; what libraries do is their affair."""
    calls: list[str] = []

    def watched(name: str) -> Any:
        real = getattr(warnings, name)

        def call(*arguments: Any, **options: Any) -> None:
            if sys._getframe(1).f_globals.get("__name__", "").partition(".")[0] == package:
                calls.append(f"warnings.{name}()")
            real(*arguments, **options)

        return call

    for name in ("filterwarnings", "simplefilter"):
        setattr(warnings, name, watched(name))
    return calls


def _write(spec: Any, folder: Path) -> list[str]:
    """Write the miniature, and tell which paths outside ``folder`` are there afterwards."""
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
