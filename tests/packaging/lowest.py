"""`make test-lowest`: the lower bounds that the pyproject files declare, resolved by pip and run.

torch and torchvision are those of ``constraints.txt`` unless ``--torch`` asks for the declared ones too: the old
releases bring several GB of CUDA libraries from the package index.
"""

from __future__ import annotations

import argparse
import re
import tomllib
from pathlib import Path

from clean import ROOT, clean, wheels

EXTRAS = ("datasets", "models", "dicom", "tables", "leakage")
PINNED = ("torch", "torchvision")
#: Plugins whose tests run; all are installed.
PLUGINS = ("datasets/xrv-nih", "datasets/xrv-openi", "datasets/xrv-phantom", "models/xrv-phantom-net", "tools/xrv-run")
TESTS = (
    "tests/test_api.py", "tests/test_discovery.py", "tests/test_cli.py", "tests/test_assets.py",
    "tests/test_images.py", "tests/test_dicom.py", "tests/test_transforms.py", "tests/test_tables_parquet.py",
    "tests/test_tablecache.py", "tests/test_models_classifier.py", "tests/test_checkpoints.py",
)  # fmt: skip
RUNNERS = (
    "pytest>=8",
    "pytest-timeout>=2.3",
    "hypothesis>=6.100",
    "imagecodecs>=2024.9.22",
    "scikit-image>=0.24",
    "scikit-learn>=1.5",
)


def bounds(pyproject: Path) -> dict[str, str]:
    """Distribution -> the lowest version that a pyproject file declares for it."""
    project = tomllib.loads(pyproject.read_text())["project"]
    extras = project.get("optional-dependencies", {})
    lines = [*project["dependencies"], *(line for extra in EXTRAS for line in extras.get(extra, []))]
    found = {}
    for line in lines:
        name, floor = re.fullmatch(r"([A-Za-z0-9._-]+)(?:\[[^]]*\])?>=([0-9.]+).*", line).groups()  # type: ignore[union-attr]
        found[name.lower()] = floor
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--torch", action="store_true", help="the declared torch and torchvision, too")
    with_torch = parser.parse_args().torch
    floors: dict[str, str] = {}
    projects = [ROOT, *sorted(path.parent for path in (ROOT / "plugins").glob("*/*/pyproject.toml"))]
    for pyproject in (project / "pyproject.toml" for project in projects):
        for name, floor in bounds(pyproject).items():
            highest = max(floor, floors.get(name, "0"), key=lambda v: [int(part) for part in v.split(".")])
            floors[name] = highest
    pins = {n: f for n, f in floors.items() if not n.startswith("xrv-") and (with_torch or n not in PINNED)}
    with clean() as place:
        limits = place.folder / "lowest.txt"
        tested = (ROOT / "constraints.txt").read_text().splitlines()
        kept = [] if with_torch else [line for line in tested if line.split("==")[0] in PINNED]
        limits.write_text("".join(f"{line}\n" for line in [*kept, *(f"{n}=={f}" for n, f in sorted(pins.items()))]))
        print(limits.read_text().replace("\n", "  "))
        built = wheels(place.folder, *projects)
        core = f"xrv-core[{','.join(EXTRAS)}] @ {built.pop('xrv-core').as_uri()}"
        place.install(core, *built.values(), *RUNNERS, constraints=limits)
        place.install("--no-deps", "torchxrayvision")
        tests = [*(ROOT / test for test in TESTS), *(ROOT / "plugins" / plugin / "tests" for plugin in PLUGINS)]
        options = ["-q", "-p", "no:cacheprovider", "--rootdir", ROOT, "-c", ROOT / "pyproject.toml"]
        print(place.run("-m", "pytest", *options, *tests).splitlines()[-1])


if __name__ == "__main__":
    main()
