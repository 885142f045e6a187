"""Open a classifier of a registry: first tell what the user of this name should know."""

from __future__ import annotations

import hashlib
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

from xrv_core.api import load_factory
from xrv_core.assets import cache_dir, replacing
from xrv_core.errors import tell
from xrv_core.models import SAVED_FACTORY
from xrv_labs.entries import PublishedSpec

__all__ = ["open_published"]


def open_published(spec: PublishedSpec, weights: Path | None = None, *, trust_factory: bool = False) -> Any:
    """The classifier. It is told on stderr if it was yanked, and once if it changed under its name since its last use.

    Args:
        spec: Its entry.
        weights: Its tensors; None: random initialisation.
        trust_factory: Nothing more than a registry is trusted with already.
    """
    if spec.yanked:
        tell(f"{spec.name} was yanked: {spec.yanked} The latest version is {spec.name.partition('@')[0]}.")
    model = load_factory(spec, SAVED_FACTORY)(spec, weights=weights, trust_factory=trust_factory)
    if weights is not None and spec.weights is not None:
        _note_use(spec, spec.weights.sha256 or "")
    return model


def _note_use(spec: PublishedSpec, sha256: str) -> None:
    """Compare with the record of the last use in the cache folder, and write it anew."""
    now = {"version": spec.version, "sha256": sha256, "facts": _facts(spec), "registry": spec.registry}
    prefix, _, name = spec.name.partition("/")
    record = cache_dir() / "registries" / prefix / f"{name}.used.json"
    before: Any = None
    with suppress(OSError, ValueError, RecursionError):
        before = json.loads(record.read_text("utf-8"))
    if before == now:
        return
    if isinstance(before, dict) and before.keys() == now.keys():
        tell(_change(spec, before, now))
    with suppress(OSError):  # a shared, read-only cache: it is told again next time
        record.parent.mkdir(parents=True, exist_ok=True)
        with replacing(record) as new:
            new.write_text(json.dumps(now), "utf-8")


def _change(spec: PublishedSpec, before: dict[str, Any], now: dict[str, Any]) -> str:
    name, last = spec.name, f"than at its last use here. Ask {spec.contact or spec.registry} why"
    if before["registry"] != now["registry"]:
        return f"{name} comes from {now['registry']} now. At its last use here it came from {before['registry']}."
    if before["version"] != now["version"]:
        when = spec.publication.get("published", "an unknown day")
        return (
            f"{name} is version {now['version']} of {when} now. At its last use here it was version "
            f"{before['version']}, which is still {name}@{before['version']}."
        )
    if before["sha256"] != now["sha256"]:
        return (
            f"{name} changed under its name: version {now['version']} has other weights (sha256 {now['sha256'][:12]}, "
            f"not {str(before['sha256'])[:12]}) {last}."
        )
    return f"{name} changed under its name: version {now['version']} has another network or other labels {last}."


def _facts(spec: PublishedSpec) -> str:
    """A hash of what changes its outputs, besides the weights."""
    parts = (spec.build, spec.pathologies, spec.trained, spec.op_threshs, spec.mean, spec.std, spec.activation)
    return hashlib.sha256(repr((*parts, spec.unit, spec.input_resolution)).encode()).hexdigest()
