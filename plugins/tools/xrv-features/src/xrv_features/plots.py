"""``plot_projection``: small multiples of one scatter, a colouring each."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core import NOT_MEDICAL
from xrv_core.errors import ArgumentError
from xrv_features.colours import OTHER, UNKNOWN, Colouring, colouring, default_colour
from xrv_features.projection import Projection

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["axis_words", "colourings", "draw_order", "plot_projection", "save_png"]

#: Okabe and Ito's colours, in an order in which the first ones are far apart; then those of other and unknown.
_COLOURS = ("#D55E00", "#0072B2", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_GREYS = {OTHER: "#5f6368", UNKNOWN: "#c3c7cc"}
_INK, _LINE = "#3c4043", "#d5d8dc"
_SIDE = 3.9  # inches of a panel
_COLUMNS = 3
_WORDS = 24  # characters of a category in the legend
_DPI = 150


def plot_projection(
    projection: Projection,
    items: pd.DataFrame,
    color: str | Iterable[str] | None = None,
    *,
    title: str = "",
    subtitle: str = "",
) -> Figure:
    """Draw the points, once for every colouring.

    Points are drawn in a random order (always the same), so that no class covers the others. Unknown ones are grey
    and below all others; those of a category with fewer than 1 in 20 images are larger and on top.

    Args:
        projection: The result of ``project``.
        items: ``Features.items``: row i belongs to point i.
        color: Labels or columns of ``items``; None: "source" where datasets were merged, else "view".
        title: Title of the figure.
        subtitle: Line below the title.

    Returns:
        A figure that is independent of pyplot: ``figure.savefig("features.png", dpi=150)``.

    Raises:
        ArgumentError: No such label or column, or the numbers of points and items differ.
    """
    from matplotlib import style

    found = colourings(projection, items, color)
    ours = {"font.size": 9, "axes.unicode_minus": False}
    with style.context(["default", ours]):  # not the style that the caller has set
        return _figure(projection, found, [text for text in (title, subtitle) if text])


def save_png(figure: Figure, path: Path) -> None:
    """Write a figure on white, whatever style the caller has set."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    FigureCanvasAgg(figure)
    figure.savefig(path, dpi=_DPI, facecolor="white", metadata={"Software": f"xrv-features. {NOT_MEDICAL}"})


def colourings(projection: Projection, items: pd.DataFrame, color: str | Iterable[str] | None) -> list[Colouring]:
    """One colouring for each of ``color``; errors as in ``plot_projection``."""
    if len(projection.points) != len(items):
        raise ArgumentError(
            f"{len(projection.points)} points do not belong to {len(items)} items: give the items of the same features."
        )
    names = [color] if isinstance(color, str) else list(default_colour(items) if color is None else color)
    if not names:
        raise ArgumentError("color is empty: name at least one label or column, or pass None for the default.")
    return [colouring(items, name) for name in names]


def draw_order(panel: Colouring) -> NDArray[np.int64]:
    """Items in the order of drawing: unknown ones, all others shuffled, rare ones."""
    shuffled = np.random.default_rng(0).permutation(len(panel.codes))
    level = np.where(panel.codes == UNKNOWN, 0, 1 + panel.rare)
    return shuffled[np.argsort(level[shuffled], kind="stable")]


def axis_words(projection: Projection) -> tuple[str, str]:
    """Titles of the axes; those of UMAP have no meaning."""
    if projection.method != "pca":
        return "", ""
    first, second = (f"PC {i}, {100 * share:.0f} % of variance" for i, share in enumerate(projection.explained, 1))
    return first, second


def _figure(projection: Projection, panels: list[Colouring], title: list[str]) -> Figure:
    from matplotlib.figure import Figure

    columns = 2 if len(panels) == 4 else min(_COLUMNS, len(panels))
    rows = -(-len(panels) // columns)
    height = (_SIDE * _tall(projection) + 0.75) * rows + 0.25 * len(title)
    figure = Figure(figsize=(_SIDE * columns, height), layout="constrained")
    axes = list(figure.subplots(rows, columns, squeeze=False).flat)
    for each, panel in zip(axes, panels, strict=False):
        _panel(each, projection, panel)
    for each in axes[len(panels) :]:
        each.set_axis_off()
    if title:
        figure.suptitle("\n".join(title), fontsize=10, color=_INK)
    return figure


def _panel(axes: Axes, projection: Projection, panel: Colouring) -> None:
    order = draw_order(panel)
    x, y = projection.points[order].T
    size, alpha = _dots(len(order))
    look: dict[str, Any] = {"s": size * (1 + panel.rare[order]), "alpha": alpha, "linewidths": 0}
    if panel.values is None:
        axes.scatter(x, y, color=[_colour(code) for code in panel.codes[order]], **look)
        _legend(axes, panel.legend(_WORDS), below=0.07)
    else:
        drawn = axes.scatter(x, y, c=panel.values[order], cmap=_scale(), plotnonfinite=True, **look)
        _bar(axes, drawn)
        _legend(axes, panel.legend(_WORDS), below=0.16)
    axes.set_title(panel.title, color=_INK, fontsize=10)
    axes.set_aspect("equal", adjustable="datalim")
    axes.set(xticks=[], yticks=[])
    across, up = axis_words(projection)
    axes.set_xlabel(across, color=_INK, fontsize=8)
    axes.set_ylabel(up, color=_INK, fontsize=8)
    for spine in axes.spines.values():
        spine.set(color=_LINE, linewidth=0.8)


def _scale() -> Any:
    """Viridis without its brightest end, which is hard to see on white; grey for unknown values."""
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    return ListedColormap(colormaps["viridis"](np.linspace(0, 0.93, 256))).with_extremes(bad=_GREYS[UNKNOWN])


def _bar(axes: Axes, drawn: Any) -> None:
    inset = axes.inset_axes((0.2, -0.12, 0.6, 0.03))
    bar: Any = axes.figure.colorbar(drawn, cax=inset, orientation="horizontal")
    bar.solids.set_alpha(1)
    inset.tick_params(labelsize=8, length=2)
    for spine in inset.spines.values():
        spine.set_visible(False)


def _tall(projection: Projection) -> float:
    """Height of a panel relative to its width, as the points need it, within limits."""
    width, height = np.ptp(projection.points, axis=0).astype(float)
    return float(np.clip(height / width, 0.6, 1.2)) if width else 1.0


def _dots(items: int) -> tuple[float, float]:
    """Area in square points and opacity, chosen so that overlapping points stay visible."""
    return float(np.clip(6000 / items, 2, 20)), float(np.clip(0.9 - 0.12 * np.log10(items / 100), 0.35, 0.9))


def _colour(code: int) -> str:
    return _GREYS[code] if code in _GREYS else _COLOURS[code]


def _legend(axes: Axes, entries: Sequence[tuple[int, str]], *, below: float) -> None:
    from matplotlib.lines import Line2D

    short = len(entries) == 3 and sum(len(words) for _, words in entries) < 45
    dots = [Line2D([], [], linestyle="", marker="o", markersize=5, color=_colour(c), label=w) for c, w in entries]
    if dots:
        place: dict[str, Any] = {"loc": "upper center", "bbox_to_anchor": (0.5, -below), "ncols": 3 if short else 2}
        axes.legend(handles=dots, frameon=False, fontsize=8, handletextpad=0.2, columnspacing=1.2, **place)
