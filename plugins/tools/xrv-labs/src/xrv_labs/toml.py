"""Write entries of a registry as TOML, and find them in a text that people wrote."""

from __future__ import annotations

import json
import math
import re
import tomllib
from collections.abc import Mapping
from typing import Any

from xrv_core.errors import ArgumentError

__all__ = ["block", "value", "without"]

_HEADER = re.compile(r"^\s*\[", re.MULTILINE)
_ENTRY = re.compile(r"^\s*\[\[\s*classifier\s*\]\]")


def value(thing: Any) -> str:
    """One value.

    Raises:
        ArgumentError: TOML has no such value.
    """
    if isinstance(thing, bool):
        return "true" if thing else "false"
    if isinstance(thing, str):
        return json.dumps(thing, ensure_ascii=False).replace("\x7f", "\\u007f")
    if isinstance(thing, float) and math.isnan(thing):
        return "nan"
    if isinstance(thing, int | float):
        return repr(thing)
    if isinstance(thing, list | tuple):
        return f"[{', '.join(map(value, thing))}]"
    if isinstance(thing, Mapping):
        return "{ " + ", ".join(f"{value(str(k))} = {value(v)}" for k, v in thing.items()) + " }"
    raise ArgumentError(f"{thing!r} cannot stand in a registry: TOML has no such value.")


def block(entry: Mapping[str, Any]) -> str:
    """An entry, one key a line."""
    return "[[classifier]]\n" + "".join(f"{key} = {value(thing)}\n" for key, thing in entry.items())


def without(text: str, name: str) -> tuple[str, str]:
    """What stands before and after the entry ``name``. Comments after it, before the next, stay.

    Raises:
        ArgumentError: It cannot be found in the text, such as between odd lines of somebody's own.
    """
    lines = text.splitlines(keepends=True)
    starts = [number for number, line in enumerate(lines) if _ENTRY.match(line)]
    for start in starts:
        end = start + 1
        while end < len(lines) and (not _HEADER.match(lines[end]) or lines[end].lstrip().startswith("[classifier.")):
            end += 1
        while not lines[end - 1].strip() or lines[end - 1].lstrip().startswith("#"):
            end -= 1
        try:
            found = tomllib.loads("".join(lines[start:end]))["classifier"]
        except tomllib.TOMLDecodeError:
            continue
        if len(found) == 1 and found[0].get("name") == name:
            return "".join(lines[:start]), "".join(lines[end:])
    raise ArgumentError(
        f"The entry {name!r} cannot be told from the text around it: take it out of the registry by hand."
    )
