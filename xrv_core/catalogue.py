"""The catalogue of this process: discovered at first use, and what a session adds to it."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import replace as with_changes
from typing import TypeVar, cast

from xrv_core.discovery import LOCK, SESSION, Catalogue, Plugin, discover
from xrv_core.errors import ArgumentError
from xrv_core.specs import KINDS, Factory, Spec

__all__ = ["Registration", "plugins", "register", "registered", "reload_plugins", "the_catalogue"]

_catalogue: Catalogue | None = None
_session: dict[tuple[str, str], Spec] = {}  # survives reload_plugins()

T = TypeVar("T")


def the_catalogue() -> Catalogue:
    """The catalogue, discovered at first use."""
    global _catalogue  # noqa: PLW0603 -- one catalogue for the process, behind a lock
    with LOCK:
        if _catalogue is None:
            _catalogue = discover(_session)
        return _catalogue


def plugins() -> list[Plugin]:
    """Every installed plugin and every list that one reads, with what it offers and what is wrong with it."""
    return list(the_catalogue().plugins)


def reload_plugins() -> list[Plugin]:
    """Look for plugins again, after one was installed or ``XRV_PLUGINS`` was changed; read lists again.

    Session registrations stay.
    """
    global _catalogue  # noqa: PLW0603
    with LOCK:
        importlib.invalidate_caches()
        _catalogue = None
        return plugins()


class Registration:
    """A registration of this session; ``undo()`` takes it back, and so does leaving a ``with`` block."""

    def __init__(self, kind: str, spec: Spec) -> None:
        self.kind = kind
        self.spec = spec

    def undo(self) -> None:
        """Take the registration back; a second call does nothing."""
        with LOCK:
            if _session.get((self.kind, self.spec.name)) is self.spec:
                del _session[self.kind, self.spec.name]
                the_catalogue().registries[self.kind].remove(self.spec.name)

    def __enter__(self) -> Spec:
        return self.spec

    def __exit__(self, *_: object) -> None:
        self.undo()

    def __repr__(self) -> str:
        return f"<{self.kind} {self.spec.name!r} registered in this session; .undo() takes it back>"


def register(spec: Spec, *, replace: bool = False) -> Registration:
    """Register a spec for this session, without packaging anything.

    Args:
        spec: A DatasetSpec, ClassifierSpec, AutoencoderSpec or SegmenterSpec; its factory may be the class itself.
        replace: Replace an earlier registration *of this session* (a notebook cell that runs again).

    Raises:
        DuplicateName: The name is taken.
        ArgumentError: ``spec`` is of no kind that can be registered.
    """
    kind = next((k for k, cls in KINDS.items() if isinstance(spec, cls) and isinstance(spec, Spec)), None)
    if kind is None:
        raise ArgumentError(
            f"register() takes a DatasetSpec, ClassifierSpec, AutoencoderSpec or SegmenterSpec, got {spec!r}."
        )
    with LOCK:
        earlier = _session.get((kind, spec.name))
        if replace and earlier is not None:
            Registration(kind, earlier).undo()
        the_catalogue().registries[kind].add(spec, SESSION)
        _session[kind, spec.name] = spec
    return Registration(kind, spec)


def registered(spec: Spec, *, replace: bool = False) -> Callable[[T], T]:
    """Decorator: register ``spec`` with the decorated class or function as its factory.

    The spec's own ``factory`` is ignored, so any placeholder such as ``"here:mine"`` will do.
    """

    def decorate(factory: T) -> T:
        register(with_changes(spec, factory=cast("Factory", factory)), replace=replace)
        return factory

    return decorate
