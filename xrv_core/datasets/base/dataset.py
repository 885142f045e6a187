"""The base of every dataset: filtering, labels, items and masks, written once.

``XrayDataset`` is for anything that has rows and can give the pixels of one; ``FileDataset`` (files.py)
adds image files and a metadata table, and is what most plugins subclass.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base.batches import Masks
from xrv_core.datasets.base.labelled import Labelled
from xrv_core.datasets.tables import COMMON_COLUMNS, LABEL_POLICIES
from xrv_core.errors import ArgumentError, ImageError, suggestion
from xrv_core.protocols import Sample
from xrv_core.specs import DatasetSpec

__all__ = ["XrayDataset"]


class XrayDataset(Labelled):
    """Rows with labels, and pixels made or read when an item is asked for.

    A subclass says what is particular to it:

    * ``pixels(row)``: float32 array ``[1, H, W]`` in [-1024, 1024] of a row of ``csv``;
    * ``pathology_masks_of(row, shape)`` and ``semantic_masks_of(row, shape)``, if it has masks:
      ``{label name -> [1, H, W]}`` with values in 0..1;

    and calls ``super().__init__`` with its whole table and label matrix.

    Args:
        spec: The dataset's spec.
        csv: N rows with every one of ``COMMON_COLUMNS``.
        labels: float32 ``[N, P]``.
        pathologies: Names of the P columns; default ``spec.pathologies``.
        views: Keep these views only, such as ``["PA", "AP"]``; None or ``"*"`` keeps all.
        unique_patients: Keep one *real* row for each patient: the earliest day, ties broken by
            ``order`` and then ``source_uid``. Rows whose patient is unknown are kept.
        transform: A ``torchvision.transforms.v2`` transform, a v1 one or any callable on an image
            tensor ``[1, H, W]``; masks get the same geometry.
        pathology_masks: Add ``sample["pathology_masks"]``.
        semantic_masks: Add ``sample["semantic_masks"]``.
        label_policy: Which rules made ``labels``, kept for the record.
        order: N numbers that put a patient's images in time where the source does not give days.

    Raises:
        ArgumentError: An argument that cannot be used, or filters that leave no row.
    """

    #: Kinds of masks this class can give; asking for another kind is an error.
    gives_pathology_masks: ClassVar[bool] = False
    gives_semantic_masks: ClassVar[bool] = False

    def __init__(  # noqa: PLR0917 -- what a subclass gives comes before the options that users give
        self,
        spec: DatasetSpec,
        csv: pd.DataFrame,
        labels: NDArray[np.float32],
        pathologies: Sequence[str] | None = None,
        order: pd.Series[Any] | None = None,
        label_policy: str = "strict",
        *,
        views: Sequence[str] | str | None = None,
        unique_patients: bool = False,
        transform: Callable[..., Any] | None = None,
        pathology_masks: bool = False,
        semantic_masks: bool = False,
    ) -> None:
        self.spec = spec
        self.pathologies = list(spec.pathologies if pathologies is None else pathologies)
        if label_policy not in LABEL_POLICIES:
            raise ArgumentError(f"label_policy={label_policy!r} is none of: {', '.join(LABEL_POLICIES)}.")
        self.label_policy = label_policy
        if transform is not None:
            self.transform = transform
        kinds = {
            "pathology_masks": (pathology_masks, self.gives_pathology_masks),
            "semantic_masks": (semantic_masks, self.gives_semantic_masks),
        }
        for argument, (wanted, there) in kinds.items():
            if wanted and not there:
                raise ArgumentError(f"{spec.name!r} has no {argument.replace('_', ' ')}: leave {argument} out.")
        self.pathology_masks, self.semantic_masks = bool(pathology_masks), bool(semantic_masks)
        assert set(COMMON_COLUMNS) <= set(csv.columns), set(COMMON_COLUMNS) - set(csv.columns)
        assert labels.shape == (len(csv), len(self.pathologies)), (labels.shape, len(csv), self.pathologies)
        keep = np.arange(len(csv)) if views is None else self._rows_of_views(csv, views)
        if unique_patients:
            when = pd.Series(0, index=range(len(csv))) if order is None else order
            keep = keep[self._first_of_each_patient(csv.iloc[keep], when.iloc[keep])]
        self._kept = keep  # positions in the whole table
        if len(keep) < len(csv):  # a selection copies every column
            csv, labels = csv.iloc[keep], labels[keep]
        self.csv = csv.reset_index(drop=True)
        self.labels = np.ascontiguousarray(labels, dtype=np.float32)

    # -- what a subclass says

    def pixels(self, row: int) -> NDArray[np.float32]:
        """The pixels of row ``row`` of ``csv``: float32 ``[1, H, W]`` in [-1024, 1024]."""
        raise TypeError(f"{type(self).__name__} does not say how to get its pixels: define pixels(row).")

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        """Masks of row ``row`` by label name, for an image of ``shape`` ``(H, W)``."""
        return {}

    def semantic_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        """Masks of row ``row`` by structure name, for an image of ``shape`` ``(H, W)``."""
        return {}

    def evidence(self, row: int, label: str) -> dict[str, Any]:
        """What the source says about ``label`` in row ``row``: ``{column or table: cell or term}``."""
        return {label: self.csv[label].iloc[row]} if label in self.csv.columns else {}

    # -- what is shared

    def why(self, idx: int, label: str) -> dict[str, Any]:
        """The cells or terms of the source behind one label of one item.

        Args:
            idx: Item.
            label: One of ``pathologies``.

        Returns:
            ``{where: what}``, such as ``{"Finding Labels": "Effusion|Mass"}``; empty where the source is silent.

        Raises:
            ArgumentError: ``label`` is none of ``pathologies``.
            IndexOutOfRange: There is no such item.
        """
        row = self._position(idx)
        if label not in self.pathologies:
            near = suggestion(label, self.pathologies)
            raise ArgumentError(
                f"{label!r} is no label of {self.spec.name!r}.{near} Its labels are: {', '.join(self.pathologies)}."
            )
        known = getattr(self, "_known_labels", None)  # of a relabelled dataset, which may have got columns of NaN
        return self.evidence(row, label) if known is None or label in known else {}

    def _item(self, row: int) -> Sample:
        import torch

        pixels = self.pixels(row)
        shape = (pixels.shape[-2], pixels.shape[-1])
        sample: Sample = {"idx": row, "img": torch.from_numpy(pixels), "lab": self.labels[row].copy()}
        if self.pathology_masks:
            named = self._checked(self.pathology_masks_of(row, shape), row, shape)
            position = {name: i for i, name in enumerate(self.pathologies)}
            sample["pathology_masks"] = Masks(
                (position[name], torch.from_numpy(mask)) for name, mask in named.items() if name in position
            )
        if self.semantic_masks:
            masks = self._checked(self.semantic_masks_of(row, shape), row, shape)
            sample["semantic_masks"] = Masks((name, torch.from_numpy(mask)) for name, mask in masks.items())
        return sample if self._transformed is None else self._transformed(sample)

    def _checked(
        self, masks: dict[str, NDArray[np.float32]], row: int, shape: tuple[int, int]
    ) -> dict[str, NDArray[np.float32]]:
        """``masks``; an ImageError where one is of another shape than its image."""
        for name, mask in masks.items():
            if mask.shape != (1, *shape):
                raise ImageError(
                    f"{self.csv['source_uid'].iloc[row]}: the mask {name!r} is of shape {tuple(mask.shape)}, but its "
                    f"image is of shape {(1, *shape)}. Masks must be [1, H, W] of their image; fit_mask resizes one."
                )
        return masks

    def _rows_of_views(self, csv: pd.DataFrame, views: Sequence[str] | str) -> NDArray[np.intp]:
        """Positions of the rows whose view was asked for."""
        wanted = [views] if isinstance(views, str) else list(views)
        if "*" in wanted:
            return np.arange(len(csv))
        keep = np.flatnonzero(csv["view"].isin(wanted).to_numpy())
        if not len(keep):
            counts = ", ".join(f"{view} ({n})" for view, n in csv["view"].value_counts().sort_index().items())
            raise ArgumentError(f"views={wanted!r} leaves no image of {self.spec.name!r}. Its views are: {counts}.")
        return keep

    def _first_of_each_patient(self, csv: pd.DataFrame, when: pd.Series[Any]) -> NDArray[np.intp]:
        """Positions of each known patient's earliest row, and of all rows of unknown ones."""
        patients = pd.factorize(csv["patientid"])[0]
        unknown = patients == -1
        if unknown.all():
            raise ArgumentError(f"{self.spec.name!r} does not tell who its patients are: leave unique_patients out.")
        day = csv["offset_day_int"].to_numpy(dtype=float, na_value=np.inf)
        uid = pd.factorize(csv["source_uid"], sort=True)[0]
        in_time = np.lexsort((uid, when.to_numpy(dtype=float, na_value=np.inf), day))
        first = ~pd.Series(patients[in_time]).duplicated().to_numpy() | unknown[in_time]
        return np.sort(in_time[first])
