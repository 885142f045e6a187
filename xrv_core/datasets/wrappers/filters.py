"""Filter a dataset by its labels and its table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.base import check_rows
from xrv_core.datasets.wrappers.views import SubsetDataset, boolean_mask
from xrv_core.errors import ArgumentError, suggestion
from xrv_core.protocols import Dataset

__all__ = ["FilterDataset"]

Query: TypeAlias = "str | Callable[[pd.DataFrame], Any]"


class FilterDataset(SubsetDataset):
    """The items of ``dataset`` that match labels and a query, each once and in their order.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        labels: One or more labels that must be 1, or ``{label: value}``; None: any labels.
        query: A condition on the rows of ``csv``: an expression for ``DataFrame.query``, such as
            ``"age_years >= 60 and sex == 'F'"``, or a function from ``csv`` to N booleans. NA counts as False.
        match: If there are several labels: "any" or "all" must match.
        transform: Applied after the transform of ``dataset``.

    Raises:
        ArgumentError: ``dataset`` does not have a label, or the query cannot be evaluated.
    """

    def __init__(
        self,
        dataset: Dataset,
        labels: str | Iterable[str] | Mapping[str, float] | None = None,
        query: Query | None = None,
        *,
        match: str = "any",
        transform: Callable[..., Any] | None = None,
    ) -> None:
        check_rows(dataset)
        keep = np.ones(len(dataset), dtype=bool)
        if match not in ("any", "all"):
            raise ArgumentError(f"match={match!r} must be 'any' or 'all'.")
        if labels is not None:
            keep &= _by_labels(dataset, labels, match)
        if query is not None:
            keep &= _by_query(dataset.csv, query)
        super().__init__(dataset, np.flatnonzero(keep), transform=transform)


def _by_labels(dataset: Dataset, labels: str | Iterable[str] | Mapping[str, float], match: str) -> NDArray[np.bool_]:
    if isinstance(labels, Mapping):
        wanted = {str(name): float(value) for name, value in labels.items()}
    else:
        wanted = dict.fromkeys([labels] if isinstance(labels, str) else labels, 1.0)
    if not wanted:
        raise ArgumentError("labels=[] is empty. Omit it to keep all items.")
    names = list(dataset.pathologies)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        near = suggestion(unknown[0], names)
        raise ArgumentError(f"{unknown[0]!r} is not a label of this dataset.{near} Its labels are: {', '.join(names)}.")
    columns = dataset.labels[:, [names.index(name) for name in wanted]]
    found = columns == np.array(list(wanted.values()), dtype=np.float32)
    hits: NDArray[np.bool_] = found.any(axis=1) if match == "any" else found.all(axis=1)
    return hits


def _by_query(csv: pd.DataFrame, query: Query) -> NDArray[np.bool_]:
    try:
        found: Any = query(csv) if callable(query) else csv.eval(query)
    except Exception as error:  # pandas raises many classes of errors for a wrong expression
        raise ArgumentError(
            f"query={query!r} cannot be evaluated on csv: {type(error).__name__}: {error}. "
            f"Its columns are: {', '.join(map(str, csv.columns))}."
        ) from error
    mask = boolean_mask(found, len(csv))
    if mask is None:
        raise ArgumentError(f"query={query!r} must give one boolean for each of the {len(csv)} rows of csv.")
    return mask
