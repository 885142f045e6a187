"""What can be found about a plugin by reading its code; nothing is imported, so that `xrv plugins` stays quick."""

from __future__ import annotations

import ast
import importlib.machinery
import importlib.util
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from xrv_core import api
from xrv_core.discovery import Plugin
from xrv_core.specs import KNOWN
from xrv_core.testing.common.probe import HEAVY

__all__ = ["plugin_problems"]


def plugin_problems(plugin: Plugin) -> Iterator[str]:
    """A sentence for each problem: heavy imports, and specs that lead to code or datasets that do not exist."""
    if not plugin.enabled or not any(plugin.offers.values()):
        return
    specs: list[Any] = [api.describe(kind, name) for kind, names in plugin.offers.items() for name in names]
    heavy = _heavy(plugin.module, set()) if plugin.location else set()
    if heavy:
        yield f"listing it imports {', '.join(sorted(heavy))}: import them where they are used, not in {plugin.module}"
    for spec in specs:
        for key in ("factory", "miniature"):
            target = getattr(spec, key, "")
            problem = _missing(*target.split(":")) if isinstance(target, str) and target else ""
            if problem:
                yield f"{spec.name!r}: {key}={target!r}: {problem}"
        for name in getattr(spec, "overlaps", ()):
            if name not in api.names("dataset") and name not in KNOWN["dataset"]:
                yield f"{spec.name!r}: 'overlaps' names {name!r}, which is no dataset"


def _missing(module: str, attribute: str) -> str:
    """Why this attribute cannot be had, as far as the code tells; "" where nothing is wrong."""
    found = _spec(module)
    if found is None:
        return f"there is no module {module!r}"
    try:
        tree = _tree(found)
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:  # UnicodeDecodeError, zero bytes
        return f"{found.origin} cannot be read as Python: {error}"
    names = {name for statement in _statements(tree) for name in _bound(statement)} if tree else {"*"}
    return "" if names & {attribute, "*", "__getattr__"} else f"{found.origin} does not define {attribute!r}"


def _heavy(module: str, seen: set[str]) -> set[str]:
    """The heavy libraries that are imported with this module and those of its own package that it imports."""
    parts, found = module.split("."), set()
    for name in [".".join(parts[:n]) for n in range(1, len(parts) + 1)]:
        place = None if name in seen else _spec(name)
        seen.add(name)
        try:
            tree = _tree(place) if place else None
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue  # its import has told
        package = name if place and place.submodule_search_locations is not None else name.rpartition(".")[0]
        for imported in (each for statement in _statements(tree) for each in _imported(statement, package)):
            top = imported.partition(".")[0]
            if top in HEAVY:
                found.add(top)
            elif top == parts[0]:
                found |= _heavy(imported, seen)
    return found


def _spec(module: str) -> importlib.machinery.ModuleSpec | None:
    """Where a module is; no package above it is imported."""
    top, *rest = module.split(".")
    found = importlib.util.find_spec(top) if top else None
    for n in range(len(rest)):
        places = found.submodule_search_locations if found else None
        name = ".".join([top, *rest[: n + 1]])
        found = None if places is None else importlib.machinery.PathFinder.find_spec(name, list(places))
    return found


def _tree(spec: importlib.machinery.ModuleSpec) -> ast.Module | None:
    """The syntax tree of a module, None where it is not made of Python."""
    return ast.parse(Path(spec.origin).read_bytes()) if spec.origin and spec.origin.endswith(".py") else None


def _statements(node: ast.AST | None) -> Iterator[ast.AST]:
    """What runs when a module is imported: no bodies of functions, nothing for type checkers."""
    for child in ast.iter_child_nodes(node) if node else ():
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            todo: Any = ast.Module(child.orelse, [])
            yield from _statements(todo)
            continue
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Lambda):
            yield from _statements(child)


def _bound(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
    elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
        yield node.id
    elif isinstance(node, ast.Import | ast.ImportFrom):
        yield from (alias.asname or alias.name.partition(".")[0] for alias in node.names)


def _imported(node: ast.AST, package: str) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        above = ".".join(package.split(".")[: len(package.split(".")) - node.level + 1]) if node.level else ""
        base = ".".join(part for part in (above, node.module) if part)
        yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
