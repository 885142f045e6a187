"""Checks that a dataset or model leaves everything else as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress

from xrv_core.testing.common.results import Check
from xrv_core.testing.common.subject import Subject

__all__ = ["SIDE_EFFECTS", "miniature_stays_inside"]


def random_state(subject: Subject) -> Iterator[str]:
    """The global random state of Python, numpy and torch stays as it is. (Building a model may draw from torch's.)"""
    if "random_state" in subject.left_changed:
        yield "its use changes a global random state: use a generator of its own"


def warning_filters(subject: Subject) -> Iterator[str]:
    """The warning filters stay as they are."""
    if "warning_filters" in subject.left_changed:
        yield "its use changes warnings.filters: use `with warnings.catch_warnings():`"


def sys_path(subject: Subject) -> Iterator[str]:
    """``sys.path`` stays as it is."""
    if "sys_path" in subject.left_changed:
        yield "its use changes sys.path"


def no_network(subject: Subject) -> Iterator[str]:
    """Opening a miniature and building a model make no network request."""
    with suppress(Exception):  # other checks report the error; here only the requests until then count
        subject.left_changed  # noqa: B018
    for place in dict.fromkeys(subject.network):
        yield f"it makes a network request to {place}: constructors download nothing"


def no_printing(subject: Subject) -> Iterator[str]:
    """Nothing is printed on stdout."""
    subject.left_changed  # noqa: B018
    text = subject.printed.getvalue()
    if text:
        yield f"it prints {text[:80]!r}: raise errors, return values, and log the rest"


def miniature_stays_inside(subject: Subject) -> Iterator[str]:
    """The miniature is written only into its folder."""
    for path in subject.fresh_process["miniature"]:
        yield f"writing the miniature also writes {path}"


#: Those that apply to datasets and models.
SIDE_EFFECTS: tuple[Check, ...] = (random_state, warning_filters, sys_path, no_network, no_printing)
