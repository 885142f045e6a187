"""What a dataset makes of its table: rows, labels and the names of the images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.tables.reading import COMMON_COLUMNS, common_columns

__all__ = ["Index"]


class Index(NamedTuple):
    """What a dataset makes of its table. Row i of ``csv``, ``labels``, ``images`` and ``order`` is image i.

    Attributes:
        csv: N rows with the common columns; the source's own columns stay.
        labels: float32 ``[N, P]`` of 1 / 0 / NaN.
        images: N paths of image files below ``imgpath``, with forward slashes.
        pathologies: Names of the P labels; None means those of the spec.
        order: N numbers that put a patient's images in time where the source does not give days; or None.
        extras: What else the dataset needs later, such as boxes: frames, arrays and plain values by name.
        rows: The row of the source that each image comes from, counted from 0; None where it is not known.
        repeats: A row for each row that was left out because an earlier one is of the same image: ``key``, the image;
            ``first`` and ``again``, their rows; ``differs``, the names of columns, blank where they are equal. Or None.
    """

    csv: pd.DataFrame
    labels: NDArray[np.float32]
    images: pd.Series[Any]
    pathologies: list[str] | None = None
    order: pd.Series[Any] | None = None
    extras: Mapping[str, Any] = {}
    rows: NDArray[np.int64] | None = None
    repeats: pd.DataFrame | None = None

    @classmethod
    def of(
        cls,
        table: pd.DataFrame,
        *,
        images: pd.Series[Any],
        labels: NDArray[np.float32],
        pathologies: list[str] | None = None,
        order: pd.Series[Any] | None = None,
        extras: Mapping[str, Any] | None = None,
        **common: Any,
    ) -> Index:
        """The index of N source rows.

        Args:
            table: N rows, one an image. Its index counts the rows of the source from 0; errors name lines by it.
            images: See the attributes.
            labels: See the attributes.
            pathologies: See the attributes.
            order: See the attributes.
            extras: See the attributes.
            **common: Those of ``patientid``, ``view``, ``offset_day_int``, ``age_years``, ``sex``, ``has_masks`` that
                the source knows, and always ``source_uid``; None is unknown. See ``common_columns``.
        """
        return cls(
            common_columns(table, common),
            labels,
            images.reset_index(drop=True).astype("str"),
            pathologies,
            None if order is None else order.reset_index(drop=True),
            extras or {},
            table.index.to_numpy() if table.index.dtype.kind == "i" else None,
        )

    def with_common(self, **common: Any) -> Index:
        """The index with other values in some of the common columns, as in ``of``."""
        known = {name: self.csv[name] for name in COMMON_COLUMNS}
        return self._replace(csv=common_columns(self.csv, {**known, **common}))

    def take(self, rows: NDArray[np.intp]) -> Index:
        """The index of some of the rows, numbered anew; ``extras`` stay whole."""
        return self._replace(
            csv=self.csv.iloc[rows].reset_index(drop=True),
            labels=self.labels[rows],
            images=self.images.iloc[rows].reset_index(drop=True),
            order=None if self.order is None else self.order.iloc[rows].reset_index(drop=True),
            rows=None if self.rows is None else self.rows[rows],
        )
