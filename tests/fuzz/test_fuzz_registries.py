"""Registries damaged at random: every listing is made, every error names the registry, no file is outside the cache."""

from __future__ import annotations

import copy
import json
import random
import time
import tomllib
from pathlib import Path
from typing import Any

import pytest
import tomlkit
from lab_registry import HEAD, entry, saved
from mutations import CELLS, cases, damaged, untyped

from xrv_core.api import fetch
from xrv_core.assets import asset_path, cache_dir
from xrv_core.errors import XrvError
from xrv_core.specs import Listing
from xrv_labs.listing import listings, resolve
from xrv_labs.opening import open_published

#: What stands where something else is expected.
ODD: list[Any] = [
    *CELLS,
    0,
    -1,
    10**30,
    True,
    1.5,
    float("nan"),
    [],
    [[]],
    {},
    {"a": {"b": [1]}},
    [1, "a"],
    "x" * 3_000,
]
ODD += ["../../x", "/etc/passwd", "https://[x", "file:///etc/passwd", "a%00b", "\u202e", "\x1b[31m", "a" * 40_000]
ODD += [[{}], "x" * 3_000]


def registry(file: Path) -> str:
    """A registry with everything that an entry can say."""
    more = {
        "version": "2",
        "published": '"2026-01-02T03:04:05Z"',
        "publisher": '"Ann"',
        "code": '["xrv-core 0.1.0"]',
        "code_trusted": '"own_networks:tiny by Ann"',
        "metrics": '{ "AUROC on nih" = { Mass = 0.9 } }',
        "size": str(file.stat().st_size),
        "title": '"Ours"',
        "training_data": '["nih"]',
        "trained": "[true, true]",
    }
    old = entry(file.name, file, yanked='"Swapped."', description="'''\nlong\n'''")
    other = entry(
        "https://example.org/w", name='"other"', factory=None, backbone='"resnet18"', options="{ in_chans = 1 }"
    )
    return HEAD + entry(file.name, file, **more) + old + other


def restructured(text: str, seed: int) -> bytes:
    """The registry with values, keys and entries exchanged: TOML still, and something else."""
    rng, table = random.Random(seed), tomllib.loads(text)
    for _ in range(rng.choice((1, 1, 2, 4))):
        entries = table.get("classifier")
        where = rng.choice(
            [table, *(e for e in entries if isinstance(e, dict))] if isinstance(entries, list) else [table]
        )
        key = rng.choice(list(where) or ["prefix"])
        match rng.randrange(5):
            case 0:
                where.pop(key, None)
            case 1:
                where[rng.choice(("versoin", "a.b", "", "x" * 5_000, "\n"))] = copy.deepcopy(rng.choice(ODD))
            case 2 if isinstance(table.get("classifier"), list):
                table["classifier"].append(copy.deepcopy(where))
            case _:
                where[key] = copy.deepcopy(rng.choice(ODD))
    return tomlkit.dumps(table).encode("utf-8", "surrogatepass")


def faults(place: Path) -> str:
    """What is wrong with how this registry is read: "" if nothing is."""
    start = time.process_time()
    try:
        (listing,) = listings([str(place)])
    except BaseException as error:
        return f"listings() raised {type(error).__name__}: {error}"
    if time.process_time() - start > 2:
        return "it took more than 2 s"
    if not isinstance(listing, Listing) or any(len(problem) > 1_500 for problem in listing.problems):
        return f"a problem of {max(map(len, listing.problems)):,} characters"
    for spec in listing.classifiers:
        json.dumps(spec.to_dict(), allow_nan=True)
        if not asset_path(spec.weights).resolve().is_relative_to(cache_dir().resolve() / "registries"):
            return f"{spec.name} leaves the cache: {spec.weights.name}"
        here = spec.weights.urls[0] == (place.parent / "mine.safetensors").as_uri()  # others fail slowly
        if here and (found := untyped(lambda spec=spec: opened(spec), spec.name)):
            return f"{spec.name}: {found}"
    prefix = listing.name if listing.name != "registry" else "lab"
    for name in (f"{prefix}/mine", f"{prefix}/mine@1", f"{prefix}/mine@2", f"{prefix}/mine@99", f"{prefix}/*"):
        if found := untyped(lambda name=name: resolve(name), f"{prefix}/"):
            return f"{name}: {found}"
    return ""


def opened(spec: Any) -> Any:
    """The model; an error of ours counts as naming it, since it names its weights."""
    try:
        return open_published(spec, fetch(spec.weights))
    except XrvError as error:
        raise XrvError(f"{spec.name} {error}") from error


@pytest.mark.parametrize("way", ["bytes", "structure"])
def test_damaged_registries(tmp_path: Path, way: str) -> None:
    text, place = registry(saved(tmp_path)), tmp_path / "registry.toml"
    place.write_text(text)
    assert faults(place) == ""
    failed = []
    for seed in cases(0.02):
        place.write_bytes(damaged(text.encode(), seed) if way == "bytes" else restructured(text, seed))
        if found := faults(place):
            failed.append((seed, found))
    assert failed == [], (len(failed), failed[:5])
