"""The spec of a classifier that a file or a registry describes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from xrv_core.errors import SpecError
from xrv_core.specs.base import check_factory
from xrv_core.specs.models import ClassifierSpec

__all__ = ["BUILDS", "SAVED_FACTORY", "SavedClassifierSpec"]

#: Opens every saved classifier.
SAVED_FACTORY = "xrv_core.models.saved.opening:open_saved"

#: Ways to build a network again: a network of timm, a registered classifier, another function.
BUILDS = ("timm", "registered", "factory")


@dataclass(frozen=True, kw_only=True)
class SavedClassifierSpec(ClassifierSpec):
    """A classifier that ``save_classifier`` wrote, or that a registry lists.

    Attributes:
        build: How the network is built: one of ``BUILDS`` with a name, and ``"options"`` with the
            arguments: ``{"timm": "resnet18", "options": {"in_chans": 3}}``.
        mean: Mean of each channel on the 0..1 scale, for the normalisation of the input; empty for the
            network's own.
        std: Standard deviation of each channel.
        contact: Address for questions.
        trusted: Whether the code that a ``"factory"`` names may run: True for a registry that the user
            chose, False for a file.
        origin: Place of its description, for messages; empty if a plugin offers it.
    """

    build: Mapping[str, Any] = field(hash=False)
    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    contact: str = ""
    trusted: bool = False
    origin: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.pathologies:
            raise SpecError(f"Spec {self.name!r}: 'pathologies' is missing: the names of its outputs, in order.")
        ways = [way for way in BUILDS if way in self.build]
        if len(ways) != 1 or not isinstance(self.build[ways[0]], str) or not self.build[ways[0]]:
            raise SpecError(f"Spec {self.name!r}: say in 'build' one of {', '.join(BUILDS)}, with a name.")
        if not isinstance(self.build.get("options", {}), Mapping):
            raise SpecError(f"Spec {self.name!r}: 'options' of 'build' must be a table of arguments.")
        if ways == ["factory"]:
            check_factory(self.name, self.build["factory"])
        if len(self.mean) != len(self.std) or not all(s > 0 for s in self.std):
            raise SpecError(f"Spec {self.name!r}: 'mean' and 'std' need a number for every channel, and 'std' above 0.")
