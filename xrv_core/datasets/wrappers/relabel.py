"""Give a dataset other label columns, in place as in the paper or as a view. No label is lost."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets.base import check_rows
from xrv_core.datasets.wrappers.views import View
from xrv_core.errors import ArgumentError, logger, suggestion
from xrv_core.protocols import Dataset

__all__ = ["RelabelledDataset", "Relabelling", "relabel_dataset"]

_log = logger(__name__)


class Relabelling(NamedTuple):
    """The result of relabelling.

    Attributes:
        kept: Labels of the dataset that stay, in the new order.
        dropped: Labels that are removed; relabelling back restores them.
        added: New labels, all NaN (unknown).
    """

    kept: list[str]
    dropped: list[str]
    added: list[str]

    @property
    def unmatched(self) -> dict[str, str]:
        """For each new label that looks like a removed one, the question which was meant: perhaps it is misspelt."""
        asked = {name: suggestion(name, self.dropped).strip() for name in self.added}
        return {name: question for name, question in asked.items() if question}

    def __repr__(self) -> str:
        asked = f", unmatched={self.unmatched}" if self.unmatched else ""
        return f"Relabelling(kept={self.kept}, dropped={self.dropped}, added={self.added}{asked})"

    def tell(self, owner: str) -> None:
        """Log what was done: as a warning where a name may be misspelt, or where no label is left."""
        if self.dropped or self.added:
            _log.info("%s: dropped %s; added as NaN %s", owner, self.dropped, self.added)
        for name, question in self.unmatched.items():
            _log.warning("%s has no label %r, so all its values are NaN. %s", owner, name, question)
        if not self.kept and not self.unmatched:
            _log.warning("%s has none of the labels %s: all values are NaN.", owner, self.added)


def relabel_dataset(pathologies: Iterable[str], dataset: Dataset) -> Relabelling:
    """Give ``dataset`` the label columns ``pathologies``, in that order, in place.

    New columns are NaN. Removed columns are kept aside, with any later changes, so that relabelling back
    restores them. (Section 3.3.1 of arXiv:2111.00595.)

    Args:
        pathologies: The new names, such as ``xrv_core.datasets.default_pathologies``.
        dataset: Any object that follows the ``Dataset`` protocol and whose labels can be assigned.

    Returns:
        The labels that are kept, dropped and added; they are also logged, as a warning where a name may be misspelt.

    Raises:
        ArgumentError: Invalid names, or the labels cannot be assigned; then the dataset is not changed.
    """
    names = label_names(pathologies)
    known = _known_columns(dataset)
    done = _relabelling(names, dataset.pathologies, known)
    before = {"pathologies": dataset.pathologies, "labels": dataset.labels, "_known_labels": _stash(dataset)}
    after = {"pathologies": names, "labels": label_columns(known, names, len(dataset)), "_known_labels": known}
    try:
        for key, value in after.items():
            setattr(dataset, key, value)
    except AttributeError as error:
        for key, value in before.items():
            if getattr(dataset, key, None) is not value:
                setattr(dataset, key, value)
        raise ArgumentError(
            f"The labels of {type(dataset).__name__} cannot be assigned ({error}). "
            "Use a view instead: xrv_core.datasets.RelabelledDataset(dataset, pathologies)."
        ) from error
    done.tell(type(dataset).__name__)
    return done


class RelabelledDataset(View):
    """A view of ``dataset`` with other label columns; new columns are NaN.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol; it is not changed.
        pathologies: The new names, in order.
        transform: Applied after the transform of ``dataset``.

    Attributes:
        relabelling: The labels that are kept, dropped and added.

    Raises:
        ArgumentError: Invalid names.
    """

    def __init__(
        self, dataset: Dataset, pathologies: Iterable[str], *, transform: Callable[..., Any] | None = None
    ) -> None:
        check_rows(dataset)
        self.dataset = dataset
        self.transform = transform
        self.pathologies = label_names(pathologies)
        known = _known_columns(dataset)
        self.relabelling = _relabelling(self.pathologies, dataset.pathologies, known)
        self.relabelling.tell(type(dataset).__name__)
        self.labels = label_columns(known, self.pathologies, len(dataset))
        self.csv = dataset.csv


def label_names(pathologies: Iterable[str]) -> list[str]:
    """``pathologies`` as a list of different, non-empty names; anything else is an ArgumentError."""
    names = [] if isinstance(pathologies, str) else list(pathologies)
    if not names or not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
        raise ArgumentError(
            f"pathologies must be a list of different, non-empty names, like ['Mass', 'Nodule']; got {pathologies!r}."
        )
    return [str(name) for name in names]


def label_columns(known: Mapping[str, NDArray[np.float32]], names: list[str], rows: int) -> NDArray[np.float32]:
    """float32 ``[rows, len(names)]`` of the known columns; NaN for the others."""
    matrix = np.full((rows, len(names)), np.nan, dtype=np.float32)
    for i, name in enumerate(names):
        if name in known:
            matrix[:, i] = known[name]
    return matrix


def _stash(dataset: Any) -> dict[str, NDArray[np.float32]]:
    found: dict[str, NDArray[np.float32]] = getattr(dataset, "_known_labels", None) or {}
    return found


def _known_columns(dataset: Dataset) -> dict[str, NDArray[np.float32]]:
    """Every column that ``dataset`` has or had, except those that relabelling added and that are still empty."""
    known = dict(_stash(dataset))
    for i, name in enumerate(dataset.pathologies):
        column = dataset.labels[:, i]
        if name in known or not _stash(dataset) or not np.isnan(column).all():
            known[str(name)] = column.copy()
    return known


def _relabelling(names: list[str], before: Iterable[str], known: Mapping[str, Any]) -> Relabelling:
    return Relabelling(
        kept=[name for name in names if name in known],
        dropped=[name for name in before if name not in names and name in known],
        added=[name for name in names if name not in known],
    )
