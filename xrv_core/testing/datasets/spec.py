"""Checks of a dataset's spec."""

from __future__ import annotations

from collections.abc import Iterator

from xrv_core.testing.common.results import Check
from xrv_core.testing.common.spec_checks import CODE_CHECKS, bad_addresses, spec_texts
from xrv_core.testing.datasets.subject import DatasetSubject

__all__ = ["CHECKS"]


def spec_counts(subject: DatasetSubject) -> Iterator[str]:
    """The numbers of images, frontal images and patients fit together."""
    spec = subject.spec
    for key in ("images", "images_frontal", "patients"):
        number = getattr(spec, key)
        if number is not None and (not isinstance(number, int) or number < 1):
            yield f"{key}={number!r} is not a count"
        elif number is not None and spec.images is not None and number > spec.images:
            yield f"{key}={number} is more than images={spec.images}"


def spec_tables(subject: DatasetSubject) -> Iterator[str]:
    """Metadata tables have addresses that can be fetched."""
    for asset in subject.spec.tables:
        yield from (f"table {problem}" for problem in bad_addresses(asset))


def spec_relations(subject: DatasetSubject) -> Iterator[str]:
    """Views are named once each, and overlaps name other datasets."""
    spec = subject.spec
    if len(set(spec.views)) < len(spec.views) or not all(v.strip() for v in spec.views):
        yield f"views={spec.views!r} are blank or named twice"
    if {spec.name, *spec.aliases} & set(spec.overlaps):
        yield "overlaps names the dataset itself"


CHECKS: tuple[Check, ...] = (spec_texts, spec_counts, spec_tables, spec_relations, *CODE_CHECKS)
