"""Draw the pictures of docs/datasets.md, from phantoms only: ``python docs/make_figures.py``.

With ``--real DATA --out DIR`` the same pictures show real images (NIH and Hannover, in the layout that tests marked
``realdata`` use), into a folder outside of the repository: pictures of patients are never committed.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import xrv_core
from xrv_plot import (
    plot_covariate_split,
    plot_label_cooccurrence,
    plot_masks_grid,
    plot_mean_class_difference,
    plot_sample,
    plot_totals,
)
from xrv_plot.canvas import new_figure, save, show_xray

FIGURES = Path(__file__).parent / "figures"
DPI = 80


def transforms() -> Any:
    """One phantom through transforms of torchvision, as they are and inside ``photometric``."""
    from xrv_core.datasets import photometric  # before torchvision: it may fail to import without it
    from torchvision.transforms import v2  # isort: skip

    steps = [
        v2.ColorJitter((1.3, 1.3)),
        v2.RandomSolarize(0.7, 1),
        v2.RandomPosterize(2, 1),
        v2.RandomRotation((20, 20)),
    ]
    image = xrv_core.get_dataset("phantom", n=1)[0]["img"]
    figure = new_figure(8, 4.2)
    for panel, transform in enumerate([*steps, *map(photometric, steps)]):
        title = type(steps[panel % 4]).__name__
        axes = figure.add_subplot(2, 4, panel + 1, title=title if panel < 4 else f"photometric({title})")
        axes.title.set_fontsize(8)
        show_xray(axes, transform(image))
    return figure


def phantoms() -> Iterator[tuple[str, Any]]:
    """The figures of the docs."""
    d = xrv_core.get_dataset("phantom", n=400, views=["PA", "AP"], pathology_masks=True, semantic_masks=True)
    wanted = d.csv.index[(d.labels[:, d.pathologies.index("Effusion")] == 1) & (d.labels.sum(axis=1) == 2)][0]
    yield "sample", plot_sample(d, int(wanted))
    yield "photometric", transforms()
    yield "masks", plot_masks_grid(d, ["Cardiomegaly", "Mass", "Pneumothorax"], per_pathology=4)
    yield "totals", plot_totals(d)
    yield "cooccurrence", plot_label_cooccurrence(d)
    a, b = (xrv_core.get_dataset("phantom", n=600, size=96, views=["PA"], sites=[s]) for s in "AB")
    data = [thing for site in (a, b) for thing in (site, site.labels[:, site.pathologies.index("Effusion")])]
    words = {"names": ("site A", "site B"), "target": "Effusion"}
    yield "covariate", plot_covariate_split(*data, [0, 0.5, 1], **words)
    yield "difference", plot_mean_class_difference(*data, **words)


def real(data: Path) -> Iterator[tuple[str, Any]]:
    """The same of real images: masks are NIH's boxes, sites are Hannover's two views."""
    nih = data / "nih"
    d = xrv_core.get_dataset(
        "nih", nih / "images", nih / "Data_Entry_2017_v2020.subset.csv", boxes=nih / "BBox_List_2017.subset.csv",
        pathology_masks=True, on_error="skip",
    )  # fmt: skip
    yield "nih-sample", plot_sample(d, int(d.csv.index[d.csv["has_masks"]][0]))
    yield "nih-masks", plot_masks_grid(d, per_pathology=2)
    yield "nih-totals", plot_totals(d)
    yield "nih-cooccurrence", plot_label_cooccurrence(d)
    from xrv_core.datasets import XRayCenterCrop, XRayResizer  # before torchvision: it may fail to import without them
    from torchvision.transforms import v2  # isort: skip

    crop = v2.Compose([XRayCenterCrop(), XRayResizer(128)])
    h = xrv_core.get_dataset("hannover", data / "hannover/png", data / "hannover/data.csv", transform=crop)
    label = "ICU Admission"  # only one PA image is of a patient who died
    pairs = [h.filter(query=f"view == {view!r}") for view in ("PA", "AP")]
    sites = [thing for part in pairs for thing in (part, part.labels[:, part.pathologies.index(label)])]
    words = {"names": ("PA", "AP"), "target": label, "by": "source_uid"}  # by patient there would be very few
    yield "hannover-covariate", plot_covariate_split(*sites, [0, 0.5, 1], **words)
    yield "hannover-difference", plot_mean_class_difference(*sites, **words)


def save_small(figure: Any, path: Path) -> None:
    """A PNG of 96 greys and 160 colours."""
    from PIL import Image

    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DPI)
    picture = Image.open(buffer).convert("RGB")
    pixels = np.asarray(picture).reshape(-1, 3)
    coloured = pixels[np.ptp(pixels, axis=1) > 4]
    greys = np.repeat(np.linspace(0, 255, 96).round().astype(np.uint8)[:, None], 3, axis=1)
    sample = Image.fromarray(coloured[None] if len(coloured) else greys[None])
    found = sample.quantize(160, method=Image.Quantize.MAXCOVERAGE).getpalette()
    palette = Image.new("P", (1, 1))
    palette.putpalette([*greys.ravel().tolist(), *found])
    picture.quantize(palette=palette, dither=Image.Dither.NONE).save(path, optimize=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--real", type=Path, metavar="DATA", help="folder of real images; needs --out")
    parser.add_argument("--out", type=Path, metavar="DIR", help="folder for pictures of real images")
    args = parser.parse_args()
    if (args.real is None) != (args.out is None):
        parser.error("--real and --out go together: pictures of phantoms have their place in docs/figures")
    folder = args.out or FIGURES
    if args.out is not None and folder.resolve().is_relative_to(FIGURES.parents[1].resolve()):
        parser.error(f"{folder} is inside the repository, where no picture of a patient may be")
    folder.mkdir(parents=True, exist_ok=True)
    for name, figure in phantoms() if args.real is None else real(args.real):
        path = folder / f"{name}.png"
        save_small(figure, path) if args.real is None else save(figure, path)
        print(f"{path} {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
