"""The public interface: every change of it shows in ``tests/public_api.txt``, and so in review."""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path

import pytest

SNAPSHOT = Path(__file__).with_name("public_api.txt")
FRONTS = ("xrv_core", *(f"xrv_core.{room}" for room in (
    "assets", "cli", "datasets", "errors", "hooks", "models", "protocols", "specs", "testing",
)))  # fmt: skip


def lines() -> list[str]:
    """One line for each public name: a function with its parameters, a class with its bases and methods."""
    found = []
    for front in FRONTS:
        module = importlib.import_module(front)
        names = getattr(module, "__all__", None) or [n for n in vars(module) if n.startswith("xrv_")]
        for name in sorted(names):
            thing = getattr(module, name)
            if inspect.ismodule(thing):
                found.append(f"{front}.{name}: module")
            elif inspect.isclass(thing):
                bases = ", ".join(base.__name__ for base in thing.__bases__)
                found.append(f"{front}.{name}({bases})")
                found += [f"{front}.{name}.{line}" for line in members(thing)]
            elif callable(thing):
                found.append(f"{front}.{name}{signature(thing)}")
            else:
                found.append(f"{front}.{name}: {type(thing).__name__}")
    return found


def members(kind: type) -> list[str]:
    own = {n: v for n, v in vars(kind).items() if not n.startswith("_") or n == "__init__"}
    functions = {n: v for n, v in own.items() if inspect.isfunction(v)}
    return [f"{name}{signature(function)}" for name, function in sorted(functions.items())]


def signature(function: object) -> str:
    """Names and defaults; annotations are left out, and so are addresses in the text of a default."""
    try:
        found = inspect.signature(function)  # type: ignore[arg-type]
    except (ValueError, TypeError):
        return "(...)"
    plain = [p.replace(annotation=inspect.Parameter.empty) for p in found.parameters.values()]
    text = str(inspect.Signature(plain))
    return re.sub(r" at 0x[0-9a-f]+", "", text)


def test_the_public_interface_is_the_one_that_was_reviewed() -> None:
    then = SNAPSHOT.read_text().splitlines()
    now = lines()
    gone, new = sorted({*then} - {*now}), sorted({*now} - {*then})
    assert (gone, new) == ([], []), (
        "the public interface changed: if that is meant, run `python tests/test_public_api.py` and say so in the "
        "CHANGELOG."
    )


@pytest.mark.parametrize("front", FRONTS)
def test_every_name_of_a_front_is_there(front: str) -> None:
    module = importlib.import_module(front)
    assert [name for name in getattr(module, "__all__", []) if not hasattr(module, name)] == []
    assert set(getattr(module, "__all__", [])) <= set(dir(module))


if __name__ == "__main__":
    SNAPSHOT.write_text("\n".join(lines()) + "\n")
