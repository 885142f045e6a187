"""What a plugin read from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from xrv_core.specs.models import ClassifierSpec

__all__ = ["Listing"]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list of classifiers that a plugin read from elsewhere, such as a registry of a lab.

    Attributes:
        name: What the names in it begin with, before the slash.
        origin: What and where it is, for people: ``"registry /share/models.toml"``.
        place: Its path or address.
        classifiers: The entries that can be used.
        problems: What is wrong with the others, each a sentence.
    """

    name: str
    origin: str
    place: str
    classifiers: tuple[ClassifierSpec, ...] = ()
    problems: tuple[str, ...] = ()
