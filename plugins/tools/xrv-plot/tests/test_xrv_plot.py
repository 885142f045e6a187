"""What is in the pictures: axes, images, bars and words, compared with numpy."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
import torch
from matplotlib.figure import Figure
from view_toys import Stranger, toy

import xrv_plot
from xrv_core.errors import ArgumentError, PathMissing
from xrv_plot import (
    plot_label_cooccurrence,
    plot_masks_grid,
    plot_sample,
    plot_totals,
)
from xrv_plot.canvas import save, text_on

NAN = float("nan")


def drawn(figure: Figure) -> Figure:
    """The figure, laid out: overlapping or impossible layouts would warn here."""
    figure.canvas.draw()
    return figure


def masked(d: Any) -> Any:
    """The toy, whose table says that all its images have masks."""
    d.csv["has_masks"] = True
    return d


# -- one sample


def test_a_sample_shows_the_image_its_masks_and_its_labels() -> None:
    (axes,) = drawn(plot_sample(toy(), 2)).axes
    image, *tints = axes.images
    np.testing.assert_array_equal(np.asarray(image.get_array()), np.full((4, 4), 2.0))
    assert (image.get_clim(), image.cmap.name) == ((-1024.0, 1024.0), "gray")
    assert axes.get_title() == "toy:2, F, 20 years"
    assert axes.get_xlabel() == "present: Mass, Nodule"
    covered = [np.asarray(tint.get_array())[..., 3] > 0 for tint in tints]
    assert [np.flatnonzero(c.all(axis=1)).tolist() for c in covered] == [[0], [1]], "row j is the mask of label j"
    legend = axes.get_legend()
    assert legend is not None
    assert [t.get_text() for t in legend.get_texts()] == ["Mass", "Nodule"]
    assert axes.get_aspect() == 1


def test_the_outline_of_a_mask_that_touches_the_border_is_closed() -> None:
    (axes,) = plot_sample(toy(), 0).axes
    (contour,) = axes.collections
    (path,) = contour.get_paths()
    assert np.allclose(path.vertices[0], path.vertices[-1])
    assert path.vertices[:, 1].min() == -0.5, "outside of the first row of pixels"
    assert axes.get_xlim() == (-0.5, 3.5)
    assert axes.get_ylim() == (3.5, -0.5)


def test_masks_can_be_left_away_and_structures_are_outlines() -> None:
    (axes,) = plot_sample(toy(), 2, masks=False).axes
    assert (len(axes.images), axes.get_legend()) == (1, None)

    class Structured(Stranger):
        def __getitem__(self, idx: int, /) -> Any:
            return {**super().__getitem__(idx), "semantic_masks": {"Heart": torch.ones(1, 4, 4)}}

    (axes,) = plot_sample(Structured(), 1).axes
    assert len(axes.images) == 2, "the image and one tint; the structure has none"
    assert len(axes.collections) == 2
    assert [t.get_text() for t in axes.get_legend().get_texts()] == ["Mass", "Heart"]
    assert axes.get_title() == "s1, PA"


def test_labels_in_words() -> None:
    d = toy(labels=[[1] * 3 + [0] * 11 + [NAN, 2.5]], names=" ".join(f"L{i}" for i in range(16)))
    (axes,) = plot_sample(d, 0, masks=False).axes
    assert axes.get_xlabel() == "present: L0, L1, L2\nscores: L15 2.5\nabsent: 11 labels\nunknown: L14"


def test_pictures_go_into_axes_that_are_given() -> None:
    figure = Figure()
    part = figure.subfigures(1, 2)
    first, second, third = part[0].add_subplot(), *part[1].subplots(2)
    assert plot_sample(toy(), 1, axes=first) is figure
    assert plot_totals(toy(), axes=second) is figure
    assert plot_label_cooccurrence(toy(), axes=third) is figure
    assert first.images
    assert second.patches
    assert third.images


# -- masks


def test_the_grid_has_a_row_for_each_pathology() -> None:
    figure = drawn(plot_masks_grid(masked(toy()), per_pathology=2))
    rows = [figure.axes[:2], figure.axes[2:]]
    assert [row[0].get_ylabel() for row in rows] == ["Mass", "Nodule"]
    assert [[a.get_title() for a in row] for row in rows] == [["toy:0", "toy:2"], ["toy:1", "toy:2"]]
    for j, row in enumerate(rows):
        for axes in row:
            assert np.flatnonzero(np.asarray(axes.images[1].get_array())[..., 3].any(axis=1)).tolist() == [j]


def test_places_without_an_image_are_empty_and_labels_without_a_mask_are_left_out() -> None:
    d = masked(toy(labels=[(1, 0, 0), (1, 0, 1)], names="Mass Hernia Nodule"))
    figure = drawn(plot_masks_grid(d))
    assert [a.get_ylabel() for a in figure.axes] == ["Mass", "", "Nodule", ""]
    assert [len(a.images) for a in figure.axes] == [2, 2, 2, 0]


def test_images_that_the_table_says_have_masks_are_tried_and_opened_once() -> None:
    class Counting(Stranger):
        opened: ClassVar[list[int]] = []

        def __getitem__(self, idx: int, /) -> Any:
            self.opened.append(idx)
            return super().__getitem__(idx)

    d = Counting(6)
    d.csv["has_masks"] = [False, True, True, True, True, True]
    figure = plot_masks_grid(d, per_pathology=2)
    assert [a.get_title() for a in figure.axes] == ["s1", "s2"]
    assert sorted(d.opened) == [1, 2, 3, 4, 5], "the others were opened for Nodule, and none twice"
    d.opened.clear()
    with pytest.raises(ArgumentError):
        plot_masks_grid(d, "Nodule", search=3)
    assert d.opened == [1, 2, 3]


@pytest.mark.parametrize(
    ("options", "pattern"),
    [
        ({"pathologies": "Masss"}, "'Masss'.* mean 'Mass'.* Mass, Nodule"),
        ({"pathologies": []}, "no label"),
        ({"per_pathology": 0}, "^per_pathology=0 "),
        ({"search": 0}, "^search=0 "),
        ({"pathologies": ["Mass", "Nodule"]}, "'Nodule'.*search=200"),
    ],
)
def test_grids_that_cannot_be_drawn(options: dict[str, Any], pattern: str) -> None:
    with pytest.raises(ArgumentError, match=pattern):
        plot_masks_grid(Stranger(), **options)


def test_a_dataset_without_masks() -> None:
    d = toy()
    d.pathology_masks = False
    d.csv["has_masks"] = True
    with pytest.raises(ArgumentError, match="pathology_masks=True"):
        plot_masks_grid(d)
    d.csv["has_masks"] = False
    with pytest.raises(ArgumentError, match=r"No mask .*search=200"):
        plot_masks_grid(d)


# -- files and colours


@pytest.mark.parametrize("kind", ["png", "pdf", "svg"])
def test_the_same_picture_is_the_same_file(kind: str, tmp_path: Path) -> None:
    first, second = (save(plot_totals(toy()), tmp_path / f"{name}.{kind}").read_bytes() for name in "ab")
    if kind == "png":
        assert first == second
    assert first[:4] == {"png": b"\x89PNG", "pdf": b"%PDF", "svg": b"<?xm"}[kind]


def test_files_that_cannot_be_written(tmp_path: Path) -> None:
    for name in ("picture", "picture.jpg"):
        with pytest.raises(ArgumentError, match=rf"{name}: .*\.png, \.pdf or \.svg"):
            save(Figure(), tmp_path / name)
    with pytest.raises(PathMissing, match=f"^{re.escape(str(tmp_path / 'no'))}: no such folder"):
        save(Figure(), tmp_path / "no" / "a.png")


def test_numbers_are_black_on_light_and_white_on_dark() -> None:
    assert [text_on(c) for c in ("white", "#E69F00", "#0072B2", "black")] == ["black", "black", "white", "white"]


@pytest.mark.parametrize("idx", [-1, 4, 1.0, True, None])
def test_items_that_are_none(idx: Any) -> None:
    with pytest.raises(ArgumentError, match=f"^idx={idx!r} .* 0 to 3"):
        plot_sample(toy(), idx)


def test_all_names_are_offered() -> None:
    assert [callable(getattr(xrv_plot, name)) for name in dir(xrv_plot) if name.startswith("plot_")] == [True] * 6
    with pytest.raises(AttributeError, match="module 'xrv_plot' has no attribute 'plot_nothing'"):
        xrv_plot.plot_nothing  # noqa: B018
