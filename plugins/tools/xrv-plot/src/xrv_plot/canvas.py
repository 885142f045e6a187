"""Shared by all pictures: figures without pyplot, colours, X-rays on axes, files."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xrv_core.assets import replacing
from xrv_core.errors import ArgumentError, PathMissing, printable, suggestion

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from xrv_core import Dataset

__all__ = [
    "COLOURS", "FAINT", "check_item", "check_labels", "check_path", "figure_of", "new_figure", "save", "show_xray",
    "text_on", "title_of", "words",
]  # fmt: skip

#: Okabe and Ito's colours, distinct for colour-blind people; those first that are visible on an X-ray.
COLOURS = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#0072B2")
#: For less important parts; visible on white and on black.
FAINT = "#9a9a9a"

_SUFFIXES = (".png", ".pdf", ".svg")
_WINDOW = (-1024.0, 1024.0)  # the range of pixels
_DPI = 150


def new_figure(width: float, height: float) -> Figure:
    """An empty figure of ``width`` by ``height`` inches, independent of pyplot."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def figure_of(axes: Axes) -> Figure:
    """The figure of axes, also if they are in a part of it."""
    found: Any = axes.get_figure(root=True)
    if found is None:
        raise ArgumentError("These axes have no figure: make new ones with figure.add_subplot().")
    figure: Figure = found
    return figure


def show_xray(axes: Axes, image: Any, window: tuple[float, float] = _WINDOW) -> None:
    """Show ``image`` ``[1, H, W]`` in grey with square pixels, on axes without ticks."""
    pixels = np.asarray(image, dtype=np.float32)
    if pixels.ndim != 3 or not pixels.size:
        raise ArgumentError(f"An X-ray is a tensor [1, H, W]; this one has the shape {list(pixels.shape)}.")
    axes.imshow(pixels[0], cmap="gray", vmin=window[0], vmax=window[1], interpolation="antialiased")
    bare(axes)


def bare(axes: Axes) -> None:
    """Remove ticks and frame; the labels of the axes stay."""
    axes.set(xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def text_on(colour: Any) -> str:
    """Black or white, whichever has more contrast with ``colour`` (WCAG 2)."""
    from matplotlib.colors import to_rgb

    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour))
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "black" if (luminance + 0.05) ** 2 > 1.05 * 0.05 else "white"


def title_of(dataset: Dataset, idx: int) -> str:
    """The title of an item: source_uid, view, sex and age, as far as the table has them."""
    row = dataset.csv.iloc[idx]
    known = {name: row[name] for name in ("source_uid", "view", "sex", "age_years") if name in row.index}
    words = [str(v) for k, v in known.items() if k != "age_years" and not _missing(v) and v != "UNKNOWN"]
    age = known.get("age_years")
    if not _missing(age):
        words.append(f"{float(age):.0f} years")  # type: ignore[arg-type]
    return ", ".join(words) or f"item {idx}"


def words(name: str) -> str:
    """The name of a label, as it is drawn."""
    return printable(name.replace("_", " "))


def check_labels(dataset: Dataset, labels: str | Iterable[str] | None) -> list[str]:
    """``labels`` as a list, default all of the dataset's.

    Raises:
        ArgumentError: An unknown label, or no label.
    """
    names = list(dataset.pathologies)
    wanted = names if labels is None else [labels] if isinstance(labels, str) else list(labels)
    for name in wanted:
        if name not in names:
            hint = f"{suggestion(name, names, most=1)} Its labels are: {', '.join(names)}."
            raise ArgumentError(f"This dataset has no label {name!r}.{hint}")
    if not wanted:
        raise ArgumentError("There is no label to draw.")
    return wanted


def check_item(dataset: Dataset, idx: int) -> None:
    """Raise an ArgumentError unless ``idx`` is an item of ``dataset``."""
    if isinstance(idx, bool) or not isinstance(idx, int | np.integer) or not 0 <= idx < len(dataset):
        raise ArgumentError(f"idx={idx!r} is not an item: give a whole number from 0 to {len(dataset) - 1}.")


def check_path(path: str | Path) -> Path:
    """``path``, if a picture can be written there.

    Raises:
        ArgumentError: The suffix is not .png, .pdf or .svg.
        PathMissing: The folder does not exist.
    """
    path = Path(path).expanduser()
    if path.suffix.lower() not in _SUFFIXES:
        raise ArgumentError(f"{path}: a picture's name ends in {', '.join(_SUFFIXES[:-1])} or {_SUFFIXES[-1]}.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder, so {path.name} cannot be written. Create the folder first.")
    return path


def save(figure: Figure, path: str | Path) -> Path:
    """Write ``figure`` to ``path`` (.png, .pdf or .svg), and replace an existing file; errors as in ``check_path``."""
    path = check_path(path)
    kind = path.suffix.lower().removeprefix(".")
    # no date or version: the same picture is the same file
    metadata = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}[kind]
    _neutralise(figure)
    with replacing(path) as new:
        figure.savefig(new, format=kind, dpi=_DPI, metadata=metadata)
    return path


def _neutralise(figure: Figure) -> None:
    """Names are no formulas, whatever "$" they have, and have no character that is not allowed in an SVG."""
    from matplotlib.text import Text

    for text in figure.findobj(Text):
        text.set_parse_math(False)
        text.set_text(_lines(text.get_text()))


def _lines(text: str) -> str:
    return "\n".join(map(printable, text.split("\n")))


def _missing(value: Any) -> bool:
    import pandas as pd

    return value is None or bool(pd.isna(value))
