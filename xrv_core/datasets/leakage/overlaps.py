"""Facts about collections that show the same patients (``overlaps.toml``), and where they apply."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pandas as pd

from xrv_core.errors import LeakageError

__all__ = [
    "Overlap",
    "between",
    "check_training_data",
    "collection_of",
    "collections_in",
    "leaves",
    "training_overlaps",
]


class Overlap(NamedTuple):
    """Two collections that are known to show the same patients.

    Attributes:
        one, other: The collections.
        reason: What is shared, in words.
        remedy: What would tell the shared images apart, in words, if anything would.
        reference: Where that is known from.
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
    """The collection that the images of the dataset ``name`` belong to."""
    return str(_facts()["collections"].get(name, name))


def collections_in(source_uids: pd.Series[Any]) -> pd.Series[Any]:
    """The collection of each image: what stands before the first colon; "" where there is none."""
    names = source_uids.astype("str")
    return names.str.partition(":")[0].where(names.str.contains(":", regex=False), "") if len(names) else names


def between(one: str, other: str) -> Overlap | None:
    """What is known of two different collections."""
    for fact in _facts()["overlap"]:
        if {one, other} == set(fact["collections"]):
            return Overlap(one, other, fact["reason"], fact.get("remedy", ""), fact["reference"])
    return None


def leaves(dataset: Any) -> Iterator[Any]:
    """The datasets that a view is made of; a dataset itself otherwise."""
    below = [*getattr(dataset, "datasets", ()), *([dataset.dataset] if hasattr(dataset, "dataset") else [])]
    if not below:
        yield dataset
    for inner in below:
        yield from leaves(inner)


def training_overlaps(training_data: Sequence[str], dataset: Any) -> list[Overlap]:
    """What speaks against testing on ``dataset`` a model that was trained on ``training_data``.

    Args:
        training_data: Registry names of datasets; ``name:split`` where only that split was used.
        dataset: What it is to be tested on. Its parts count by their spec's name, and by ``split`` where they have it.
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


def check_training_data(model: Any, dataset: Any, *, acknowledged: bool = False) -> list[str]:
    """What is known to be shared by a model's training data and ``dataset``, in words.

    Args:
        model: One with a ``spec``, whose ``training_data`` counts; nothing is known of others.
        dataset: What it is to be tested on, or its operating points are to be fitted on.
        acknowledged: Tell, and do not raise.

    Raises:
        LeakageError: Anything is shared, and that was not acknowledged.
    """
    spec = getattr(model, "spec", None)
    overlaps = [str(overlap) for overlap in training_overlaps(getattr(spec, "training_data", ()), dataset)]
    if overlaps and not acknowledged:
        raise LeakageError(
            f"{getattr(spec, 'name', type(model).__name__)!r} may have seen these patients in training. "
            f"{'. '.join(overlaps)}. Numbers from them say little about unseen patients. To go on all the same, pass "
            "acknowledge_leakage=True (on the command line --acknowledge-leakage)."
        )
    return overlaps


def _of_names(trained: str, spec: Any) -> Overlap | None:
    for fact in _facts()["apart"]:
        if [trained, spec.name] == fact["datasets"]:
            return None
    one, other = collection_of(trained), collection_of(spec.name)
    if one == other:
        return Overlap(trained, spec.name, "the model was trained on images of this collection")
    known = between(one, other)
    if known is None and trained in getattr(spec, "overlaps", ()):
        return Overlap(trained, spec.name, f"{spec.name} says that it shows patients of {trained}")
    return known and known._replace(other=spec.name)
