"""What all pictures share: figures without pyplot, colours, X-rays on axes, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xrv_core.errors import ArgumentError, PathMissing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = [
    "COLOURS", "FAINT", "check_item", "check_labels", "check_path", "figure_of", "new_figure", "save", "show_xray",
    "text_on", "title_of",
]  # fmt: skip

#: Okabe and Ito's colours, which people who are colour-blind can tell apart; those first that are seen on an X-ray.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
#: For what is there, but not the point; seen on white and on black.
FAINT = "#9a9a9a"

_SUFFIXES = (".png", ".pdf", ".svg")
_WINDOW = (-1024.0, 1024.0)  # of pixels, by contract
_DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` by ``height`` inches that pyplot does not know of."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def figure_of(axes: Axes) -> Figure:
    """The figure that axes, or the part of a figure where they are, belong to."""
    found: Any = axes.get_figure(root=True)
    if found is None:
        raise ArgumentError("These axes belong to no figure (any more): make new ones with figure.add_subplot().")
    figure: Figure = found
    return figure


def show_xray(axes: Axes, image: Any, window: tuple[float, float] = _WINDOW) -> None:
    """Show ``image`` ``[1, H, W]`` in grey, its pixels square, the axes without ticks."""
    pixels = np.asarray(image, dtype=np.float32)
    if pixels.ndim != 3 or not pixels.size:
        raise ArgumentError(f"An X-ray is a tensor [1, H, W]; this one has the shape {list(pixels.shape)}.")
    axes.imshow(pixels[0], cmap="gray", vmin=window[0], vmax=window[1], interpolation="antialiased")
    bare(axes)


def bare(axes: Axes) -> None:
    """No ticks and no frame; labels of the axes stay."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def text_on(colour: Any) -> str:
    """Black or white, whichever has more contrast with ``colour`` (WCAG 2)."""
    from matplotlib.colors import to_rgb

    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def title_of(dataset: Dataset, idx: int) -> str:
    """Which image an item is: source_uid, view, sex and age, as far as the table tells."""
    row = dataset.csv.iloc[idx]
    known = {name: row[name] for name in ("source_uid", "view", "sex", "age_years") if name in row.index}
    words = [str(v) for k, v in known.items() if k != "age_years" and not _missing(v) and v != "UNKNOWN"]
    age = known.get("age_years")
    if not _missing(age):
        words.append(f"{float(age):.0f} years")  # type: ignore[arg-type]
    return ", ".join(words) or f"item {idx}"


def check_labels(dataset: Dataset, labels: str | Iterable[str] | None) -> list[str]:
    """``labels`` as a list, default all of the dataset's.

    Raises:
        ArgumentError: One that the dataset does not have, or none at all.
    """
    names = list(dataset.pathologies)
    wanted = names if labels is None else [labels] if isinstance(labels, str) else list(labels)
    strangers = [name for name in wanted if name not in names]
    if strangers:
        raise ArgumentError(f"{strangers[0]!r} is no label of this dataset. Its labels are: {', '.join(names)}.")
    if not wanted:
        raise ArgumentError("There is no label to draw.")
    return wanted


def check_item(dataset: Dataset, idx: int) -> None:
    """Raise an ArgumentError unless ``idx`` is an item of ``dataset``."""
    if isinstance(idx, bool) or not isinstance(idx, int | np.integer) or not 0 <= idx < len(dataset):
        raise ArgumentError(f"idx={idx!r} is no item: give a whole number from 0 to {len(dataset) - 1}.")


def check_path(path: str | Path) -> Path:
    """``path``, if a picture can be written there.

    Raises:
        ArgumentError: The suffix is none of .png, .pdf, .svg.
        PathMissing: The folder does not exist.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in _SUFFIXES:
        raise ArgumentError(f"{path}: a picture's name ends in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder, so {path.name} cannot be written there. Make it first.")
    return path


def save(figure: Figure, path: str | Path) -> Path:
    """Write ``figure`` to ``path`` (.png, .pdf or .svg), replacing a file that is there; errors as ``check_path``."""
    path = check_path(path)
    kind = path.suffix.lower().removeprefix(".")
    # no date or version: the same picture is the same file
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    figure.savefig(path, format=kind, dpi=_DPI, metadata=metadata)
    return path


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))
