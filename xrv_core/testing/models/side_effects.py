"""Checks that a model touches nothing but what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from xrv_core.testing.common.results import Check

if TYPE_CHECKING:
    from xrv_core.testing.models.subject import ModelSubject

__all__ = ["CHECKS"]

_USE = "building it, a forward pass or predict"


def random_state(subject: ModelSubject) -> Iterator[str]:
    """No global random state is touched, but that initialisation draws from torch's."""
    if "random_state" in subject.left_changed:
        yield f"{_USE} changes a global random state: use a generator of its own"


def warning_filters(subject: ModelSubject) -> Iterator[str]:
    """The warning filters stay as they are."""
    if "warning_filters" in subject.left_changed:
        yield f"{_USE} changes warnings.filters: use `with warnings.catch_warnings():`"


def sys_path(subject: ModelSubject) -> Iterator[str]:
    """``sys.path`` stays as it is."""
    if "sys_path" in subject.left_changed:
        yield f"{_USE} changes sys.path"


def no_network(subject: ModelSubject) -> Iterator[str]:
    """Building it asks the network for nothing: weights are fetched before, and only where they are wanted."""
    with suppress(Exception):  # told by other checks; here it matters what was asked for until then
        subject.left_changed  # noqa: B018
    for place in dict.fromkeys(subject.network):
        yield f"the network was asked for {place}: a model that is built downloads nothing"


def no_printing(subject: ModelSubject) -> Iterator[str]:
    """Nothing is printed on stdout."""
    subject.left_changed  # noqa: B018
    text = subject.printed.getvalue()
    if text:
        yield f"it prints {text[:80]!r}: raise errors, return values, and log the rest"


CHECKS: tuple[Check, ...] = (random_state, warning_filters, sys_path, no_network, no_printing)
