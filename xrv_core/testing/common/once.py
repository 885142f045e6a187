"""A property that is computed once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar, overload

__all__ = ["once"]

T = TypeVar("T")


class once(Generic[T]):  # used like `property`
    """A property that is computed once, whether it gives a value or raises."""

    def __init__(self, make: Callable[[Any], T]) -> None:
        self.make = make

    @overload
    def __get__(self, owner: None, kind: type) -> once[T]: ...
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
                known[name] = (None, error)
        value, raised = known[name]
        if raised is not None:
            raise raised
        return value
