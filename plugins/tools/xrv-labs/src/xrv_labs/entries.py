"""From the TOML of a registry to specs. What is wrong with one entry hides no other."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from xrv_core.assets import public
from xrv_core.errors import SpecError, XrvError, printable
from xrv_core.models import (
    FACTS,
    NOT_STATED,
    SavedClassifierSpec,
    check_options,
    checked,
    is_model_file,
    plain,
)
from xrv_core.specs import Asset
from xrv_labs.documents import brief, load, shortened
from xrv_labs.places import is_address, is_safe_address

__all__ = ["BUILD_KEYS", "MOST_PROBLEMS", "TOP_KEYS", "PublishedSpec", "Registry", "check_name", "entry_spec", "parse"]

#: Of a registry and of its entries: also a good name of a file on every system.
NAME = re.compile(r"(?!(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$))[a-z0-9_-](?:[a-z0-9._-]{0,98}[a-z0-9_-])?")
_LETTERS = re.compile(r"[a-z0-9._-]+")
#: Opens every entry.
FACTORY = "xrv_labs.opening:open_published"

#: What an entry may say besides facts: how to build the network (the key of a spec's ``build``), its weights, and how
#: it came into the registry.
BUILD_KEYS = {"backbone": "timm", "registered": "registered", "factory": "factory"}
FILE_KEYS = ("weights", "sha256", "size")
HISTORY_KEYS = ("version", "yanked", "published", "publisher", "code", "code_trusted", "metrics")
TOP_KEYS = ("prefix", "title", "contact", "licence", "citation", "homepage")

#: How many problems of one registry are told.
MOST_PROBLEMS = 100


@dataclass(frozen=True, kw_only=True)
class PublishedSpec(SavedClassifierSpec):
    """A classifier of a registry.

    Attributes:
        version: Its number.
        yanked: Why nobody should use it any more; empty where all is well.
        versions: All versions of this name, each a text with its number, its date, and whether it was yanked.
        publication: How it came into the registry: lines for its card.
        registry: Path or address of the registry.
    """

    version: int = 1
    yanked: str = ""
    versions: tuple[str, ...] = ()
    publication: Mapping[str, str] = field(default_factory=dict, hash=False)
    registry: str = ""


@dataclass
class Registry:
    """A registry that was read.

    Attributes:
        place: Its path or address.
        prefix: What its names begin with, before the slash.
        title, contact, licence, citation, homepage: Of the registry; entries without their own have these.
        table: All that was in the TOML.
        history: The entries that can be used, by name (without the prefix) and version.
        broken: What is wrong with the others, by name.
        problems: All that is wrong.
    """

    place: str
    prefix: str
    title: str = ""
    contact: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    table: dict[str, Any] = field(default_factory=dict)
    history: dict[str, dict[int, PublishedSpec]] = field(default_factory=dict)
    broken: dict[str, str] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)

    @property
    def specs(self) -> list[PublishedSpec]:
        """Of every name the latest version that was not yanked."""
        latest = (self.latest(name) for name in self.history)
        return [spec for spec in latest if spec is not None]

    def latest(self, name: str) -> PublishedSpec | None:
        """The spec of the latest version of this name that was not yanked, None where there is none."""
        good = [number for number, spec in self.history.get(name, {}).items() if not spec.yanked]
        return self._told(name, max(good), "") if good else None

    def pinned(self, name: str, version: int) -> PublishedSpec | None:
        """The spec of one version, under the name with the version; None where there is none."""
        return self._told(name, version, f"@{version}") if version in self.history.get(name, {}) else None

    def _told(self, name: str, version: int, ending: str) -> PublishedSpec:
        """A spec that knows the other versions."""
        versions, spec = self.history[name], self.history[name][version]
        lines = tuple(_version_line(versions[number]) for number in sorted(versions))
        told = lines if len(lines) > 1 or lines != ("[version 1]",) else ()
        return replace(spec, name=f"{spec.name}{ending}", versions=told) if ending or told else spec


def parse(data: bytes, place: str) -> Registry:
    """Read a registry.

    Args:
        data: TOML.
        place: Its path or address, which relative paths of weights start from.

    Raises:
        SpecError: The text is not TOML, or its prefix cannot be used.
        OverLimit: It is too large or too deep.
    """
    table = load(data)
    prefix = table.get("prefix")
    if not isinstance(prefix, str) or not _LETTERS.fullmatch(prefix):
        raise SpecError(
            'needs a line such as prefix = "lab": what its names begin with (lower case letters, digits, ".", "_", "-")'
        )
    check_name(prefix, "'prefix'")
    told = {key: table[key] for key in TOP_KEYS[1:] if isinstance(table.get(key), str)}
    registry = Registry(place=place, prefix=prefix, table=table, **told)
    strange = [key for key in table if key not in (*TOP_KEYS, "classifier")]
    wrong = [key for key in TOP_KEYS[1:] if key in table and key not in told]
    registry.problems += [f"unknown key {shortened(key, 60)!r}; allowed: {', '.join(TOP_KEYS)}" for key in strange[:9]]
    registry.problems += [f"{key!r} must be a text" for key in wrong]
    entries = table.get("classifier", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        registry.problems.append("'classifier' must be written as [[classifier]]")
        entries = []
    for number, entry in enumerate(entries, 1):
        _add(registry, entry, number)
    if (more := len(registry.problems) - MOST_PROBLEMS) > 0:
        registry.problems[MOST_PROBLEMS:] = [f"and {more:,} more problems"]
    return registry


def _add(registry: Registry, entry: Mapping[str, Any], number: int) -> None:
    name = entry.get("name")
    try:
        spec = entry_spec(entry, registry)
        versions = registry.history.setdefault(str(name), {})
        if spec.version in versions:
            raise SpecError(f"version {spec.version} is there twice: give each its own 'version'")
        versions[spec.version] = spec
    except (Exception, RecursionError) as error:  # whatever it is, it must not stop the others
        reason = shortened(error if isinstance(error, XrvError) else f"{type(error).__name__}: {error}")
        called = repr(shortened(name, 100)) if isinstance(name, str) else f"number {number}"
        registry.problems.append(f"classifier {called}: {reason}")
        if isinstance(name, str):
            version = entry.get("version", 1)
            registry.broken[f"{name}@{version}" if isinstance(version, int) else name] = reason


def _version_line(spec: PublishedSpec) -> str:
    when = spec.publication.get("published", "")
    why = f", yanked: {shortened(spec.yanked, 80)}" if spec.yanked else ""
    return f"[version {spec.version}{' of ' if when else ''}{when[:10]}{why}]"


def entry_spec(entry: Mapping[str, Any], registry: Registry) -> PublishedSpec:
    """The spec of one entry.

    Raises:
        SpecError: What is wrong with it.
    """
    name = entry.get("name")
    if not isinstance(name, str) or not _LETTERS.fullmatch(name) or is_model_file(name):
        raise SpecError("'name' must be of lower case letters, digits, '.', '_' and '-', and not end in .safetensors")
    check_name(name, "'name'")
    known = (*BUILD_KEYS, *FILE_KEYS, *HISTORY_KEYS, "options")
    own = {key: value for key, value in entry.items() if key not in known}
    strange = sorted(set(own) - set(FACTS))
    if strange:
        raise SpecError(f"unknown key {shortened(strange[0], 60)!r}; allowed: {', '.join(sorted([*FACTS, *known]))}")
    facts = checked(own)
    if not (facts.get("licence") or registry.licence):
        raise SpecError("'licence' is missing, here and as the default of the registry")
    told = {key: getattr(registry, key) for key in ("licence", "contact", "citation", "homepage")}
    default = {
        "title": f"{name} of {registry.title or registry.prefix}",
        "citation": NOT_STATED,
        "homepage": public(registry.place),
        "obtain": f"From the registry {registry.title or public(registry.place)}",
        **{key: value for key, value in told.items() if value},
    }
    build = _build(entry)
    if "timm" in build:
        default["architecture"] = build["timm"]
    history = _history(entry)
    if history["yanked"]:
        warning = f"This version was yanked: {history['yanked']}"
        facts["warning"] = f"{warning} {facts['warning']}" if facts.get("warning") else warning
    return PublishedSpec(
        **{**default, **facts, **history, "name": f"{registry.prefix}/{name}"},
        factory=FACTORY,
        build=build,
        weights=_asset(entry, registry),
        trusted=True,
        registry=public(registry.place),
    )


def check_name(name: str, what: str) -> None:
    """SpecError unless this can be the name of an entry or a prefix."""
    if not NAME.fullmatch(name):
        raise SpecError(
            f"{what} must have at most 100 lower case letters, digits, '.', '_' and '-', begin and end without '.', "
            f"and be a good name for a file on every system, got {brief(name)}"
        )


def _history(entry: Mapping[str, Any]) -> dict[str, Any]:
    """Its version, and how it came into the registry."""
    version, metrics = entry.get("version", 1), entry.get("metrics", {})
    if not isinstance(version, int) or isinstance(version, bool) or not 0 < version < 10**9:
        raise SpecError(f"'version' must be a whole number above 0, got {brief(version)}")
    lines = {}
    for key in ("yanked", "published", "publisher", "code_trusted"):
        value = entry.get(key, "")
        lines[key] = value.isoformat() if key == "published" and isinstance(value, date) else value
        if not isinstance(lines[key], str):
            raise SpecError(f"{key!r} must be a text, got {brief(value)}")
    code = entry.get("code", [])
    if not isinstance(code, list) or not all(isinstance(text, str) for text in code):
        raise SpecError(f"'code' must be a list of texts, got {brief(code)}")
    publication = {
        "version": str(version) if "version" in entry else "",
        "yanked": lines["yanked"],
        "published": " by ".join(filter(None, (lines["published"], lines["publisher"]))),
        "written with": ", ".join(code),
        "code trusted": lines["code_trusted"],
    }
    return {
        "version": version,
        "yanked": lines["yanked"],
        "publication": {label: printable(text) for label, text in publication.items() if text},
        "reported": _metrics(metrics),
    }


def _metrics(metrics: Any) -> dict[str, dict[str, float]]:
    """Numbers by label, by where they were measured."""
    if isinstance(metrics, dict) and all(
        isinstance(numbers, dict) and all(type(value) in (int, float) for value in numbers.values())
        for numbers in metrics.values()
    ):
        return metrics
    raise SpecError("'metrics' must be tables of numbers, such as { \"AUROC on nih:test\" = { Mass = 0.9 } }")


def _build(entry: Mapping[str, Any]) -> dict[str, Any]:
    ways = [key for key in BUILD_KEYS if key in entry]
    if len(ways) != 1:
        raise SpecError(f"say one of {', '.join(BUILD_KEYS)}: how its network is built")
    build = {BUILD_KEYS[ways[0]]: entry[ways[0]]}
    if "options" in entry:
        if ways == ["factory"]:
            raise SpecError("'options' are for backbone and registered; a factory gets the spec")
        build["options"] = plain(entry["options"], "'options'")
        if not isinstance(build["options"], dict):
            raise SpecError("'options' must be a table of arguments")
        check_options(build)
    return build


def _asset(entry: Mapping[str, Any], registry: Registry) -> Asset:
    for key in FILE_KEYS[:2]:
        if not isinstance(entry.get(key), str) or not entry[key]:
            raise SpecError(f"{key!r} is missing: {'path or address of the file' if key == 'weights' else 'its hash'}")
    size = entry.get("size")
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or not 0 <= size < 2**63):
        raise SpecError(f"'size' must be the number of bytes, got {brief(size)}")
    url = _address(entry["weights"], registry.place)
    parts = unquote(urlsplit(url).path).split("/")
    for part in parts:
        if len(part.encode()) > 255 or "\0" in part:
            raise SpecError(f"'weights' lead to {brief(part)}, which can be the name of no file")
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", parts[-1])[-100:].strip(".") or "weights"
    sha256 = entry["sha256"]
    # the hash is part of the place in the cache, so that weights that were replaced are fetched anew
    return Asset(name=f"registries/{registry.prefix}/{sha256[:16]}/{file}", urls=(url,), sha256=sha256, size=size)


def _address(weights: str, place: str) -> str:
    """Where the weights are: an address, or a path from the registry's folder on."""
    try:
        if is_address(place):
            url = urljoin(place, weights)
        elif is_address(weights):
            url = weights
        else:
            return (Path(place).parent / weights).absolute().as_uri()
        safe = is_safe_address(url)
    except ValueError as error:
        raise SpecError(f"'weights' is no address: {error}") from error
    if not safe:
        raise SpecError(
            f"'weights' lead to {shortened(public(url))}: give an https:// address, or a path relative to the registry"
        )
    return url
