"""Curves as inline SVG with the colours and fonts of the page."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from xrv_eval.metrics import Reliability, reliability

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["calibration_svg", "roc_svg"]

# Placeholders: the SVG gets the page's own colours instead, so that it fits a light and a dark page.
_ACCENT, _INK, _FAINT = "#010101", "#020202", "#030303"
_PAGE_COLOURS = {_ACCENT: "var(--accent)", _INK: "var(--muted)", _FAINT: "var(--line)"}
_ON_TOP: dict[str, Any] = {"color": _ACCENT, "clip_on": False, "zorder": 3}
_INCHES = 2.7


def roc_svg(positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> str:
    """ROC curve of one label, with a dot at the threshold 0.5."""
    from sklearn.metrics import roc_curve  # type: ignore[import-untyped]

    false_rate, true_rate, _ = roc_curve(positive, scores)
    called = scores >= 0.5

    def draw(axes: Axes) -> None:
        axes.plot(false_rate, true_rate, linewidth=1.6, **_ON_TOP)
        axes.plot([called[~positive].mean()], [called[positive].mean()], "o", markersize=5, **_ON_TOP)
        axes.set_xlabel("1 - specificity")
        axes.set_ylabel("sensitivity")

    return _svg(draw, "ROC curve")


def calibration_svg(positive: NDArray[np.bool_], scores: NDArray[np.float32]) -> str:
    """Observed share against mean prediction, one dot per bin, its area growing with the images in it."""
    bins: Reliability = reliability(positive, scores)
    area = 8 + 60 * np.sqrt(bins.count / bins.count.max())

    def draw(axes: Axes) -> None:
        axes.plot(bins.predicted, bins.observed, linewidth=1, **_ON_TOP)
        axes.scatter(bins.predicted, bins.observed, s=area, linewidths=0, **_ON_TOP)
        axes.set_xlabel("mean prediction")
        axes.set_ylabel("observed share")

    return _svg(draw, "Calibration curve")


def _svg(draw: object, title: str) -> str:
    """A plot of the unit square, without pyplot, whose state is global."""
    from matplotlib import style
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    ours = {"svg.fonttype": "none", "svg.hashsalt": "xrv-eval", "font.size": 8, "axes.unicode_minus": False}
    with style.context(["default", ours]):  # not the style that the caller has set
        figure = Figure(figsize=(_INCHES, _INCHES), layout="constrained")
        FigureCanvasSVG(figure)
        axes = figure.add_subplot()
        axes.plot([0, 1], [0, 1], color=_FAINT, linewidth=1, linestyle=(0, (4, 3)))
        draw(axes)  # type: ignore[operator]
        _plain(axes)
        buffer = io.StringIO()
        figure.savefig(
            buffer, format="svg", transparent=True, metadata=dict.fromkeys(("Date", "Creator", "Format", "Type"))
        )
    return _for_page(buffer.getvalue(), title)


def _plain(axes: Axes) -> None:
    axes.set(xlim=(0, 1), ylim=(0, 1), aspect="equal")
    ticks = [0, 0.25, 0.5, 0.75, 1]
    axes.set_xticks(ticks, ["0", "", "0.5", "", "1"])
    axes.set_yticks(ticks, ["0", "", "0.5", "", "1"])
    axes.grid(color=_FAINT, linewidth=0.5)
    axes.set_axisbelow(True)
    axes.tick_params(length=0, labelcolor=_INK)
    axes.xaxis.label.set_color(_INK)
    axes.yaxis.label.set_color(_INK)
    for spine in axes.spines.values():
        spine.set(color=_FAINT, linewidth=0.8)


def _for_page(svg: str, title: str) -> str:
    """Only the ``<svg>`` element, without metadata and without unused ids."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<style.*?</style>|<metadata.*?</metadata>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\s(?:xmlns(?::\w+)?|version)="[^"]*"', "", svg)
    svg = re.sub(r'^<svg[^>]*?(viewBox="[^"]*")[^>]*>', rf'<svg \1 role="img" aria-label="{title}">', svg)
    used = set(re.findall(r"#([\w.-]+)", svg))
    svg = re.sub(r'\sid="([^"]*)"', lambda m: m.group(0) if m.group(1) in used else "", svg)
    for ours, pages in _PAGE_COLOURS.items():
        svg = svg.replace(ours, pages)
    return re.sub(r"\n\s*", "\n", svg).strip()
