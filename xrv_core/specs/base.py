"""The base of every spec: names, texts, and a string that names the code."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

from xrv_core.errors import SpecError
from xrv_core.specs.types import check_types

__all__ = ["CommandSpec", "Factory", "Spec", "check_factory", "check_unique"]

Factory: TypeAlias = str | Callable[..., Any]

# One optional `family/` prefix serves open-ended names such as `timm/convnext_tiny`; `@2` is a version.
_NAME = re.compile(r"[a-z0-9._-]+(/[a-z0-9._-]+)*(@[0-9]+)?")
_FACTORY = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")


@dataclass(frozen=True, kw_only=True)
class Spec:
    """The description of a registered dataset or model.

    Attributes:
        name: Registry name, lower case, ``[a-z0-9._-]+``.
        title: One line.
        factory: ``"package.module:callable"``; called as ``factory(spec, **arguments)``. Code that
            registers itself in a session may give the callable itself.
        licence: Licence of the data or the weights.
        citation: How to cite it.
        homepage: Address of its description.
        obtain: How to get the data or the weights, in words.
        description: Some sentences, optional.
        warning: Shown with its results, optional.
        aliases: Other names of it.
    """

    name: str
    title: str
    factory: Factory
    licence: str
    citation: str
    homepage: str
    obtain: str
    description: str = ""
    warning: str = ""
    aliases: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
        for key in ("title", "licence", "citation", "homepage", "obtain"):
            if not getattr(self, key).strip():
                raise SpecError(f"Spec {self.name!r}: {key!r} must be a non-empty string, got {getattr(self, key)!r}.")
        for name in (self.name, *self.aliases):
            _check_name(name)
        check_factory(self.name, self.factory)

    def to_dict(self) -> dict[str, Any]:
        """The spec as plain dicts, tuples, strings and numbers (for JSON and tables)."""
        plain = asdict(self)
        if callable(self.factory):
            plain["factory"] = f"{self.factory.__module__}:{getattr(self.factory, '__qualname__', '?')}"
        return plain


@dataclass(frozen=True, kw_only=True)
class CommandSpec:
    """A command that a tool plugin adds to ``xrv``.

    Attributes:
        name: The word after ``xrv``.
        title: One line for ``xrv --help``.
        factory: ``"package.module:function"``, called with this spec, returns a ``click.Command``.
    """

    name: str
    title: str
    factory: Factory
    aliases: tuple[str, ...] = field(default=(), init=False)

    def __post_init__(self) -> None:
        check_types(self)
        _check_name(self.name)
        check_factory(self.name, self.factory)


def _check_name(name: str) -> None:
    if not _NAME.fullmatch(name):
        raise SpecError(f"{name!r} is not a registry name: use lower case letters, digits, '.', '_' and '-'.")


def check_factory(name: str, factory: object) -> None:
    if callable(factory) or (isinstance(factory, str) and _FACTORY.fullmatch(factory)):
        return
    raise SpecError(f"Spec {name!r}: {factory!r} is not a factory: give 'package.module:callable'.")


def check_unique(name: str, key: str, values: tuple[str, ...]) -> None:
    twice = sorted(v for v, count in Counter(values).items() if count > 1)
    if twice:
        raise SpecError(f"Spec {name!r}: {key!r} names {', '.join(map(repr, twice[:5]))} more than once.")
