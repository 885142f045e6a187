"""Known overlaps of collections (``overlaps.toml``), and checks that use them."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

__all__ = [
    "Overlap",
    "between",
    "collection_of",
    "collections_in",
    "leaves",
    "training_overlaps",
]


class Overlap(NamedTuple):
    """Two collections that are known to share patients.

    Attributes:
        one, other: The collections.
        reason: What they share, in words.
        remedy: How to find the shared images, in words; empty if there is no way.
        reference: The source of this fact.
    """

    one: str
    other: str
    reason: str
    remedy: str = ""
    reference: str = ""

    def __str__(self) -> str:
        return f"{self.one} and {self.other}: {self.reason}" + (f" ({self.reference})" if self.reference else "")


@functools.cache
def _facts() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("overlaps.toml").read_text("utf-8"))


def collection_of(name: str) -> str:
    """The collection that the images of the dataset ``name`` come from."""
    return str(_facts()["collections"].get(name, name))


def collections_in(source_uids: pd.Series[Any]) -> pd.Series[Any]:
    """The collection of each image: the text before the first colon, or ""."""
    names = source_uids.astype("str")
    return names.str.partition(":")[0].where(names.str.contains(":", regex=False), "") if len(names) else names


def between(one: str, other: str) -> Overlap | None:
    """The known overlap of two different collections."""
    for fact in _facts()["overlap"]:
        if {one, other} == set(fact["collections"]):
            return Overlap(one, other, fact["reason"], fact.get("remedy", ""), fact["reference"])
    return None


def leaves(dataset: Any) -> Iterator[Any]:
    """The datasets below a view, or the dataset itself if it is not a view."""
    below = [*getattr(dataset, "datasets", ()), *([dataset.dataset] if hasattr(dataset, "dataset") else [])]
    if not below:
        yield dataset
    for inner in below:
        yield from leaves(inner)


def training_overlaps(training_data: Sequence[str], dataset: Any) -> list[Overlap]:
    """The overlaps of a model's training data and a test dataset.

    Args:
        training_data: Registry names of datasets; ``name:split`` if only that split was used.
        dataset: The test data. Its parts are compared by the name of their spec, and by ``split`` if they have it.
    """
    found: dict[tuple[str, str], Overlap] = {}
    for trained in training_data:
        name, _, split = trained.partition(":")
        for leaf in leaves(dataset):
            spec = getattr(leaf, "spec", None)
            if spec is None or (split and getattr(leaf, "split", None) not in (None, split)):
                continue
            overlap = _of_names(name, spec)
            if overlap is not None:
                found[trained, spec.name] = overlap._replace(one=trained)
    return list(found.values())


def _of_names(trained: str, spec: Any) -> Overlap | None:
    for fact in _facts()["apart"]:
        if [trained, spec.name] == fact["datasets"]:
            return None
    one, other = collection_of(trained), collection_of(spec.name)
    if one == other:
        return Overlap(trained, spec.name, "the model was trained on images of this collection")
    known = between(one, other)
    if known is None and trained in getattr(spec, "overlaps", ()):
        return Overlap(trained, spec.name, f"the spec of {spec.name} names {trained} as overlapping")
    return known and known._replace(other=spec.name)
