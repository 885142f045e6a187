"""One item: its image, its masks, its labels."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

import numpy as np

from xrv_plot.canvas import check_item, figure_of, new_figure, show_xray, title_of
from xrv_plot.overlay import draw_mask, style_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from xrv_core import Dataset, Sample

__all__ = ["plot_sample"]

_FEW = 10  # so many absent or unknown labels are named; more are counted
_WIDTH = 64  # characters in a line under an image


def plot_sample(
    dataset: Dataset,
    idx: int = 0,
    *,
    masks: bool = True,
    window: tuple[float, float] = (-1024, 1024),
    axes: Axes | None = None,
) -> Figure:
    """Draw one item: the image, its masks, and its labels below.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol. For masks, open it with
            ``pathology_masks=True`` or ``semantic_masks=True``.
        idx: Index of the item.
        masks: Whether to draw the masks.
        window: Pixel values that are black and white; by default the whole possible range.
        axes: Where to draw; None: on a new figure.

    Returns:
        The figure.

    Raises:
        ArgumentError: No such item, or the shape of the image or of a mask is not valid.
    """
    check_item(dataset, idx)
    if axes is None:
        axes = new_figure(5.6, 5.6).add_subplot()
    sample = dataset[int(idx)]
    show_xray(axes, sample["img"], window)
    axes.set_title(title_of(dataset, int(idx)), fontsize=9)
    axes.set_xlabel(_labels_text(list(dataset.pathologies), np.asarray(sample["lab"])), loc="left", fontsize=8)
    if masks:
        _draw_masks(axes, sample, list(dataset.pathologies))
    return figure_of(axes)


def _draw_masks(axes: Axes, sample: Sample, pathologies: list[str]) -> None:
    """Outlines of structures and, above them, tinted pathologies, which come first in the legend."""
    from matplotlib.patches import Patch

    found = [(pathologies[i], mask, True) for i, mask in sorted(sample.get("pathology_masks", {}).items())]
    found += [(name, mask, False) for name, mask in sample.get("semantic_masks", {}).items()]
    entries = {}
    for number, (name, mask, tinted) in sorted(enumerate(found), key=lambda pair: pair[1][2]):
        # structures may share outlines (a lung, both lungs): later ones are dashed, so that the first is visible
        dashed = not tinted and number > sum(pathology for *_, pathology in found)
        if draw_mask(axes, mask, number, name, tinted=tinted, dashed=dashed):
            colour, line = style_of(number, dashed=dashed)
            face = (colour, 0.35) if tinted else "none"
            entries[number] = Patch(facecolor=face, edgecolor=colour, linestyle=line, linewidth=1.2, label=name)
    if entries:
        handles = [entries[number] for number in sorted(entries)]
        legend = axes.legend(handles=handles, loc="upper left", bbox_to_anchor=(1.01, 1), fontsize=8, title="masks")
        legend.get_title().set_fontsize(8)
        legend.set_frame_on(False)


def _labels_text(names: list[str], values: NDArray[np.float32]) -> str:
    """The labels in words, in a few lines."""
    pairs = list(zip(names, values.tolist(), strict=True))
    scores = [f"{name} {value:g}" for name, value in pairs if value not in (0, 1) and not np.isnan(value)]
    present = [name for name, value in pairs if value == 1]
    lines = [f"present: {', '.join(present) or 'none'}", *([f"scores: {', '.join(scores)}"] if scores else [])]
    for word, some in (
        ("absent", [name for name, value in pairs if value == 0]),
        ("unknown", [name for name, value in pairs if np.isnan(value)]),
    ):
        if some:
            lines.append(f"{word}: {', '.join(some) if len(some) <= _FEW else f'{len(some)} labels'}")
    return "\n".join(textwrap.fill(line, _WIDTH, subsequent_indent="   ") for line in lines)
