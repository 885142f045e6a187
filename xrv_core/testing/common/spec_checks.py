"""Checks of any spec, of a dataset or a model, and of what can be told before it is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Protocol

from xrv_core.api import load_factory
from xrv_core.testing.common.results import described

if TYPE_CHECKING:
    from xrv_core.specs import Asset, Spec

__all__ = [
    "code_is_found",
    "import_touches_nothing",
    "listing_is_light",
    "no_address",
    "spec_is_plain_data",
    "spec_texts",
]

_NOTHING = {"", "none", "na", "unknown", "unclear", "tbd", "tba", "todo", "to do", "fill in", "missing", "see homepage"}
_SCHEMES = ("https://", "http://", "package://")


class _Subject(Protocol):
    @property
    def spec(self) -> Spec: ...
    @property
    def seen_from_outside(self) -> Mapping[str, list[str]]: ...


def no_address(asset: Asset) -> list[str]:
    """Those of its addresses that lead to no file."""
    return [url for url in asset.urls if not url.startswith(_SCHEMES)]


def spec_texts(subject: _Subject) -> Iterator[str]:
    """Licence, citation, homepage and how to obtain it say something."""
    spec = subject.spec
    for key in ("title", "licence", "citation", "homepage", "obtain"):
        text = getattr(spec, key)
        if re.sub(r"[^a-z ]", "", text.lower()).strip() in _NOTHING | {key}:
            yield f"{key}={text!r} says nothing"
    if not spec.homepage.startswith(("https://", "http://")) and " " not in spec.homepage:
        yield f"homepage={spec.homepage!r} is neither a web address nor words that tell a place"
    if len(spec.obtain.split()) < 3:
        yield f"obtain={spec.obtain!r} is no instruction that a person could follow"
    if "\n" in spec.title or len(spec.title) > 100:
        yield f"title={spec.title[:40]!r}... is longer than a line of 100 characters"


def spec_is_plain_data(subject: _Subject) -> Iterator[str]:
    """The spec can be written as JSON."""
    try:
        json.dumps(subject.spec.to_dict(), default=dict)
    except (TypeError, ValueError) as error:
        yield f"to_dict() cannot be written as JSON: {error}"


def code_is_found(subject: _Subject) -> Iterator[str]:
    """The factory, and the miniature if there is one, can be imported and called."""
    spec = subject.spec
    for key in ("factory", "miniature"):
        target = getattr(spec, key, "")
        try:
            if target and not callable(load_factory(spec, target)):
                yield f"{key}={target!r} cannot be called"
        except Exception as error:
            yield f"{key}={target!r}: {described(error)}"


def listing_is_light(subject: _Subject) -> Iterator[str]:
    """Listing it in a fresh process loads no heavy library."""
    heavy = subject.seen_from_outside["listing"]
    if heavy:
        yield f"listing it loads {', '.join(heavy)}: import those where they are used, not in plugin.py"


def import_touches_nothing(subject: _Subject) -> Iterator[str]:
    """Importing its code sets no warning filter, random state or sys.path, and prints nothing."""
    yield from subject.seen_from_outside["import"]
