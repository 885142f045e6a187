"""Mean images show what a network could learn from a covariate shift: Figure 4 of arXiv:2111.00595."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError
from xrv_plot.canvas import bare, new_figure
from xrv_plot.sites import Sites, ratios_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = ["class_means", "plot_mean_class_difference"]

_BASE = 0.5  # the ratio at which the site has no information about the target
_INCHES = 1.65
_OPTIONS = ("seed", "nsamples", "splits", "by")


class ClassMeans(NamedTuple):
    """Mean images ``[H, W]`` of the negatives and of the positives at one ratio."""

    negative: NDArray[np.float64]
    positive: NDArray[np.float64]

    @property
    def difference(self) -> NDArray[np.float64]:
        """Positives minus negatives."""
        return self.positive - self.negative


def plot_mean_class_difference(
    d1: Dataset,
    d1_target: Any,
    d2: Dataset,
    d2_target: Any,
    ratios: float | Iterable[float] = (0, 0.25, 0.5, 0.75, 1),
    *,
    mode: str = "train",
    names: tuple[str, str] | None = None,
    target: str = "",
    **options: Any,
) -> Figure:
    """Draw mean images of negatives and positives under a covariate shift, and their difference, by ratio.

    Every image of ``mode`` at any of the ratios is opened once.

    Args:
        d1: Site 0; all images of both sites have one size.
        d1_target: One value for each item of ``d1``: 1, 0, or NaN, which leaves the item out.
        d2: Site 1.
        d2_target: The same for ``d2``.
        ratios: One column for each.
        mode: "train", "valid" or "test".
        names: Names of the two sites.
        target: Name of the target.
        **options: ``seed``, ``nsamples``, ``splits`` and ``by``, as for ``CovariateDataset``.

    Returns:
        A figure with a column for each ratio and four rows: mean of the negatives, mean of the positives, positives
        minus negatives, and this minus the same at ratio 0.5. The upper rows share one scale, the lower rows another.

    Raises:
        ArgumentError: An argument is not valid, there are too few items, or images have several sizes.
    """
    sites = Sites.of((d1, d1_target, d2, d2_target), names, target, options, allowed=_OPTIONS)
    wanted = ratios_of(ratios)
    means = class_means(sites, {*wanted, _BASE}, mode)
    figure = _draw_means({ratio: _column(means[ratio], means[_BASE].difference) for ratio in wanted}, sites.classes)
    figure.suptitle(_title(sites, mode), fontsize=9)
    return figure


def _draw_means(means: dict[float, list[NDArray[np.float64]]], classes: tuple[str, str]) -> Figure:
    """The four images of each ratio, one below the other."""
    columns = list(means.values())
    figure = new_figure(_INCHES * len(means) + 1.6, 4 * _INCHES + 1)
    grid = figure.subplots(4, len(means), squeeze=False)
    _draw_rows(figure, grid[:2], [column[:2] for column in columns], _grey(columns), "mean pixel value")
    _draw_rows(figure, grid[2:], [column[2:] for column in columns], _diverging(columns), "difference of pixel values")
    _write_words(grid, list(means), classes)
    return figure


def _write_words(grid: Any, ratios: list[float], classes: tuple[str, str]) -> None:
    """Titles of the columns and rows."""
    titles = [*(f"mean image:\n{name}" for name in classes), "positive\nminus negative", "minus that at\nratio 0.5"]
    for axes, title in zip(grid[:, 0], titles, strict=True):
        axes.set_ylabel(title, fontsize=8)
    for axes, ratio in zip(grid[0], ratios, strict=True):
        axes.set_title(f"ratio {ratio:g}", fontsize=9)
    if _BASE in ratios:
        axes = grid[3, ratios.index(_BASE)]
        words = {"ha": "center", "va": "center", "fontsize": 7, "color": "#555555", "transform": axes.transAxes}
        axes.text(0.5, 0.5, "0 by\ndefinition", **words)


def class_means(sites: Sites, ratios: Iterable[float], mode: str) -> dict[float, ClassMeans]:
    """Mean images of both classes at each ratio; no image is opened twice."""
    uses: dict[tuple[int, int], list[tuple[float, int]]] = {}
    numbers: dict[tuple[float, int], int] = {}
    for ratio in sorted(set(ratios)):
        mixed = sites.mixed(ratio, mode)
        for site, part in enumerate(mixed.dataset.datasets):
            values = mixed.labels[mixed.site == site, 0].astype(int)
            for idx, value in zip(part.idxs.tolist(), values.tolist(), strict=True):  # type: ignore[attr-defined]
                uses.setdefault((site, idx), []).append((ratio, value))
                numbers[ratio, value] = numbers.get((ratio, value), 0) + 1
    sums: dict[tuple[float, int], NDArray[np.float64]] = {}
    shape: tuple[int, ...] | None = None
    for (site, idx), places in sorted(uses.items()):
        image = np.asarray((sites.d1, sites.d2)[site][idx]["img"], dtype=np.float64)[0]
        shape = shape or image.shape
        if image.shape != shape:
            raise ArgumentError(
                f"The images have several sizes ({_by(shape)}, {_by(image.shape)}), so they have no mean. Open the "
                "datasets with transform=Compose([XRayCenterCrop(), XRayResizer(128)])."
            )
        for place in places:
            sums[place] = sums.get(place, 0.0) + image
    return {r: ClassMeans(*(sums[r, value] / numbers[r, value] for value in (0, 1))) for r, value in sums if value}


def _column(means: ClassMeans, base: NDArray[np.float64]) -> list[NDArray[np.float64]]:
    return [means.negative, means.positive, means.difference, means.difference - base]


def _grey(columns: list[list[NDArray[np.float64]]]) -> dict[str, Any]:
    shown = np.stack([column[:2] for column in columns])
    return {"cmap": "gray", "vmin": shown.min(), "vmax": shown.max()}


def _diverging(columns: list[list[NDArray[np.float64]]]) -> dict[str, Any]:
    """A scale with 0 in the middle; borders and burnt-in markers may exceed it, so that the chest is visible."""
    limit = float(np.quantile(np.abs(np.stack([column[2:] for column in columns])), 0.98)) or 1.0
    return {"cmap": "RdBu_r", "vmin": -limit, "vmax": limit}


def _draw_rows(figure: Figure, grid: Any, columns: list[Any], scale: dict[str, Any], unit: str) -> None:
    for place, images in zip(grid.T, columns, strict=True):
        for axes, image in zip(place, images, strict=True):
            shown = axes.imshow(image, interpolation="nearest", **scale)
            bare(axes)
    everything = np.stack([image for images in columns for image in images])
    beyond = "both" if everything.max() > scale["vmax"] or everything.min() < scale["vmin"] else "neither"
    bar = figure.colorbar(shown, ax=grid.ravel().tolist(), shrink=0.8, aspect=25, extend=beyond)
    bar.set_label(unit, fontsize=8)
    bar.ax.tick_params(labelsize=7)


def _title(sites: Sites, mode: str) -> str:
    """The number of images behind the means, and their sites."""
    first, second = sites.names if mode == "train" else sites.names[::-1]
    number = len(sites.mixed(_BASE, mode)) // 2
    return (
        f"Mean images of {mode}, {number:,} of each class. The share “ratio” of the positives is from {second}\n"
        f"and the rest from {first}; for the negatives it is the other way round"
    )


def _by(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape))
