"""The options that a factory takes, of a dataset or a model: told in one line before anything heavy begins.

The factory's signature says which there are and, where its annotations are plain, of which kind their values are.
"""

from __future__ import annotations

import inspect
import numbers
import os
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, NamedTuple, TypeAlias, Union, get_args, get_origin

from xrv_core.errors import ArgumentError, PathMissing, suggestion
from xrv_core.specs import Spec

__all__ = ["as_declared", "checked_options"]

_Kind: TypeAlias = tuple[str, Callable[[Any], bool]]
#: What a factory says about an option that it hands on to code that does not take it.
_REFUSED = re.compile(r"(?:unexpected keyword argument|multiple values for (?:keyword )?argument) '(\w+)'")


def _is_texts(value: Any) -> bool:
    if isinstance(value, str | Mapping | numbers.Number) or value is None:
        return False
    return not isinstance(value, Collection) or all(isinstance(each, str) for each in value)


#: Kinds of values: what is accepted, in words, and whether a value is.
_KINDS: dict[Any, _Kind] = {
    bool: ("True or False", lambda value: getattr(value, "ndim", 0) == 0 and value in (True, False)),
    int: ("a whole number", lambda value: isinstance(value, numbers.Integral) and not isinstance(value, bool)),
    float: ("a number", lambda value: isinstance(value, numbers.Real) and not isinstance(value, bool)),
    str: ("a text", lambda value: isinstance(value, str)),
    Path: ("a path", lambda value: not isinstance(value, numbers.Number)),
    NoneType: ("None", lambda value: value is None),
    Mapping: ("a mapping", lambda value: isinstance(value, Mapping)),
    Callable: ("a function", callable),
}
_TEXTS: _Kind = ("a list of texts", _is_texts)
_LISTS = (list, tuple, Sequence, Iterable, Collection)


@contextmanager
def checked_options(
    spec: Spec, factory: Callable[..., Any], options: Mapping[str, Any], paths: Mapping[str, Any] | None = None
) -> Iterator[None]:
    """Refuse options that a factory does not take, and files that are not there; the block then calls it.

    Args:
        spec: What is to be opened.
        factory: Its factory.
        options: Arguments by name.
        paths: ``imgpath`` and ``csvpath`` of a dataset; what is no path is for the dataset to judge.

    Raises:
        ArgumentError: An option that the factory, or code that it hands its options on to, does not have; or a value
            of another kind than it declares.
        PathMissing: There is no such file or folder.
    """
    known, others = options_of(factory)
    tables = getattr(spec, "tables", ())  # which might be fetched before a wrong path is noticed
    hints = {
        "imgpath": "no such folder or archive. Check imgpath.",
        "csvpath": tables and f"no such file. Give the path of {tables[0].name.rpartition('/')[2]} of {spec.name!r}.",
    }
    for name, path in (paths or {}).items():
        taken = name in known and "a path" in known[name].kinds and isinstance(path, str | os.PathLike)
        if taken and hints[name] and not Path(path).expanduser().exists():
            raise PathMissing(f"{path}: {hints[name]}")
    for name, value in options.items():
        if name in known and not known[name].takes(value):
            kinds = " or ".join(filter(None, known[name].kinds))
            raise ArgumentError(f"{name}={value!r:.80} is no value for {spec.name!r}: it must be {kinds}.")
        if name not in known and not others:
            raise _unknown(spec, factory, name)
    try:
        yield
    except (TypeError, ArgumentError) as error:
        refused = _REFUSED.search(str(error))
        if refused is None or refused[1] not in options.keys() - known.keys():
            raise
        raise _unknown(spec, factory, refused[1]) from error


class Option(NamedTuple):
    """An option of a factory.

    Attributes:
        kinds: The alternatives of its annotation, in words; None where one is not plain.
        takes: Whether a value is of one of these kinds, or the default; a kind that is not plain takes everything.
    """

    kinds: tuple[str | None, ...]
    takes: Callable[[Any], bool]

    @classmethod
    def of(cls, annotation: Any, default: Any, call: Any) -> Option:
        """The option with an annotation, perhaps as a text, in the code of ``call``."""
        found = _kinds(annotation, call)
        names = tuple(kind and kind[0] for kind in found)
        return cls(names, lambda value: value is default or any(kind is None or kind[1](value) for kind in found))


@lru_cache(maxsize=256)
def options_of(factory: Callable[..., Any]) -> tuple[Mapping[str, Option], bool]:
    """The options of a factory by name, and whether it takes others, too.

    A class that hands ``**options`` on to its base has those of its base. Names that a factory takes out of its
    ``**options`` by itself are in its attribute ``accepts``: name -> annotation.
    """
    is_class = isinstance(factory, type)
    bases = inspect.getmro(factory)[:-1] if isinstance(factory, type) else ()
    calls: list[Callable[..., Any]] = [vars(c)["__init__"] for c in bases if "__init__" in vars(c)] or [factory]
    found: dict[str, Option] = {}
    others = False
    for call in calls:
        given = list(inspect.signature(call).parameters.values())[is_class:]
        own = given[1:] if call is calls[0] else [each for each in given if each.kind is each.KEYWORD_ONLY]
        for each in own:
            if each.kind not in (each.VAR_KEYWORD, each.VAR_POSITIONAL):
                found.setdefault(each.name, Option.of(each.annotation, each.default, call))
        others = any(each.kind is each.VAR_KEYWORD for each in given)
        if not others:
            break
    for name, annotation in getattr(factory, "accepts", {}).items():
        found.setdefault(name, Option.of(annotation, None, calls[0]))
    return found, others


def as_declared(factory: Callable[..., Any], given: Mapping[str, Any], texts: Mapping[str, str]) -> dict[str, Any]:
    """Arguments of a command line as the factory declares them.

    ``A,B`` is a list where the option takes lists of texts, and 1 or true a text where it takes texts alone.

    Args:
        factory: The factory.
        given: The arguments, each read as a literal or, where it is none, as a text.
        texts: What was written for some of them.
    """
    found, known = dict(given), options_of(factory)[0]
    for name in known.keys() & texts.keys():
        option, text = known[name], texts[name]
        if _TEXTS[0] in option.kinds and isinstance(given[name], str) and text[0] not in "\"'":
            found[name] = [word.strip() for word in text.split(",") if word.strip()]
        elif _KINDS[str][0] in option.kinds and not option.takes(given[name]):
            found[name] = text
    return found


def _kinds(annotation: Any, call: Any) -> tuple[_Kind | None, ...]:
    """The alternatives of an annotation; a name that only type checkers see stands for anything."""
    try:
        kind = eval(annotation, call.__globals__) if isinstance(annotation, str) else annotation  # noqa: S307
    except (NameError, AttributeError, TypeError):
        return (None,)
    return tuple(map(_plain, get_args(kind) if get_origin(kind) in (Union, UnionType) else (kind,)))


def _plain(kind: Any) -> _Kind | None:
    """What ``_KINDS`` says about one annotation; None where it is not plain."""
    origin, inner = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, inner)), lambda value: value in inner
    if origin in _LISTS:
        return _TEXTS if inner[:1] == (str,) else None
    return _KINDS.get(NoneType if origin is None else origin)


def _unknown(spec: Spec, factory: Callable[..., Any], name: str) -> ArgumentError:
    found, others = options_of(factory)
    known = sorted(found)
    listed = f" Its options are: {', '.join(known)}{', and what it hands on' * others}." if known else ""
    return ArgumentError(f"{spec.name!r} has no option {name!r}.{suggestion(name, known)}{listed}")
