"""The colours of points: by a label, a view, a source or an age."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, suggestion
from xrv_features.items import LABEL, items_table

__all__ = ["CATEGORIES", "OTHER", "Colouring", "check_colours", "colour_column", "colouring", "default_colour"]

#: Number of colours that people with any colour vision can distinguish; further categories share one.
CATEGORIES = 6
#: Categories with a smaller share of the images are rare: they are drawn larger and on top.
RARE = 0.05
#: Codes of the categories that share a colour, and of items with an unknown value.
OTHER, UNKNOWN = CATEGORIES, -1
_UNKNOWN_WORDS = frozenset({"", "unknown"})


@dataclass(frozen=True)
class Colouring:
    """The colour of every item.

    Attributes:
        title: Name of the label or column.
        names: Categories in the order of the legend; empty where ``values`` are shown on a scale.
        codes: int ``[N]``: number of the colour, ``OTHER``, or -1 where the value is unknown.
        values: float64 ``[N]``, NaN where the value is unknown; None for categories.
        texts: The value of each item as text.
        counts: Items by code.
    """

    title: str
    names: list[str]
    codes: NDArray[np.int64]
    values: NDArray[np.float64] | None = None
    texts: list[str] = field(default_factory=list)

    @property
    def counts(self) -> dict[int, int]:
        """Number of items by code, in the order of the legend: categories, other, unknown."""
        found = {code: int((self.codes == code).sum()) for code in [*range(OTHER + 1), UNKNOWN]}
        return {code: number for code, number in found.items() if number}

    @property
    def rare(self) -> NDArray[np.bool_]:
        """Whether each item belongs to a rare category, which is hard to see among the others."""
        few = [code for code, number in self.counts.items() if number < RARE * len(self.codes)]
        found: NDArray[np.bool_] = np.isin(self.codes, few) & (self.codes != UNKNOWN) & (self.values is None)
        return found

    def legend(self, width: int = 1000) -> list[tuple[int, str]]:
        """Codes and words of the legend, with numbers of items; for a scale, only what it does not show.

        Names of more than ``width`` characters are cut.
        """
        words = {i: name if len(name) <= width else f"{name[: width - 1]}…" for i, name in enumerate(self.names)}
        words |= {OTHER: "other", UNKNOWN: "unknown"}
        return [(code, f"{words[code]} ({number:,})") for code, number in self.counts.items() if code in words]


def default_colour(items: pd.DataFrame) -> list[str]:
    """The source if several datasets were merged, else the view."""
    return [next(name for name in ("source", "site", "view") if name in items.columns)]


def check_colours(dataset: Any, names: Sequence[str]) -> None:
    """Refuse names to colour by that the dataset does not have; raises as ``colour_column``."""
    items = items_table(dataset, [name for name in names if name in dataset.csv.columns])
    for name in names:
        colour_column(items, name)


def colour_column(items: pd.DataFrame, name: str) -> str:
    """The column of ``items`` for ``name``, which is a column or a label without its prefix.

    Raises:
        ArgumentError: No such column or label.
    """
    for column in (name, f"{LABEL}{name}"):
        if column in items.columns:
            return column
    labels = [str(c).removeprefix(LABEL) for c in items.columns if str(c).startswith(LABEL)]
    columns = [str(c) for c in items.columns if not str(c).startswith(LABEL) and c not in ("idx", "source_uid")]
    raise ArgumentError(
        f"No column or label named {name!r} to colour by.{suggestion(name, [*labels, *columns], most=1)} "
        f"Columns: {', '.join(columns)}. Labels: {', '.join(labels) or 'none'}."
    )


def colouring(items: pd.DataFrame, name: str) -> Colouring:
    """How to colour ``items`` by ``name``.

    Labels of 0 and 1 become "present" and "absent"; texts and few whole numbers become categories, the most
    frequent ones with a colour of their own; other numbers are shown on a scale. NaN and "UNKNOWN" are unknown.

    Raises:
        ArgumentError: No such column or label.
    """
    column = colour_column(items, name)
    title = column.removeprefix(LABEL)
    if column == "source":
        names = _source_names(items)
        first = items["source"].drop_duplicates().sort_values().index
        return _categories(title, names, order=[str(name) for name in names[first]])
    values = items[column]
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return _categories(title, values.astype("string"))
    numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.unique(numbers[~np.isnan(numbers)])
    if column.startswith(LABEL) and np.isin(known, [0, 1]).all():
        words = pd.Series(np.where(numbers == 1, "present", "absent"), dtype="string").where(~np.isnan(numbers))
        return _categories(title, words, order=["present", "absent"])
    if len(known) <= CATEGORIES and (known == np.round(known)).all():
        words = pd.Series([f"{n:g}" for n in numbers], dtype="string")
        return _categories(title, words, order=[f"{n:g}" for n in known])
    texts = ["unknown" if np.isnan(n) else f"{n:g}" for n in numbers]
    return Colouring(title, [], np.where(np.isnan(numbers), UNKNOWN, 0), numbers, texts)


def _categories(title: str, words: Any, order: Sequence[str] = ()) -> Colouring:
    """A colour for each of ``order``, else for each word in alphabetical order; if too many, for the most frequent."""
    words = words.where(~words.str.strip().str.lower().isin(_UNKNOWN_WORDS)).reset_index(drop=True)
    counts = words.value_counts()
    names = list(order) or sorted(str(word) for word in counts.index)
    if len(names) > CATEGORIES:
        names = sorted(names, key=lambda word: (-counts.get(word, 0), word))[:CATEGORIES]
    code = {name: i for i, name in enumerate(names)}
    known = words.notna().to_numpy()
    codes = np.array([code.get(w, OTHER) if yes else UNKNOWN for w, yes in zip(words, known, strict=True)], dtype=int)
    texts = [str(w) if yes else "unknown" for w, yes in zip(words, known, strict=True)]
    return Colouring(title, names, codes, None, texts)


def _source_names(items: pd.DataFrame) -> Any:
    """Names of the merged datasets, item by item, with their numbers if two have one name."""
    if "source_name" not in items.columns:
        return items["source"].astype("string")
    pairs = items[["source", "source_name"]].drop_duplicates()
    if pairs["source_name"].is_unique:
        return items["source_name"].astype("string")
    return items["source"].astype("string") + ": " + items["source_name"].astype("string")
