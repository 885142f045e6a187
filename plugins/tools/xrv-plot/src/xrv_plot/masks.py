"""Images with the masks of their pathologies, by pathology: Figure 2 of arXiv:2111.00595."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from xrv_core.errors import ArgumentError
from xrv_plot.canvas import bare, check_labels, new_figure, show_xray, words
from xrv_plot.overlay import draw_mask

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = ["plot_masks_grid"]

_INCHES = 1.75


class _Example(NamedTuple):
    idx: int
    image: Any
    mask: Any


def plot_masks_grid(
    dataset: Dataset,
    pathologies: str | Iterable[str] | None = None,
    *,
    per_pathology: int = 4,
    search: int = 200,
    window: tuple[float, float] = (-1024, 1024),
) -> Figure:
    """Draw images with the mask of a pathology over them, one row for each pathology.

    The images are the first ones with such a mask in the order of the dataset; images with the label come first.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol, opened with ``pathology_masks=True``.
        pathologies: The rows; None: all labels with a mask.
        per_pathology: Most images in a row.
        search: Most images that are opened for one pathology.
        window: Pixel values that are black and white.

    Returns:
        A figure with a row of axes for each pathology; axes without an image are empty.

    Raises:
        ArgumentError: An unknown label, a number below 1, samples without masks, or a requested pathology without any
            mask.
    """
    for name, value in (("per_pathology", per_pathology), ("search", search)):
        if value < 1:
            raise ArgumentError(f"{name}={value!r} must be 1 or more.")
    wanted = check_labels(dataset, pathologies)
    masks_in: dict[int, frozenset[int]] = {}
    found = {name: _examples(dataset, name, per_pathology, search, masks_in) for name in wanted}
    without = [name for name, examples in found.items() if not examples]
    rows = {name: examples for name, examples in found.items() if examples}
    if not rows or (pathologies is not None and without):
        whose = f"of {without[0]!r}" if pathologies is not None else "of any of its labels"
        raise ArgumentError(
            f"No mask {whose} was found; at most {search} images per label were opened (search={search})."
        )
    return _draw_grid(dataset, rows, window)


def _draw_grid(dataset: Dataset, rows: dict[str, list[_Example]], window: tuple[float, float]) -> Figure:
    columns = max(map(len, rows.values()))
    figure = new_figure(_INCHES * columns + 0.5, (_INCHES + 0.22) * len(rows) + 0.35)
    grid = figure.subplots(len(rows), columns, squeeze=False)
    for places, (name, examples) in zip(grid, rows.items(), strict=True):
        _draw_row(dataset, places, name, examples, window)
    figure.suptitle("Pathology masks", fontsize=10)
    return figure


def _draw_row(dataset: Dataset, places: Any, name: str, examples: list[_Example], window: tuple[float, float]) -> None:
    for axes, example in zip(places, examples, strict=False):
        show_xray(axes, example.image, window)
        draw_mask(axes, example.mask, 0, name)
        axes.set_title(_short(dataset, example.idx), fontsize=6, pad=2)
    places[0].set_ylabel("\n".join(textwrap.wrap(words(name), 16)), fontsize=9)
    for axes in places[len(examples) :]:
        _empty(axes)


def _empty(axes: Axes) -> None:
    bare(axes)
    axes.patch.set_visible(False)


def _short(dataset: Dataset, idx: int) -> str:
    row = dataset.csv.iloc[idx]
    return textwrap.shorten(str(row.get("source_uid", f"item {idx}")), 32, placeholder="…")


def _examples(
    dataset: Dataset, name: str, wanted: int, search: int, masks_in: dict[int, frozenset[int]]
) -> list[_Example]:
    """The first images with a mask of ``name`` that is not empty; ``masks_in`` keeps the masks seen so far."""
    column = list(dataset.pathologies).index(name)
    found: list[_Example] = []
    opened = 0
    for idx in _candidates(dataset, column):
        if len(found) == wanted or opened == search:
            break
        if column not in masks_in.get(idx, {column}):
            continue
        opened += 1
        sample = dataset[idx]
        if "pathology_masks" not in sample:
            raise ArgumentError("The samples have no pathology_masks: open the dataset with pathology_masks=True.")
        masks = sample["pathology_masks"]
        masks_in[idx] = frozenset(i for i, mask in masks.items() if bool((np.asarray(mask) > 0.5).any()))
        if column in masks_in[idx]:
            found.append(_Example(idx, sample["img"], masks[column]))
    return found


def _candidates(dataset: Dataset, column: int) -> Iterator[int]:
    """Items that may have a mask of a label; items with the label come first.

    If the table does not say which images have masks, items without the label are skipped.
    """
    positive = dataset.labels[:, column] == 1
    masked = dataset.csv.get("has_masks")
    if masked is None:
        yield from np.flatnonzero(positive).tolist()
        return
    has = masked.to_numpy(dtype=bool)
    yield from np.flatnonzero(has & positive).tolist()
    yield from np.flatnonzero(has & ~positive).tolist()
