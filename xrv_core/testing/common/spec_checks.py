"""Checks of the spec of a dataset or model, and of its code before it is used."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from xrv_core.api import load_factory
from xrv_core.specs import Asset
from xrv_core.testing.common.results import Check, described
from xrv_core.testing.common.subject import Subject

__all__ = ["CODE_CHECKS", "bad_addresses", "spec_texts"]

_EMPTY = {"", "none", "na", "unknown", "unclear", "tbd", "tba", "todo", "to do", "fill in", "missing", "see homepage"}
_WEB = ("https://", "http://")


def bad_addresses(asset: Asset) -> Iterator[str]:
    """A problem for each address of ``asset`` that cannot be fetched."""
    for url in asset.urls:
        if not url.startswith((*_WEB, "package://")):
            yield f"{asset.name!r}: {url!r} is not the address of a file"


def spec_texts(subject: Subject) -> Iterator[str]:
    """Title, licence, citation, homepage and ``obtain`` contain information."""
    spec = subject.spec
    for key in ("title", "licence", "citation", "homepage", "obtain"):
        text = getattr(spec, key)
        if re.sub(r"[^a-z ]", "", text.lower()).strip() in _EMPTY | {key}:
            yield f"{key}={text!r} contains no information"
    if not spec.homepage.startswith(_WEB) and " " not in spec.homepage:
        yield f"homepage={spec.homepage!r} is neither a web address nor a description of a place"
    if len(spec.obtain.split()) < 3:
        yield f"obtain={spec.obtain!r} is not an instruction that a person can follow"
    if "\n" in spec.title or len(spec.title) > 100:
        yield f"title={spec.title[:40]!r}... is longer than one line of 100 characters"


def spec_is_plain_data(subject: Subject) -> Iterator[str]:
    """The spec can be written as JSON."""
    try:
        json.dumps(subject.spec.to_dict(), default=dict)
    except (TypeError, ValueError) as error:
        yield f"to_dict() cannot be written as JSON: {error}"


def code_is_found(subject: Subject) -> Iterator[str]:
    """The factory, and the miniature if there is one, can be imported and called."""
    spec = subject.spec
    for key in ("factory", "miniature"):
        target = getattr(spec, key, "")
        try:
            if target and not callable(load_factory(spec, target)):
                yield f"{key}={target!r} cannot be called"
        except Exception as error:
            yield f"{key}={target!r}: {described(error)}"


def listing_is_light(subject: Subject) -> Iterator[str]:
    """Listing it in a fresh process imports no heavy library."""
    heavy = subject.fresh_process["listing"]
    if heavy:
        yield f"listing it imports {', '.join(heavy)}: import them where they are used, not in plugin.py"


def import_touches_nothing(subject: Subject) -> Iterator[str]:
    """Importing its code sets no warning filter, random state or sys.path, and prints nothing."""
    yield from subject.fresh_process["import"]


#: Those that look at the code.
CODE_CHECKS: tuple[Check, ...] = (spec_is_plain_data, code_is_found, listing_is_light, import_touches_nothing)
