"""Checks that a dataset touches nothing but what it is about."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING

from xrv_core.testing.common.results import Check

if TYPE_CHECKING:
    from xrv_core.testing.datasets.subject import Subject

__all__ = ["CHECKS"]

_USE = "opening it, reading items and counting"


def random_state(subject: Subject) -> Iterator[str]:
    """The global random state of Python, numpy and torch stays as it is."""
    if "random_state" in subject.left_changed:
        yield f"{_USE} changes a global random state: use a generator of its own"


def warning_filters(subject: Subject) -> Iterator[str]:
    """The warning filters stay as they are."""
    if "warning_filters" in subject.left_changed:
        yield f"{_USE} changes warnings.filters: use `with warnings.catch_warnings():`"


def sys_path(subject: Subject) -> Iterator[str]:
    """``sys.path`` stays as it is."""
    if "sys_path" in subject.left_changed:
        yield f"{_USE} changes sys.path"


def no_network(subject: Subject) -> Iterator[str]:
    """Opening and reading the miniature asks the network for nothing."""
    with suppress(Exception):  # told by other checks; here it matters what was asked for until then
        subject.read  # noqa: B018
    for place in dict.fromkeys(subject.network):
        yield f"the network was asked for {place}: a miniature brings all files, and no constructor downloads images"


def no_printing(subject: Subject) -> Iterator[str]:
    """Nothing is printed on stdout."""
    subject.use()
    text = subject.printed.getvalue()
    if text:
        yield f"it prints {text[:80]!r}: raise errors, return values, and log the rest"


def miniature_stays_inside(subject: Subject) -> Iterator[str]:
    """The miniature is written into its folder and nowhere else."""
    for path in subject.seen_from_outside["miniature"]:
        yield f"writing the miniature also writes {path}"


CHECKS: tuple[Check, ...] = (
    random_state,
    warning_filters,
    sys_path,
    no_network,
    no_printing,
    miniature_stays_inside,
)
