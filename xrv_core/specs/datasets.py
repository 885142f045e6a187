"""The spec of a dataset."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xrv_core.errors import SpecError
from xrv_core.specs.assets import Asset
from xrv_core.specs.base import Factory, Spec, check_factory, check_unique

__all__ = ["DatasetSpec"]


@dataclass(frozen=True, kw_only=True)
class DatasetSpec(Spec):
    """A dataset. Counts are those of the official release, None where unknown.

    Attributes:
        pathologies: Label names in column order; empty where they depend on the data given.
        views: Views the release holds, such as ``("PA", "AP")``.
        images: Number of images.
        images_frontal: Number of PA and AP images.
        patients: Number of patients.
        region: Where the images were taken.
        masks: Kinds of masks, such as ``("boxes",)`` or ``("lungs",)``.
        tables: Metadata tables that are fetched when no ``csvpath`` is given.
        terms: Terms of access that the user accepts by using the data.
        miniature: ``"package.module:function"`` that writes a few synthetic rows in the official
            layout, called as ``function(spec, folder)``, returns the arguments that open them.
        synthetic: True if no image shows a real patient.
        overlaps: Other collections that show the same patients, as registry names.
        positives: Published number of positive images of the whole release, by label, where known.
    """

    pathologies: tuple[str, ...] = ()
    views: tuple[str, ...] = ()
    images: int | None = None
    images_frontal: int | None = None
    patients: int | None = None
    region: str = ""
    masks: tuple[str, ...] = ()
    tables: tuple[Asset, ...] = ()
    terms: str = ""
    miniature: Factory = ""
    synthetic: bool = False
    overlaps: tuple[str, ...] = ()
    positives: Mapping[str, int] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unique(self.name, "pathologies", self.pathologies)
        unknown = sorted(set(self.positives) - set(self.pathologies))
        if unknown:
            raise SpecError(f"Spec {self.name!r}: 'positives' counts {unknown[0]!r}, which is not in 'pathologies'.")
        if self.miniature:
            check_factory(self.name, self.miniature)
