"""The labels of a dataset: their numbers, and which occur together."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets import describe
from xrv_plot.canvas import FAINT, check_labels, figure_of, new_figure, text_on, words

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = ["plot_label_cooccurrence", "plot_totals"]

_POSITIVE, _OTHER = "#0072B2", "#E69F00"
_MANY = 16  # labels, above which numbers are written smaller


def plot_totals(dataset: Dataset, labels: str | Iterable[str] | None = None, *, axes: Axes | None = None) -> Figure:
    """Draw how many images are positive, negative and unknown, by label.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol. No image is opened.
        labels: The labels to draw; None: all.
        axes: Where to draw; None: on a new figure.

    Returns:
        The figure: a bar for each label, with the number of positives and their share of the known values.

    Raises:
        ArgumentError: An unknown label, or no label.
    """
    names = check_labels(dataset, labels)
    found = {label.name: label for label in describe(dataset).labels}
    counts = [found[name] for name in names]
    if axes is None:
        axes = new_figure(6.6, 0.26 * len(names) + 1.3).add_subplot()
    parts = [
        ("positive", [c.positive for c in counts], {"color": _POSITIVE}),
        ("other value", [c.other for c in counts], {"color": _OTHER}),
        ("negative", [c.negative for c in counts], {"color": FAINT, "alpha": 0.6}),
        ("unknown", [c.unknown for c in counts], {"facecolor": "none", "edgecolor": FAINT, "linewidth": 0.6}),
    ]
    left = np.zeros(len(names))
    for title, numbers, style in parts:
        if any(numbers):
            axes.barh(range(len(names)), numbers, left=left, height=0.72, label=title, **style)
        left += numbers
    for row, count in enumerate(counts):
        share = "" if count.share is None else f"  ({100 * count.share:.1f} %)"
        axes.annotate(f"{count.positive:,}{share}", (1.01, row), xycoords=("axes fraction", "data"), fontsize=8,
                      va="center", annotation_clip=False)  # fmt: skip
    _finish_totals(axes, names, len(dataset))
    return figure_of(axes)


def _finish_totals(axes: Axes, names: list[str], n: int) -> None:
    from matplotlib.ticker import MaxNLocator, StrMethodFormatter

    axes.set_yticks(range(len(names)), [words(name) for name in names], fontsize=8)
    axes.set(ylim=(len(names) - 0.5, -0.5), xlim=(0, max(n, 1)))
    axes.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.xaxis.set_major_formatter(StrMethodFormatter("{x:,.0f}"))
    axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="y", length=0)
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.set_xlabel("images", fontsize=8)
    axes.set_title(f"Labels of {n:,} images; right: positives and their share of the known values", fontsize=9)
    handles, titles = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, titles, loc="upper center", bbox_to_anchor=(0.5, -0.55 / _inches(axes)), ncols=4,
                    fontsize=8, frameon=False)  # fmt: skip


def _inches(axes: Axes) -> float:
    """Height of the axes, about."""
    figure: Any = figure_of(axes)
    return max(float(figure.get_figheight() * axes.get_position().height), 0.5)


def plot_label_cooccurrence(
    dataset: Dataset, labels: str | Iterable[str] | None = None, *, axes: Axes | None = None
) -> Figure:
    """Draw which labels are present together.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract. No image is opened.
        labels: Which labels; None means all.
        axes: Where to draw; None makes a figure.

    Returns:
        The figure: a matrix of the numbers of images in which both labels are 1 (diagonal: the one is 1). The colour
        is the share of the images positive for the row, and known for the column, that are positive for the column.

    Raises:
        ArgumentError: A label that the dataset does not have, or no label.
    """
    names = check_labels(dataset, labels)
    together, share = _cooccurrence(dataset, names)
    if axes is None:
        side = 0.42 * len(names)
        axes = new_figure(side + 2.6, side + 1.9).add_subplot()
    _draw_matrix(axes, names, together, share)
    return figure_of(axes)


def _cooccurrence(dataset: Dataset, names: list[str]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Numbers of images with both labels, and the shares that are drawn; the shares of the diagonal are NaN."""
    everything = list(dataset.pathologies)
    values = dataset.labels[:, [everything.index(name) for name in names]]
    present, known = (values == 1).astype(np.float64), (~np.isnan(values)).astype(np.float64)
    together = present.T @ present
    base = present.T @ known
    share = np.divide(together, base, out=np.full(together.shape, np.nan), where=base > 0)
    np.fill_diagonal(share, np.nan)
    return together.astype(np.int64), share


def _draw_matrix(axes: Axes, names: list[str], together: NDArray[np.int64], share: NDArray[np.float64]) -> None:
    from matplotlib import colormaps
    from matplotlib.colors import Normalize

    finite = share[np.isfinite(share)]
    scale, colours = (
        Normalize(0, float(finite.max()) if finite.size and finite.max() > 0 else 1.0),
        colormaps["cividis"],
    )
    shown = axes.imshow(share, cmap=colours, norm=scale)
    size = 7 if len(names) <= _MANY else 5
    for (row, column), number in np.ndenumerate(together):
        value = share[row, column]
        ink = {} if np.isnan(value) else {"color": text_on(colours(scale(value))[:3])}
        weight = "bold" if row == column else "normal"
        axes.text(column, row, _short(int(number)), ha="center", va="center", fontsize=size, weight=weight, **ink)
    titles = [words(name) for name in names]
    axes.set_xticks(range(len(names)), titles, rotation=45, ha="right", rotation_mode="anchor", fontsize=8)
    axes.set_yticks(range(len(names)), titles, fontsize=8)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_title("Images with both labels (diagonal: with the one)", fontsize=9)
    bar = figure_of(axes).colorbar(shown, ax=axes, shrink=0.8, aspect=25)
    bar.set_label("share of the row's positives", fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _short(number: int) -> str:
    """At most four characters: 950, 1.2k, 23k."""
    if number < 1000:
        return str(number)
    return f"{number / 1000:.1f}k" if number < 9950 else f"{number / 1000:.0f}k"
