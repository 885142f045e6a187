"""CheXlocalize."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_chexpert.dataset import CheXpertImages
from xrv_chexpert.segmentations import read_segmentations
from xrv_core import DatasetSpec
from xrv_core.datasets import Index, coco_rle_mask
from xrv_core.errors import ArgumentError


class CheXlocalizeDataset(CheXpertImages):
    """CheXlocalize: CheXpert's validation or test images, with radiologists' labels and segmentations.

    Args:
        spec: The spec of ``chexlocalize``.
        imgpath: The folder that holds ``val`` or ``test``, or one above it (``CheXpert`` of the release, or
            ``CheXpert-v1.0`` where the folder is ``valid``); or an archive of it. None opens labels and table only.
        csvpath: ``val_labels.csv`` or ``test_labels.csv``. The test table has no age, no sex, and no AP or PA.
        segmentations: ``gt_segmentations_val.json`` or ``gt_segmentations_test.json``; None: there are no masks,
            and ``has_masks`` is False everywhere.
        **options: ``uncertain`` and ``blank``, see ``ChexpertLabelled``; the others, see ``FileDataset``.

    Raises:
        ArgumentError: ``pathology_masks`` without ``segmentations``, or no ``csvpath``.
        TableError: ``segmentations`` is a file of another kind; for other errors see ``CheXpertDataset``.
    """

    gives_pathology_masks = True

    def __init__(
        self,
        spec: DatasetSpec,
        imgpath: str | Path | None = None,
        csvpath: str | Path | None = None,
        *,
        segmentations: str | Path | None = None,
        **options: Any,
    ) -> None:
        if options.get("pathology_masks") and segmentations is None:
            raise ArgumentError(
                f"{spec.name!r} reads its masks from gt_segmentations_val.json or gt_segmentations_test.json: pass "
                "segmentations=..., or omit pathology_masks."
            )
        self._drawn_in = segmentations
        self.segmentations = {} if segmentations is None else read_segmentations(segmentations, spec)
        super().__init__(spec, imgpath, csvpath, **options)

    def build(self, table: pd.DataFrame) -> Index:
        index = super().build(table)
        names = index.csv["source_uid"].str.removeprefix("chexpert:")
        return index.with_common(has_masks=names.isin(list(self.segmentations)))

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        name = self.csv["source_uid"].iloc[row].removeprefix("chexpert:")
        found = self.segmentations.get(name, {})
        return {
            label: coco_rle_mask(rle, shape, where=f"{self._drawn_in}, {name}, {label}") for label, rle in found.items()
        }
