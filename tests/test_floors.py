"""Who may import whom, read from the syntax tree: the table 'The house' of the design, as a test."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
CORE = ROOT / "xrv_core"

CELLAR = {"errors", "specs", "protocols", "known"}
GROUND = {
    "hooks",
    "registry",
    "assets",
    "torchvision_guard",
    "factories",
    "facts",
    "saved",
    "registries",
    "result_folder",
}
LIVING = {
    "discovery", "labs", "session", "api", "terminal", "terms", "card", "verify", "predict", "segment", "convert",
    "cli", "dataset_options",
}  # fmt: skip
WORKSHOP = {"datasets", "models"}
ATTIC = {"testing"}

#: Floor of each room, and what its modules may import at module level besides the standard library.
FLOORS = {
    "cellar": (CELLAR, CELLAR, set()),
    "ground": (GROUND, CELLAR | GROUND, {"pluggy", "platformdirs"}),
    "living": (LIVING, CELLAR | GROUND | LIVING, {"pluggy", "click"}),
    "workshop": (WORKSHOP, CELLAR | GROUND | WORKSHOP, {"numpy", "pandas"}),
    "attic": (ATTIC, CELLAR | GROUND | LIVING | WORKSHOP | ATTIC, {"numpy", "pandas", "torch", "pytest"}),
}
#: Modules whose very purpose is a torch class.
TORCH_ROOMS = {"models", "datasets.transforms", "datasets.samplers"}

HEAVY = {
    "torch",
    "torchvision",
    "timm",
    "pandas",
    "numpy",
    "PIL",
    "pooch",
    "pydicom",
    "safetensors",
    "requests",
    "tqdm",
}


def imports(tree: ast.AST, *, everywhere: bool) -> Iterator[str]:
    """Dotted names that a module imports: at module level, or anywhere; what only type checkers see is left out."""
    todo = list(ast.iter_child_nodes(tree))
    while todo:
        node = todo.pop()
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "no relative imports"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif everywhere or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            todo += ast.iter_child_nodes(node)


def rooms_of(names: Iterator[str]) -> set[str]:
    """The rooms of the core among imported names: ``xrv_core.datasets.pixels.images`` -> ``datasets``."""
    return {name.split(".")[1] for name in names if name.startswith("xrv_core.")}


def libraries_of(names: Iterator[str]) -> set[str]:
    import sys

    return {name.split(".")[0] for name in names} - set(sys.stdlib_module_names) - {"__future__", "xrv_core"}


MODULES = {
    ".".join(path.relative_to(CORE).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(CORE.rglob("*.py"))
    if path != CORE / "__init__.py"
}


def floor_of(module: str) -> str:
    room = module.split(".", maxsplit=1)[0]
    return next(floor for floor, (rooms, _, _) in FLOORS.items() if room in rooms)


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_its_own_floor_and_those_below(module: str) -> None:
    tree = ast.parse(MODULES[module].read_text())
    _, allowed, libraries = FLOORS[floor_of(module)]
    everywhere = floor_of(module) != "living"  # the living room may reach the workshop inside functions
    own = {"__version__"}
    assert rooms_of(imports(tree, everywhere=everywhere)) <= allowed | own
    extra = {"torch", "torchvision"} if any(module.startswith(room) for room in TORCH_ROOMS) else set()
    assert libraries_of(imports(tree, everywhere=False)) <= libraries | extra


def test_the_front_door_has_no_logic_and_imports_nothing_of_ours() -> None:
    tree = ast.parse((CORE / "__init__.py").read_text())
    assert rooms_of(imports(tree, everywhere=True)) == set()
    assert libraries_of(imports(tree, everywhere=True)) == set()


PLUGIN_MODULES = sorted((ROOT / "plugins").glob("*/*/src/*/*.py"))


@pytest.mark.parametrize("path", PLUGIN_MODULES, ids=lambda p: f"{p.parent.name}.{p.stem}")
def test_a_plugin_stays_in_its_own_rooms(path: Path) -> None:
    tree = ast.parse(path.read_text())
    everywhere = set(imports(tree, everywhere=True))
    others = {p.name for p in (ROOT / "plugins").glob("*/*/src/*")} - {path.parent.name}
    assert not {name.split(".")[0] for name in everywhere} & others, "a plugin imports no other plugin"
    rooms = rooms_of(iter(everywhere))
    front_door = {name.split(".")[1] for name in everywhere if name.count(".") == 1 and name.startswith("xrv_core.")}
    assert rooms - front_door <= WORKSHOP | {
        "errors",
        "specs",
        "protocols",
        "torchvision_guard",
        "assets",
        "dataset_options",
        "result_folder",
    }
    if path.stem in ("plugin", "__init__"):
        assert libraries_of(imports(tree, everywhere=False)) - {path.parent.name} == set(), (
            "listing loads nothing heavy"
        )


def test_every_module_has_a_floor() -> None:
    assert {floor_of(module) for module in MODULES} >= {"cellar", "ground", "living", "workshop"}


@pytest.mark.parametrize("path", [*CORE.rglob("*.py"), *PLUGIN_MODULES], ids=str)
def test_nothing_global_is_touched(path: Path) -> None:
    """No global random state, warnings filter or sys.path, anywhere in the code that ships."""
    calls = {ast.unparse(node.func) for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)}
    forbidden = {
        "np.random.seed", "numpy.random.seed", "random.seed", "torch.manual_seed", "warnings.filterwarnings",
        "warnings.simplefilter", "sys.path.insert", "sys.path.append", "torch.seed",
    }  # fmt: skip
    assert not calls & forbidden
