"""Edit the text of a registry with tomlkit: what a person wrote stays as it is, comments included."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import Array, Item, Table

from xrv_core.errors import ArgumentError

__all__ = ["new_registry", "with_entry", "with_yank"]


def new_registry(about: Mapping[str, str]) -> str:
    """The text of a registry without entries."""
    return tomlkit.dumps(dict(about))


def with_entry(text: str, entry: Mapping[str, Any]) -> str:
    """The text with one entry more, or with another entry in the place of the one of that name and version.

    Raises:
        ArgumentError: TOML has no value for something in the entry.
    """
    there = tomllib.loads(text).get("classifier", [])
    taken = any(_key(old) == _key(entry) for old in there)
    if not taken and (new := _appended(text, entry)) is not None:
        return new
    document = tomlkit.parse(text)
    entries = document.get("classifier")
    if taken:
        _replace(next(old for old in entries or [] if _key(old) == _key(entry)), entry)
    elif isinstance(entries, Array):
        entries.append(_value(entry))
    elif entries is not None:
        entries.append(_table(entry))
    else:
        entries = tomlkit.aot()
        entries.append(_table(entry))
        document.append("classifier", entries)
    return _dumped(document, text)


def with_yank(text: str, name: str, version: int, reason: str) -> str:
    """The text with ``yanked = reason`` in this entry, or without it where there is no reason."""
    document = tomlkit.parse(text)
    entry: Any = next(old for old in document["classifier"] if _key(old) == (name, version))
    if reason:
        entry["yanked"] = reason
    elif "yanked" in entry:
        entry.remove("yanked")
    return _dumped(document, text)


def _key(entry: Any) -> tuple[Any, Any]:
    return entry.get("name"), entry.get("version", 1)


def _dumped(document: Any, text: str) -> str:
    """With the line ends of the old text."""
    new = tomlkit.dumps(document)
    return new.replace("\r\n", "\n").replace("\n", "\r\n") if "\r\n" in text else new


def _appended(text: str, entry: Mapping[str, Any]) -> str | None:
    """The text and one more [[classifier]]; None where the entries are written in another way."""
    tables = tomlkit.aot()
    tables.append(_table(entry))
    gap = "" if text.endswith(("\n\n", "\r\n\r\n")) else "\n" if text.endswith("\n") else "\n\n"
    new = gap + tomlkit.dumps({"classifier": tables})
    new = text + (new.replace("\n", "\r\n") if "\r\n" in text else new)
    try:
        tomllib.loads(new)
    except tomllib.TOMLDecodeError:
        return None
    return new


def _replace(old: Any, entry: Mapping[str, Any]) -> None:
    kept: list[Item] = []
    for key in [key for key in old if key not in entry]:
        kept += _comments_after(old[key])
        old.remove(key)
    for key, thing in entry.items():
        old[key] = _value(thing)
    for item in kept:
        old.add(item)


def _comments_after(value: Any) -> list[Item]:
    """Comments and blank lines at the end of a sub-table: they may be about the next entry."""
    found: list[Item] = []
    for key, item in reversed(value.value.body if isinstance(value, Table) else []):
        if key is not None:
            break
        found.insert(0, item)
    return found


def _table(entry: Mapping[str, Any]) -> Table:
    table = tomlkit.table()
    table.trivia.indent = ""
    for key, thing in entry.items():
        table.add(key, _value(thing))
    return table


def _value(thing: Any) -> Item:
    if isinstance(thing, Mapping):
        inline = tomlkit.inline_table()
        for key, inner in thing.items():
            inline.append(str(key), _value(inner))
        return inline
    if isinstance(thing, list | tuple):
        array = tomlkit.array()
        for inner in thing:
            array.append(_value(inner))
        return array
    try:
        return tomlkit.item(thing)
    except (ValueError, TOMLKitError) as error:
        raise ArgumentError(f"{thing!r} cannot be written into a registry: TOML has no such value.") from error
