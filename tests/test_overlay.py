"""Overlays: outlines where masks end, grey everywhere else, names in the legend."""

from __future__ import annotations

import numpy as np
import pytest

from xrv_core.datasets.masks.overlay import Overlay, colour_of, outline
from xrv_core.errors import ArgumentError

CAPTION = "toy, threshold 0.5. Not for medical use."


def disc(size: int = 64, radius: int = 20) -> np.ndarray:
    rows, columns = np.mgrid[:size, :size] - size // 2
    return rows**2 + columns**2 < radius**2


@pytest.mark.parametrize("width", [1, 3])
def test_an_outline_is_what_an_erosion_takes_away(width: int) -> None:
    from skimage.morphology import diamond, erosion

    mask = disc() | (np.indices((64, 64)).sum(0) % 9 == 0)
    mask[:, :5] = True  # touches the border, which counts as outside
    padded = np.pad(mask, width)
    expected = (padded & ~erosion(padded, diamond(width)))[width:-width, width:-width]
    assert np.array_equal(outline(mask, width), expected)


def test_pixels_off_the_outline_stay_grey_and_the_image_keeps_its_size() -> None:
    image = np.linspace(-300, 700, 64 * 64, dtype=np.float32).reshape(1, 64, 64)
    overlay = Overlay(image, CAPTION)
    grey = overlay.canvas.copy()
    assert (grey.min(), grey.max()) == (0, 255)  # stretched
    mask = disc()
    overlay.add("Heart", mask, 4)
    edge = outline(mask, 1)
    assert (overlay.canvas[edge] == colour_of(4)).all()
    assert np.array_equal(overlay.canvas[~edge], grey[~edge])
    shown = np.asarray(overlay.picture())
    assert shown.shape[1] > 64
    assert np.array_equal(shown[:64, :64], overlay.canvas)


def test_the_legend_names_what_is_there_and_the_caption_is_always_there() -> None:
    image = np.zeros((1, 512, 512), np.float32)
    empty = Overlay(image, CAPTION)
    empty.add("Heart", np.zeros((512, 512), bool), 0)
    assert not empty.canvas.any(), "one grey level is black, and an empty mask has no outline"
    bare = np.asarray(empty.picture())
    assert bare[:, 512:].any(), "the caption"
    panel = bare[:, 512:].reshape(-1, 3)
    assert (panel == panel[:, :1]).all(), "no colour"
    for number in range(60):
        empty.add(f"Structure {number}", disc(512, 40), number)
    full = np.asarray(empty.picture())
    assert full.shape[0] == 512
    for number in range(60):
        assert (full[:, 512:] == colour_of(number)).all(2).any(), number
    assert full.shape[1] > bare.shape[1], "a second column"


def test_neighbouring_colours_are_well_apart_and_bright() -> None:
    colours = np.array([colour_of(i) for i in range(160)], int)
    assert len({tuple(c) for c in colours}) == 160
    assert (colours.max(1) > 200).all()
    for near in (1, 2, 3, 4):
        assert (np.abs(colours[near:] - colours[:-near]).sum(1) > 60).all()


def test_what_cannot_be_drawn() -> None:
    with pytest.raises(ArgumentError) as error:
        Overlay(np.zeros((3, 8, 8)), CAPTION)
    assert "[1, H, W] or [H, W], got shape [3, 8, 8]" in str(error.value)
    with pytest.raises(ArgumentError) as error:
        Overlay(np.zeros((8, 8)), CAPTION).add("Heart", np.ones((4, 4), bool), 0)
    assert "'Heart' has the shape [4, 4], but the image [8, 8]" in str(error.value)
