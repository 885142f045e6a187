"""Registries: names to specs, one registry for each kind of thing."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator, Mapping
from typing import Generic, TypeVar

from xrv_core.errors import DuplicateName, UnknownName, suggestion
from xrv_core.specs import CommandSpec, Spec

__all__ = ["Registry"]

S = TypeVar("S", bound="Spec | CommandSpec")


class Registry(Mapping[str, S], Generic[S]):
    """The specs of one kind, by name. Read-only for everybody but discovery and ``register``."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._specs: dict[str, S] = {}
        self._origins: dict[str, str] = {}
        self._claims: dict[str, str] = {}  # the same, with the folder
        self._aliases: dict[str, str] = {}

    def add(self, spec: S, origin: str, place: str = "") -> None:
        """Add ``spec``, which ``origin`` offers, a distribution in the folder ``place``.

        Raises:
            DuplicateName: Its name or one of its aliases is taken; nothing is added then.
        """
        claim = f"{origin} (in {place})" if place else origin
        for name in (spec.name, *spec.aliases):
            taken = self._aliases.get(name, name)
            if taken in self._specs:
                raise DuplicateName(
                    f"The {self.kind} name {name!r} of {claim} is taken: {self._claims[taken]} already offers it. "
                    "Rename one of them, or limit which plugins load with XRV_PLUGINS."
                )
        self._specs[spec.name] = spec
        self._origins[spec.name], self._claims[spec.name] = origin, claim
        self._aliases.update(dict.fromkeys(spec.aliases, spec.name))

    def remove(self, name: str) -> None:
        """Remove a spec and its aliases."""
        spec = self._specs.pop(name)
        del self._origins[name]
        for alias in spec.aliases:
            del self._aliases[alias]

    def origin(self, name: str) -> str:
        """Who offers ``name``: a distribution and its version, or the session."""
        return self._origins[self[name].name]

    def names(self, pattern: str | None = None) -> list[str]:
        """Names, sorted; ``pattern`` is a shell-style wildcard such as ``"*-all"``, or a plain part of a name."""
        if pattern is None:
            return sorted(self._specs)
        wildcard = pattern if any(c in pattern for c in "*?[") else f"*{pattern}*"
        return sorted(name for name in self._specs if fnmatch.fnmatchcase(name, wildcard.lower()))

    def find(self, name: str) -> S | None:
        """The spec of a name or an alias, None where there is none."""
        return self._specs.get(self._aliases.get(name, name))

    def __getitem__(self, name: str) -> S:
        found = self.find(name)
        if found is None:
            raise UnknownName(self.unknown(name))
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._specs or name in self._aliases

    def __iter__(self) -> Iterator[str]:
        return iter(sorted(self._specs))

    def __len__(self) -> int:
        return len(self._specs)

    def unknown(self, name: str) -> str:
        """What to say about a name that is not here: the nearest names, or all of them."""
        if near := suggestion(name, [*self._specs, *self._aliases]):
            return f"No {self.kind} named {name!r}.{near}"
        if not self._specs:
            return f"No {self.kind} named {name!r}: no installed plugin offers any {self.kind}."
        known = ", ".join(list(self)[:8]) + (", ..." if len(self) > 8 else "")
        return f"No {self.kind} named {name!r}. There are: {known}. xrv_core.list_{self.kind}s() lists them."
