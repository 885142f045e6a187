"""From the TOML of a registry to specs. What is wrong with one entry hides no other."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urljoin, urlsplit

from xrv_core.assets import public
from xrv_core.errors import SpecError
from xrv_core.models import (
    FACTS,
    NOT_STATED,
    SAVED_FACTORY,
    SavedClassifierSpec,
    check_options,
    checked,
    is_model_file,
    plain,
)
from xrv_core.specs import Asset
from xrv_labs.places import is_address, is_safe_address

__all__ = ["BUILD_KEYS", "Registry", "entry_spec", "parse"]

NAME = re.compile(r"[a-z0-9._-]+")

#: What an entry may say besides facts: how to build the network (the key of a spec's ``build``), and its weights.
BUILD_KEYS = {"backbone": "timm", "registered": "registered", "factory": "factory"}
FILE_KEYS = ("weights", "sha256", "size")
TOP_KEYS = ("prefix", "title", "contact", "licence", "citation", "homepage")


@dataclass
class Registry:
    """A registry that was read.

    Attributes:
        place: Its path or address.
        prefix: What its names begin with, before the slash.
        title, contact, licence, citation, homepage: Of the registry; entries without their own have these.
        table: All that was in the TOML.
        specs: The entries that can be used.
        problems: What is wrong with the others.
    """

    place: str
    prefix: str
    title: str = ""
    contact: str = ""
    licence: str = ""
    citation: str = ""
    homepage: str = ""
    table: dict[str, Any] = field(default_factory=dict)
    specs: list[SavedClassifierSpec] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def parse(text: str, place: str) -> Registry:
    """Read a registry.

    Args:
        text: TOML.
        place: Its path or address, which relative paths of weights start from.

    Raises:
        SpecError: The text is not TOML, or its prefix cannot be used.
    """
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise SpecError(f"is not valid TOML: {error}") from error
    prefix = table.get("prefix")
    if not isinstance(prefix, str) or not NAME.fullmatch(prefix):
        raise SpecError(
            'needs a line such as prefix = "lab": what its names begin with (lower case letters, digits, ".", "_", "-")'
        )
    told = {key: table[key] for key in TOP_KEYS[1:] if isinstance(table.get(key), str)}
    registry = Registry(place=place, prefix=prefix, table=table, **told)
    strange = [key for key in table if key not in (*TOP_KEYS, "classifier")]
    wrong = [key for key in TOP_KEYS[1:] if key in table and key not in told]
    registry.problems += [f"unknown key {key!r}; allowed: {', '.join(TOP_KEYS)}" for key in strange]
    registry.problems += [f"{key!r} must be a text" for key in wrong]
    entries = table.get("classifier", [])
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        registry.problems.append("'classifier' must be written as [[classifier]]")
        entries = []
    for number, entry in enumerate(entries, 1):
        try:
            registry.specs.append(entry_spec(entry, registry))
        except SpecError as error:
            called = repr(entry["name"]) if isinstance(entry.get("name"), str) else f"number {number}"
            registry.problems.append(f"classifier {called}: {error}")
    return registry


def entry_spec(entry: Mapping[str, Any], registry: Registry) -> SavedClassifierSpec:
    """The spec of one entry.

    Raises:
        SpecError: What is wrong with it.
    """
    name = entry.get("name")
    if not isinstance(name, str) or not NAME.fullmatch(name) or is_model_file(name):
        raise SpecError("'name' must be of lower case letters, digits, '.', '_' and '-', and not end in .safetensors")
    own = {key: value for key, value in entry.items() if key not in (*BUILD_KEYS, *FILE_KEYS, "options")}
    strange = sorted(set(own) - set(FACTS))
    if strange:
        known = ", ".join(sorted([*FACTS, *BUILD_KEYS, *FILE_KEYS, "options"]))
        raise SpecError(f"unknown key {strange[0]!r}; allowed: {known}")
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
    return SavedClassifierSpec(
        **{**default, **facts, "name": f"{registry.prefix}/{name}"},
        factory=SAVED_FACTORY,
        build=build,
        weights=_asset(entry, registry),
        trusted=True,
    )


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
    if size is not None and (not isinstance(size, int) or isinstance(size, bool) or size < 0):
        raise SpecError(f"'size' must be the number of bytes, got {size!r}")
    url = _address(entry["weights"], registry.place)
    file = re.sub(r"[^A-Za-z0-9._-]+", "-", unquote(urlsplit(url).path).rpartition("/")[2]).strip(".") or "weights"
    sha256 = entry["sha256"]
    # the hash is part of the place in the cache, so that weights that were replaced are fetched anew
    return Asset(name=f"registries/{registry.prefix}/{sha256[:16]}/{file}", urls=(url,), sha256=sha256, size=size)


def _address(weights: str, place: str) -> str:
    """Where the weights are: an address, or a path from the registry's folder on."""
    if is_address(place):
        try:
            url = urljoin(place, weights)
        except ValueError as error:
            raise SpecError(f"'weights' is no address: {error}") from error
    elif is_address(weights):
        url = weights
    else:
        return (Path(place).parent / weights).absolute().as_uri()
    if not is_safe_address(url):
        raise SpecError(
            f"'weights' lead to {public(url)}: give an https:// address, or a path relative to the registry"
        )
    return url
