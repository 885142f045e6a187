"""Checks of a dataset's spec and of what can be told before any data is opened."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from xrv_core.testing.common.results import Check
from xrv_core.testing.common.spec_checks import (
    code_is_found,
    import_touches_nothing,
    listing_is_light,
    no_address,
    spec_is_plain_data,
    spec_texts,
)

if TYPE_CHECKING:
    from xrv_core.testing.datasets.subject import Subject

__all__ = ["CHECKS"]


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
        for url in no_address(asset):
            yield f"table {asset.name!r}: {url!r} is no address of a file"


def spec_relations(subject: Subject) -> Iterator[str]:
    """Views are named once, and overlaps name other datasets."""
    spec = subject.spec
    if len(set(spec.views)) < len(spec.views) or not all(v.strip() for v in spec.views):
        yield f"views={spec.views!r} are blank or named twice"
    if {spec.name, *spec.aliases} & set(spec.overlaps):
        yield "overlaps names the dataset itself"


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
