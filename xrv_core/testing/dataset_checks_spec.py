"""Checks of a dataset's spec and of what can be told before any data is opened."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from xrv_core.api import load_factory
from xrv_core.testing.results import Check, described

if TYPE_CHECKING:
    from xrv_core.testing.subject import Subject

__all__ = ["CHECKS"]

_NOTHING = {"", "none", "na", "unknown", "unclear", "tbd", "tba", "todo", "to do", "fill in", "missing", "see homepage"}
_SCHEMES = ("https://", "http://", "package://")


def spec_texts(subject: Subject) -> Iterator[str]:
    """Licence, citation, homepage and how to obtain the data say something."""
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


def spec_counts(subject: Subject) -> Iterator[str]:
    """The numbers of images, frontal images and patients can be true together."""
    spec = subject.spec
    for key in ("images", "images_frontal", "patients"):
        number = getattr(spec, key)
        if number is not None and (not isinstance(number, int) or number < 1):
            yield f"{key}={number!r} is no count"
        elif number is not None and spec.images is not None and number > spec.images:
            yield f"{key}={number} is more than images={spec.images}"


def spec_tables(subject: Subject) -> Iterator[str]:
    """Metadata tables can be fetched from where the spec says."""
    for asset in subject.spec.tables:
        for url in asset.urls:
            if not url.startswith(_SCHEMES):
                yield f"table {asset.name!r}: {url!r} is no address of a file"


def spec_relations(subject: Subject) -> Iterator[str]:
    """Views are named once, and overlaps name other datasets."""
    spec = subject.spec
    if len(set(spec.views)) < len(spec.views) or not all(v.strip() for v in spec.views):
        yield f"views={spec.views!r} are blank or named twice"
    if {spec.name, *spec.aliases} & set(spec.overlaps):
        yield "overlaps names the dataset itself"


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
        target = getattr(spec, key)
        try:
            if target and not callable(load_factory(spec, target)):
                yield f"{key}={target!r} cannot be called"
        except Exception as error:
            yield f"{key}={target!r}: {described(error)}"


def listing_is_light(subject: Subject) -> Iterator[str]:
    """Listing the dataset in a fresh process loads no heavy library."""
    heavy = subject.seen_from_outside["listing"]
    if heavy:
        yield f"listing it loads {', '.join(heavy)}: import those where they are used, not in plugin.py"


def import_touches_nothing(subject: Subject) -> Iterator[str]:
    """Importing its code sets no warning filter, random state or sys.path, and prints nothing."""
    yield from subject.seen_from_outside["import"]


CHECKS: tuple[Check, ...] = (
    spec_texts,
    spec_counts,
    spec_tables,
    spec_relations,
    spec_is_plain_data,
    code_is_found,
    listing_is_light,
    import_touches_nothing,
)
