"""The page: one file that loads nothing, with a dot for every item that names it when pointed at."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.models import render_page
from xrv_features.colours import OTHER, UNKNOWN, Colouring
from xrv_features.plots import axis_words, draw_order
from xrv_features.projection import Projection

__all__ = ["MAX_DOTS", "render", "warnings"]

#: Browsers are slow with more dots than this in all panels; the page then shows the picture instead.
MAX_DOTS = 20_000

_BOX = 400.0  # width of a panel
_HEIGHT = (240.0, 520.0)  # limits of its height
_MARGIN = 12.0
_STEPS = 32  # of the colour scale


def render(
    projection: Projection,
    items: pd.DataFrame,
    panels: list[Colouring],
    *,
    words: dict[str, str],
    run: dict[str, Any],
    png: Path,
) -> str:
    """The page as one HTML text.

    Args:
        projection: The points.
        items: Identity and labels of the points.
        panels: The colourings.
        words: "title", "subtitle" and "note" of the picture.
        run: The contents of ``features.json``.
        png: The picture, for projections of more than ``MAX_DOTS`` dots.
    """
    dots = len(items) * len(panels)
    drawn = [_panel(projection, items, panel) for panel in panels] if dots <= MAX_DOTS else []
    picture = None if drawn else "data:image/png;base64," + base64.b64encode(png.read_bytes()).decode()
    notes = [words["note"]] if words["note"] else []
    return render_page(
        "xrv_features",
        "projection.html",
        run=run,
        filters={},
        model=run["model"],
        kicker="Features",
        title=words["title"],
        summary=words["title"],
        file="features.json",
        words=words,
        warnings=[*warnings(run), *notes],
        axes=axis_words(projection),
        umap=projection.method == "umap",
        panels=drawn,
        picture=picture,
        box=int(_BOX),
        max_dots=MAX_DOTS,
    )


def warnings(run: dict[str, Any]) -> list[str]:
    """The warnings of the model and of every dataset, each once."""
    datasets = run["dataset"]["datasets"] or [run["dataset"]]
    return list(dict.fromkeys(text for part in (run["model"], *datasets) if (text := part["warning"])))


def _panel(projection: Projection, items: pd.DataFrame, panel: Colouring) -> dict[str, Any]:
    places, height = _places(projection.points)
    radius = float(np.clip(60 / np.sqrt(len(items)), 1.4, 3.5))
    radii = np.where(panel.rare, f"{radius * 1.5:.1f}", f"{radius:.1f}")
    uids = [f"item {i}" if unknown else str(uid) for i, (uid, unknown) in enumerate(zip(*_uids(items), strict=True))]
    looks = _looks(panel)
    dots = [
        {
            "x": f"{places[i, 0]:.1f}",
            "y": f"{places[i, 1]:.1f}",
            "r": radii[i],
            "look": looks[i],
            "words": f"{uids[i]} · {panel.title}: {panel.texts[i]}",
        }
        for i in draw_order(panel)
    ]
    legend = [{"look": _name(code), "words": words} for code, words in panel.legend()]
    scale = None
    if panel.values is not None:
        low, high = np.nanmin(panel.values), np.nanmax(panel.values)
        scale = {"low": f"{low:g}", "high": f"{high:g}", "steps": [f"s{i}" for i in range(_STEPS)]}
    return {"title": panel.title, "dots": dots, "legend": legend, "scale": scale, "height": f"{height:.0f}"}


def _uids(items: pd.DataFrame) -> tuple[Any, Any]:
    return items["source_uid"], items["source_uid"].isna()


def _places(points: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
    """Positions of the points in the box, with one unit for both axes and y upwards; and the height of the box."""
    low, high = points.min(axis=0).astype(float), points.max(axis=0).astype(float)
    width, height = (span or 1.0 for span in high - low)
    inner, limits = _BOX - 2 * _MARGIN, [edge - 2 * _MARGIN for edge in _HEIGHT]
    unit = min(inner / width, limits[1] / height)
    tall = max(height * unit, limits[0]) + 2 * _MARGIN
    inside = (points - (low + high) / 2) * unit
    return np.stack([_BOX / 2 + inside[:, 0], tall / 2 - inside[:, 1]], axis=1), tall


def _looks(panel: Colouring) -> list[str]:
    """The style class of each dot."""
    if panel.values is None:
        return [_name(int(code)) for code in panel.codes]
    low, high = np.nanmin(panel.values), np.nanmax(panel.values)
    share = (panel.values - low) / ((high - low) or 1.0)
    return [_name(UNKNOWN) if np.isnan(v) else f"s{min(int(v * _STEPS), _STEPS - 1)}" for v in share]


def _name(code: int) -> str:
    return {OTHER: "other", UNKNOWN: "unknown"}.get(code, f"c{code}")
