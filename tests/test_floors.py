"""Who may import whom, read from the syntax tree: the table of ``docs/architecture.md``, as a test."""

from __future__ import annotations

import ast
import functools
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "xrv_core"

KERNEL = {
    "api", "catalogue", "discovery", "errors", "factories", "hooks", "protocols", "registry", "specs", "terms",
    "torchvision_guard",
}  # fmt: skip

#: The rooms of a wing, in order: each may import the fronts of those left of it.
DATASETS = (
    "sources", "tables", "pixels", "masks", "base", "leakage", "wrappers", "sampling", "harmonization", "description",
)  # fmt: skip
MODELS = ("weights", "base", "saved", "running")

#: Libraries that a room may import at module level, besides the standard library.
LIBRARIES = {
    "kernel": {"pluggy", "platformdirs"},
    "assets": set(),
    "cli": {"click"},
    "datasets": {"numpy", "pandas"},
    "models": {"numpy", "torch"},
    "testing": {"numpy", "pandas", "torch", "pytest"},
}
#: Modules whose very purpose is a torch class, in rooms that are not made of them.
TORCH = {"datasets.pixels.transforms", "datasets.sampling.samplers"}

#: Methods that are short for a room further right, which they import when they are called: ``d.filter(...)``.
SHORTCUTS = {"datasets.base.labelled"}


@functools.cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text())


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Modules that a module imports: at module level, or anywhere; what only type checkers see is left out.

    ``from xrv_core import api`` gives ``xrv_core.api``; ``from xrv_core.datasets.tables import x`` the room.
    """
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            yield from (name if is_module(name) else str(node.module) for name in names)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


@functools.cache
def is_module(name: str) -> bool:
    place = ROOT.joinpath(*name.split("."))
    return name.startswith("xrv_core.") and (place.with_suffix(".py").is_file() or (place / "__init__.py").is_file())


def ours(names: Iterator[str]) -> set[str]:
    """Modules of the core among them, without the package's name."""
    return {name.removeprefix("xrv_core.") for name in names if name.startswith("xrv_core.")}


def libraries_of(names: Iterator[str]) -> set[str]:
    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"__future__", "xrv_core"}


MODULES = {
    ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(CORE.rglob("*.py"))
    if path != CORE / "__init__.py"
}


def wing_of(module: str) -> str:
    top = module.split(".", maxsplit=1)[0]
    return "kernel" if top in KERNEL else top


def room_of(module: str) -> str:
    """The room of a module: ``datasets.tables.reading`` is in ``datasets.tables``; a small wing is one room."""
    return ".".join(module.split(".")[:2]) if wing_of(module) in ("datasets", "models") else wing_of(module)


def fronts(wing: str, rooms: tuple[str, ...], before: str | None = None) -> set[str]:
    chosen = rooms if before is None else rooms[: rooms.index(before)]
    return {wing, *(f"{wing}.{room}" for room in chosen)}


def allowed(module: str, target: str) -> bool:
    """Whether ``module`` may import ``target``."""
    wing, room = wing_of(module), room_of(module)
    if room_of(target) == room or (wing_of(target) == "kernel" and target != "api"):
        return True
    if target == "api":  # opens things: for those who are above what it opens
        return wing in ("kernel", "cli", "testing") or module == "models.saved.opening"
    name = module.split(".")[1] if module.count(".") else None
    if wing == "datasets":
        return target == "assets" or name is None or target in fronts(wing, DATASETS, name)
    if wing == "models":
        return target in {"assets", *fronts("datasets", DATASETS), *fronts(wing, MODELS, name if name else None)}
    if wing == "cli":
        return target in {"assets", "datasets", "models"}
    return wing == "testing" and target in {"assets", *fronts("datasets", DATASETS), *fronts("models", MODELS)}


def at_module_level_or_everywhere(module: str) -> bool:
    """Kernel and cli reach the others inside functions: a name is looked up before anything heavy is loaded."""
    return wing_of(module) not in ("kernel", "cli") and module not in SHORTCUTS


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_its_own_room_and_the_fronts_of_those_before_it(module: str) -> None:
    tree = parsed(MODULES[module])
    found = ours(imports(tree, everywhere=at_module_level_or_everywhere(module)))
    assert {target for target in found if not allowed(module, target)} == set()
    inside = ours(imports(tree, everywhere=True))
    rooms = {*fronts("datasets", DATASETS), *fronts("models", MODELS)}
    deep = {t for t in inside if t.count(".") == 2 and room_of(t) != room_of(module) and t not in rooms}
    assert deep == set(), "fronts only, inside functions too"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_loads_only_the_libraries_of_its_room(module: str) -> None:
    tree = parsed(MODULES[module])
    extra = {"torch", "torchvision"} if module in TORCH or wing_of(module) == "models" else set()
    assert libraries_of(imports(tree, everywhere=False)) <= LIBRARIES[wing_of(module)] | extra


def test_every_room_is_in_the_table_of_the_docs() -> None:
    page = (ROOT / "docs/architecture.md").read_text()
    rows = re.findall(r"^\| `([a-z/]+)` \| [^|]+ \|([^|]*)\|$", page, re.MULTILINE)
    rooms = [
        "kernel",
        "assets",
        "cli",
        *(f"datasets/{r}" for r in DATASETS),
        *(f"models/{r}" for r in MODELS),
        "testing",
    ]
    assert [room for room, _ in rows] == rooms, "in the order in which they may import each other"
    for room, cell in rows:
        assert {name.strip() for name in cell.split(",")} - {""} == LIBRARIES[room.split("/")[0]], room
    for front in FRONTS:
        assert f".{front}`" in page, front
    assert {wing_of(module) for module in MODULES} == {*LIBRARIES}
    for wing, rooms in (("datasets", DATASETS), ("models", MODELS)):
        assert {path.parent.name for path in (CORE / wing).glob("*/__init__.py")} == {*rooms}


def test_the_top_of_the_core_is_small() -> None:
    entries = [p for p in CORE.iterdir() if p.name != "__pycache__"]
    assert len(entries) <= 18, sorted(p.name for p in entries)


def test_the_front_door_has_no_logic_and_imports_nothing_of_ours() -> None:
    tree = ast.parse((CORE / "__init__.py").read_text())
    assert ours(imports(tree, everywhere=True)) == set()
    assert libraries_of(imports(tree, everywhere=True)) == set()


PLUGIN_MODULES = sorted((ROOT / "plugins").glob("*/*/src/*/*.py"))

#: What a plugin may import of the core: the front door and the fronts.
FRONTS = {"api", "assets", "cli", "datasets", "errors", "models", "protocols", "specs", "testing", "torchvision_guard"}


@pytest.mark.parametrize("path", PLUGIN_MODULES, ids=lambda p: f"{p.parent.name}.{p.stem}")
def test_a_plugin_imports_fronts_only(path: Path) -> None:
    tree = parsed(path)
    everywhere = set(imports(tree, everywhere=True))
    others = {p.name for p in (ROOT / "plugins").glob("*/*/src/*")} - {path.parent.name}
    assert not {name.split(".")[0] for name in everywhere} & others, "a plugin imports no other plugin"
    assert ours(iter(everywhere)) <= FRONTS
    if path.stem in ("plugin", "__init__"):
        assert libraries_of(imports(tree, everywhere=False)) - {path.parent.name} == set(), (
            "listing loads nothing heavy"
        )


@pytest.mark.parametrize("path", [*CORE.rglob("*.py"), *PLUGIN_MODULES], ids=str)
def test_nothing_global_is_touched(path: Path) -> None:
    """No global random state, warnings filter or sys.path, anywhere in the code that ships."""
    calls = {ast.unparse(node.func) for node in ast.walk(parsed(path)) if isinstance(node, ast.Call)}
    forbidden = {
        "np.random.seed", "numpy.random.seed", "random.seed", "torch.manual_seed", "warnings.filterwarnings",
        "warnings.simplefilter", "sys.path.insert", "sys.path.append", "torch.seed",
    }  # fmt: skip
    assert not calls & forbidden
