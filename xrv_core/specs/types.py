"""Every field of a spec has the type that its annotation says."""

from __future__ import annotations

import functools
from collections.abc import Iterable, Mapping
from dataclasses import fields
from types import NoneType, UnionType
from typing import Any, get_args, get_origin, get_type_hints

from xrv_core.errors import SpecError

__all__ = ["check_types"]


class _Wrong(Exception):
    """A value of another type; its only argument."""


def check_types(spec: Any) -> None:
    """Compare every field with its annotation. Lists become tuples, numbers of numpy plain ones, mappings dicts.

    Raises:
        SpecError: It names the spec, the field, the type and what was found.
    """
    kind: Any = type(spec)
    for name, (text, wanted) in _annotations(kind).items():
        try:
            object.__setattr__(spec, name, _plain(getattr(spec, name), wanted))
        except _Wrong as wrong:
            owner, found = f"{kind.__name__} {getattr(spec, 'name', '')!r:.80}", wrong.args[0]
            got = f"{type(found).__name__} {str(found)[:80]!r}"
            raise SpecError(f"{owner}: {name!r} must be {text}, got the {got}.") from None


@functools.cache
def _annotations(kind: Any) -> dict[str, tuple[str, Any]]:
    """Text and type of the annotation of every field."""
    try:
        hints = get_type_hints(kind)
    except Exception:  # a class of a plugin that names what only a type checker imports
        return _annotations(kind.__mro__[1])
    return {field.name: (str(field.type), hints[field.name]) for field in fields(kind)}


@functools.cache
def _parts(wanted: Any) -> tuple[Any, tuple[Any, ...]]:
    return get_origin(wanted) or wanted, get_args(wanted)


def _plain(value: Any, wanted: Any) -> Any:
    """``value`` as plain data; _Wrong if it, or a value in it, is of another type."""
    kind, args = _parts(wanted)
    if len(args) == 2 and args[1] is NoneType:
        return None if value is None else _plain(value, args[0])
    if kind is tuple and args[1:] == (...,):
        if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
            raise _Wrong(value)
        return tuple([_plain(each, args[0]) for each in value])
    if kind is Any or kind is UnionType or not isinstance(kind, type):
        return value  # a factory has its own check
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()  # a number of numpy
    right: Any = (int, float) if kind is float else kind
    if not isinstance(value, right) or (kind is not bool and isinstance(value, bool)):
        raise _Wrong(value)
    if kind is Mapping:
        return {_plain(key, args[0]): _plain(each, args[1]) for key, each in value.items()}
    if kind in (int, float) and not -(2**63) <= value < 2**63:  # NaN, or more digits than Python prints
        raise _Wrong("number without bounds" if isinstance(value, int) else value)
    if kind is str and not value.isascii() and value != value.encode(errors="ignore").decode():
        raise _Wrong(value)  # half a character, which no terminal can show
    return value
