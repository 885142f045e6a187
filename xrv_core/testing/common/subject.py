"""What the subjects of all checks share: values that are computed once, a sandbox, and a look from a fresh process."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from xrv_core.api import describe, load_factory, plugins
from xrv_core.errors import UnknownName
from xrv_core.specs import KINDS, Spec
from xrv_core.testing.common.probe import observe
from xrv_core.testing.common.results import NotApplicable, NotRun
from xrv_core.testing.common.sandbox import global_state, sandbox

__all__ = ["Subject", "changes_of", "once"]

T = TypeVar("T")


class _Once(Generic[T]):
    def __init__(self, make: Callable[[Any], T], check: str) -> None:
        self.make, self.check = make, check

    @overload
    def __get__(self, owner: None, kind: type) -> _Once[T]: ...
    @overload
    def __get__(self, owner: object, kind: type) -> T: ...
    def __get__(self, owner: Any, kind: type) -> Any:
        if owner is None:
            return self
        known = owner.__dict__.setdefault("_known", {})
        name = self.make.__name__
        if name not in known:
            try:
                known[name] = (self.make(owner), None)
            except Exception as error:
                known[name] = (None, self._reported(error))
        value, raised = known[name]
        if raised is not None:
            raise raised
        return value

    def _reported(self, error: Exception) -> Exception:
        if not self.check or isinstance(error, NotRun | NotApplicable):
            return error
        reported = NotRun(self.check)
        reported.__cause__ = error
        return reported


def once(check: str = "") -> Callable[[Callable[[Any], T]], _Once[T]]:
    """A property that is computed once, whether it gives a value or raises.

    Args:
        check: The check that reports an error in it. All other checks get ``NotRun(check)`` instead of the error.
    """
    return lambda make: _Once(make, check)


class Subject:
    """A dataset or model under test.

    Args:
        spec: Its spec, which need not be registered; None for a model that was given without one.
        folder: An empty folder to work in.
    """

    def __init__(self, spec: Any, folder: Path) -> None:
        self.known_spec = spec
        self.folder = folder
        self.network: list[str] = []
        self.printed = io.StringIO()

    @property
    def spec(self) -> Any:
        """Its spec."""
        if self.known_spec is None:
            raise NotApplicable("it has no spec")
        return self.known_spec

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """See ``xrv_core.testing.common.sandbox``; what is printed is kept."""
        with sandbox(self.folder / "cache", self.network), redirect_stdout(self.printed):
            yield

    @property
    def left_changed(self) -> set[str]:
        """Which parts of ``global_state`` normal use leaves changed."""
        raise TypeError(f"{type(self).__name__} does not define left_changed.")

    @once()
    def fresh_process(self) -> dict[str, list[str]]:
        """What a fresh process finds that lists it and imports its code; see ``probe.observe``."""
        spec: Spec = self.spec
        try:
            load_factory(spec)
        except Exception as error:
            raise NotRun("code_is_found") from error
        try:
            local = getattr(spec.factory, "__module__", "") == "__main__" or not pickle.dumps(spec)
        except Exception:
            local = True
        if local:
            raise NotApplicable("another process cannot import its code")
        kind = next(kind for kind, cls in KINDS.items() if isinstance(spec, cls))
        return observe(spec, kind, self.folder / "fresh", _offered_by(spec, kind))


def changes_of(use: Callable[[], Any]) -> set[str]:
    """Which parts of ``global_state`` a function changes."""
    before = global_state()
    use()
    after = global_state()
    return {name for name in before if before[name] != after[name]}


def _offered_by(spec: Spec, kind: str) -> str | None:
    """The value of ``XRV_PLUGINS`` with which the spec is listed, None if no plugin offers it."""
    offering = [p.name for p in plugins() if spec.name in p.offers.get(kind, [])]
    if offering:
        return offering[0]
    try:
        known = describe(kind, spec.name) == spec
    except UnknownName:
        known = False
    open_ended = [p.name for p in plugins() if p.open_ended]
    return ",".join(open_ended) if known and open_ended else None
