"""Lists that a plugin reads from elsewhere."""

from __future__ import annotations

from dataclasses import dataclass

from xrv_core.specs.models import ClassifierSpec
from xrv_core.specs.types import check_types

__all__ = ["Listing"]


@dataclass(frozen=True, kw_only=True)
class Listing:
    """A list of classifiers that a plugin read from elsewhere, such as a registry of a lab.

    Attributes:
        name: The start of all its names, before the slash.
        origin: Its kind and place, for messages: ``"registry /share/models.toml"``.
        place: Its path or address.
        classifiers: The entries that can be used.
        problems: The problems of the other entries, each a sentence.
    """

    name: str
    origin: str
    place: str
    classifiers: tuple[ClassifierSpec, ...] = ()
    problems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_types(self)
