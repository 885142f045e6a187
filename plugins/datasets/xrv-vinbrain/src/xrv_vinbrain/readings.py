"""Read the table of annotations, which has a row for each box of each reader."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets import numbers_in, row_place
from xrv_core.errors import TableError

#: The source's names of labels, if they differ.
TERMS = {
    "Effusion": "Pleural effusion",
    "Other Lesion": "Other lesion",
    "Pleural_Thickening": "Pleural thickening",
    "Pulmonary Fibrosis": "Pulmonary fibrosis",
}
_NO_LABEL = (
    *("No finding", "Clavicle fracture", "Edema", "Emphysema", "Enlarged PA", "Lung cavity", "Lung cyst"),
    *("Mediastinal shift", "Rib fracture", "COPD", "Lung tumor", "Pneumonia", "Tuberculosis"),
    *("Other disease", "Other diseases"),
)
_PLACE = ["x", "y", "width", "height"]
_BOX = ["x_min", "y_min", "x_max", "y_max"]


class Readings(NamedTuple):
    """The readings of N images, in order of their first row in the table.

    Attributes:
        images: One row an image: ``image_id``; ``class_name``, the findings of all readers, such as
            ``"Cardiomegaly|ILD"``; ``rad_id``, the readers, such as ``"R10|R8|R9"``; ``count``, their number.
        votes: ``[N, P]`` number of readers who found the label.
        shown: One row for each box of a label: ``image``, the ascending number of its image; ``rad_id``; ``x``, ``y``,
            ``width``, ``height``.
        means: bool ``[boxes, P]``, the labels of each box.
    """

    images: pd.DataFrame
    votes: NDArray[np.int64]
    shown: pd.DataFrame
    means: NDArray[np.bool_]

    @property
    def count(self) -> NDArray[np.int64]:
        """``[N]`` number of readers of each image."""
        return self.images["count"].to_numpy()

    def positions(self, images: pd.Series[Any]) -> NDArray[np.intp]:
        """The positions of ``images`` in this object."""
        known = self.images["image_id"]
        if len(images) == 1:  # quicker than building an index
            return np.flatnonzero(known == images.iloc[0])
        return np.arange(len(known)) if images.equals(known) else pd.Index(known).get_indexer(images)

    def boxes(self, image: str, column: int) -> list[tuple[float, ...]]:
        """Boxes ``(x, y, width, height)`` of a label on an image, by all readers."""
        return [tuple(box) for box in self._shown(image, column)[_PLACE].to_numpy().tolist()]

    def who(self, image: str, column: int) -> list[str]:
        """The readers who found a label on an image."""
        return sorted(set(self._shown(image, column)["rad_id"]))

    def _shown(self, image: str, column: int) -> pd.DataFrame:
        at = self.positions(pd.Series([image]))
        first, last = np.searchsorted(self.shown["image"].to_numpy(), [at[0], at[0] + 1]) if len(at) else (0, 0)
        return self.shown.iloc[first:last][self.means[first:last, column]]


def read(table: pd.DataFrame, path: Path, labels: Sequence[str], *, exact: bool) -> Readings:
    """Read the annotations of a table.

    Args:
        table: One row for each box of each reader, and for each reader who found nothing; without the column
            ``rad_id`` it is a consensus reading.
        path: The table, for messages.
        labels: The P labels.
        exact: Compare whole names; else substrings in lower case, as in torchxrayvision 1.5.7.

    Raises:
        TableError: A row lacks its image, class or reader, or has an unknown class or an invalid box.
    """
    if "rad_id" not in table:
        table = table.assign(rad_id="consensus")
    _refuse_blanks(table, path)
    image, ids = pd.factorize(table["image_id"])
    reader, names = pd.factorize(table["rad_id"], sort=True)
    kind, kinds = pd.factorize(table["class_name"], sort=True)
    reads = _table(image, reader, (len(ids), len(names)))
    images = pd.DataFrame(
        {
            "image_id": ids,
            "class_name": _joined(_table(image, kind, (len(ids), len(kinds))), kinds),
            "rad_id": _joined(reads, names),
            "count": reads.sum(axis=1, dtype=np.int64),
        }
    )
    means = _meanings(kinds.tolist(), labels, path, exact)[kind]  # [rows, P]
    rows = np.flatnonzero(means.any(axis=1))
    votes = pd.DataFrame(means).groupby([image, reader]).any().groupby(level=0).sum().to_numpy(np.int64)
    rows = rows[np.argsort(image[rows], kind="stable")]
    shown = pd.DataFrame(_boxes(table, rows, path), columns=_PLACE)
    shown.insert(0, "image", image[rows].astype(np.int64))
    shown.insert(1, "rad_id", pd.Series(names[reader[rows]], dtype="str"))
    return Readings(images, votes, shown, means[rows])


def _refuse_blanks(table: pd.DataFrame, path: Path) -> None:
    """Raise if a row lacks its image, reader or class."""
    for name in ("image_id", "rad_id", "class_name"):
        blank = table.index[table[name].isna()]
        if len(blank):
            raise TableError(f"{row_place(path, blank[0])}: {name} is blank. Compare the file with its source.")


def _meanings(kinds: list[str], labels: Sequence[str], path: Path, exact: bool) -> NDArray[np.bool_]:
    """Whether each name of the source means each label: ``[kinds, P]``."""
    terms = [TERMS.get(label, label) for label in labels]
    if exact:
        for kind in kinds:
            if kind not in terms and kind not in _NO_LABEL:
                raise TableError(
                    f"{path}: unknown class_name {kind!r}. VinDr-CXR has: {', '.join([*terms, *_NO_LABEL])}."
                )
        return np.array([[kind == term for term in terms] for kind in kinds])
    pairs = [(label.lower(), term.lower()) for label, term in zip(labels, terms, strict=True)]
    return np.array([[label in kind.lower() or term in kind.lower() for label, term in pairs] for kind in kinds])


def _boxes(table: pd.DataFrame, rows: NDArray[np.intp], path: Path) -> NDArray[np.float64]:
    """``x, y, width, height`` of the rows with a finding."""
    corners = numbers_in(table, _BOX)[rows]
    good = (corners[:, :2] >= 0).all(axis=1) & (corners[:, 2:] > corners[:, :2]).all(axis=1)
    for row in table.iloc[rows[~good]].itertuples():
        raise TableError(
            f"{row_place(path, row.Index)}: a finding needs a box with 0 <= x_min < x_max and 0 <= y_min < y_max; "
            f"{row.class_name!r} on {row.image_id!r} has x {row.x_min} to {row.x_max} and y {row.y_min} to {row.y_max}."
        )
    return np.hstack([corners[:, :2], corners[:, 2:] - corners[:, :2]])


def _table(image: NDArray[Any], value: NDArray[Any], size: tuple[int, int]) -> NDArray[np.bool_]:
    """Which values each image has: bool ``[images, values]``."""
    table = np.zeros(size, dtype=bool)
    table[image, value] = True
    return table


def _joined(table: NDArray[np.bool_], names: pd.Index[Any]) -> pd.Series[Any]:
    """The names that belong to each image, separated by bars."""
    sets, at = np.unique(table, axis=0, return_inverse=True)  # few sets of names are different
    texts = pd.Series(["|".join(names[row]) for row in sets], dtype="str")
    return texts.take(at.reshape(-1)).reset_index(drop=True)
