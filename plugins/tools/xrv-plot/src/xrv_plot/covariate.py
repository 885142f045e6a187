"""The items of two sites in a covariate shift: Figure 3 of arXiv:2111.00595."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from xrv_plot.canvas import new_figure, text_on, words
from xrv_plot.sites import Sites, ratios_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = ["plot_covariate_split"]

_SITES = ("#0072B2", "#E69F00")  # a dark and a light one, also in a grey print
_MODES = ("train", "valid", "test")


def plot_covariate_split(
    d1: Dataset,
    d1_target: Any,
    d2: Dataset,
    d2_target: Any,
    ratio: float | Iterable[float] = 0.5,
    *,
    names: tuple[str, str] | None = None,
    target: str = "",
    **options: Any,
) -> Figure:
    """Draw how many negatives and positives of two sites are in train, valid and test.

    Args:
        d1: Site 0.
        d1_target: One value for each item of ``d1``: 1, 0, or NaN, which leaves the item out.
        d2: Site 1.
        d2_target: The same for ``d2``.
        ratio: Ratio of the covariate shift, or several, with one row for each.
        names: Names of the two sites.
        target: Name of the target.
        **options: ``seed``, ``splits`` and ``by``, as for ``CovariateDataset``.

    Returns:
        A figure with four axes for each ratio: all items, and those in train, valid and test.

    Raises:
        ArgumentError: An argument is not valid, or there are too few items for every mode.
    """
    sites = Sites.of((d1, d1_target, d2, d2_target), names, target, options, allowed=("seed", "splits", "by"))
    ratios = ratios_of(ratio)
    figure = new_figure(8.2, 2.5 * len(ratios) + 0.6)
    grid = figure.subplots(len(ratios), 4, squeeze=False, gridspec_kw={"wspace": 0.08})
    for places, value in zip(grid, ratios, strict=True):
        _draw_row(places, sites, value)
    for axes, title in zip(grid[0], ("all items", *_MODES), strict=True):
        axes.set_title(title, fontsize=9)
    _draw_legend(figure, sites)
    return figure


def _draw_row(places: Any, sites: Sites, ratio: float) -> None:
    """All items on one scale, then the three modes on another."""
    there, counts = _available(sites), sites.mixed(ratio).counts
    _draw_bars(places[0], there, sites.classes, 1.12 * _highest(there))
    top = 1.12 * max(_highest(counts[mode]) for mode in _MODES)
    for axes, mode in zip(places[1:], _MODES, strict=True):
        _draw_bars(axes, counts[mode], sites.classes, top)
    places[0].set_ylabel(f"ratio {ratio:g}\nimages", fontsize=9)


def _available(sites: Sites) -> dict[tuple[int, int], int]:
    """Numbers of items by site and target, used or not."""
    targets = [np.asarray(t, dtype=np.float32) for t in (sites.d1_target, sites.d2_target)]
    return {(site, value): int((targets[site] == value).sum()) for site in (0, 1) for value in (0, 1)}


def _highest(cells: Mapping[tuple[int, int], int]) -> int:
    return max(cells[0, value] + cells[1, value] for value in (0, 1))


def _draw_bars(axes: Axes, cells: Mapping[tuple[int, int], int], classes: tuple[str, str], top: float) -> None:
    """A bar of negatives and one of positives, each of two sites, with their numbers."""
    from matplotlib.ticker import MaxNLocator

    for value in (0, 1):
        bottom = 0
        for site in (0, 1):
            number = cells[site, value]
            axes.bar(value, number, width=0.62, bottom=bottom, color=_SITES[site], linewidth=0)
            if number:
                _write(axes, value, (bottom, number), top, _SITES[site])
            bottom += number
    if not any(cells.values()):
        axes.text(0.5, 0.5, "no images", ha="center", va="center", fontsize=8, transform=axes.transAxes)
    axes.set(xlim=(-0.5, 1.7), ylim=(0, max(top, 1)), xticks=[0, 1])
    axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
    axes.set_xticklabels(["\n".join(textwrap.wrap(words(name), 12)) for name in classes], fontsize=8)
    axes.tick_params(axis="y", labelsize=7, length=2)
    axes.tick_params(axis="x", length=0)
    axes.spines[["top", "right"]].set_visible(False)


def _write(axes: Axes, value: int, piece: tuple[float, int], top: float, colour: str) -> None:
    """The number inside its piece of the bar, or beside it if the piece is too small."""
    bottom, number = piece
    middle = bottom + number / 2
    if number > 0.09 * top:
        axes.text(value, middle, f"{number:,}", ha="center", va="center", fontsize=8, color=text_on(colour))
    else:  # the number of a thin piece at the bottom is at the bottom too
        where = (middle, "center") if bottom else (0, "bottom")
        axes.text(value + 0.35, where[0], f"{number:,}", ha="left", va=where[1], fontsize=7)


def _draw_legend(figure: Figure, sites: Sites) -> None:
    from matplotlib.patches import Patch

    handles = [Patch(color=colour, label=name) for colour, name in zip(_SITES, sites.names, strict=True)]
    figure.legend(handles=handles, loc="outside lower center", ncols=2, fontsize=8, frameon=False)
    figure.suptitle(
        f"Covariate shift. In train the share “ratio” of the positives is from {sites.names[1]}, in valid and test\n"
        "1 - ratio; for the negatives it is the other way round",
        fontsize=9,
    )
