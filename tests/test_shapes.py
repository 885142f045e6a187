"""Masks of rectangles, ellipses and polygons: area, position, clipping."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from xrv_core.datasets import boxes_mask, shapes_mask
from xrv_core.errors import ArgumentError

SIZE = (60, 80)  # H, W

place = st.floats(5, 30).map(lambda v: round(v, 3))
length = st.floats(3, 25).map(lambda v: round(v, 3))
# No outline runs exactly through a pixel's centre, where rounding would decide.
across = st.floats(-60, 120).map(lambda v: round(v, 3) + math.sqrt(2) / 10)
down = st.floats(-60, 120).map(lambda v: round(v, 3) + math.sqrt(3) / 10)
far = st.tuples(across, down, across, down, across, down)
corners = st.tuples(place, place, length, length).map(lambda t: (t[0], t[1], t[0] + t[2], t[1] + t[3]))


def star(x: float, y: float, radius: float, corners: int, step: int = 1) -> tuple[float, ...]:
    """A regular polygon, or with a larger step a star whose outline crosses itself."""
    turns = [2 * math.pi * step * k / corners for k in range(corners)]
    return tuple(v for t in turns for v in (x + radius * math.cos(t), y + radius * math.sin(t)))


def left_of_every_side(points: tuple[float, ...], size: tuple[int, int]) -> np.ndarray:
    """The centres inside a convex polygon, by the other definition of inside."""
    x, y = np.arange(size[1]) + 0.5, (np.arange(size[0]) + 0.5)[:, None]
    corners = np.reshape(points, (-1, 2))
    sides = zip(corners, np.roll(corners, -1, axis=0), strict=True)
    return np.all([(x2 - x1) * (y - y1) - (y2 - y1) * (x - x1) > 0 for (x1, y1), (x2, y2) in sides], axis=0)


def middle(mask: np.ndarray) -> tuple[float, float]:
    """Mean x and y of the covered pixels' centres."""
    rows, columns = np.nonzero(mask[0])
    return float(columns.mean() + 0.5), float(rows.mean() + 0.5)


# -- by hand


def test_every_pixel_of_small_shapes() -> None:
    def rows(*shapes: tuple[str, tuple[float, ...]]) -> list[str]:
        return ["".join(".#"[int(v)] for v in row) for row in shapes_mask(shapes, (5, 6))[0]]

    assert rows(("rectangle", (1, 1, 4, 3))) == ["......", ".###..", ".###..", "......", "......"]
    assert rows(("ellipse", (0, 0, 5, 5))) == [".###..", "#####.", "#####.", "#####.", ".###.."]
    assert rows(("polygon", (0, 0, 6, 0, 0, 5))) == ["#####.", "####..", "###...", "##....", "#....."]
    assert rows(("polygon", (1, 0, 5, 0, 5, 4, 3, 1, 1, 4))) == [".####.", ".####.", ".#..#.", "......", "......"]


def test_shapes_are_merged_by_or_at_the_true_size() -> None:
    shapes = [("rectangle", (0, 0, 40, 40)), ("ellipse", (20, 20, 60, 60)), ("polygon", (0, 90, 60, 90, 0, 119))]
    mask = shapes_mask(shapes, (60, 80), drawn_on=(120, 160))
    assert mask.shape == (1, 60, 80)
    assert mask.dtype == np.float32
    assert set(np.unique(mask)) == {0.0, 1.0}
    apart = [shapes_mask([s], (60, 80), drawn_on=(120, 160)) for s in shapes]
    np.testing.assert_array_equal(mask, np.max(apart, axis=0))
    assert apart[0].sum() == 20 * 20, "half of 40 x 40 in each direction"
    assert shapes_mask([], (4, 5)).sum() == 0


def test_a_thin_shape_covers_the_pixel_at_its_middle() -> None:
    for kind, numbers in (("ellipse", (3.6, 4.6, 3.9, 4.9)), ("polygon", (3.6, 4.6, 3.9, 4.6, 3.7, 4.9))):
        mask = shapes_mask([(kind, numbers)], SIZE)
        assert mask[0, 4, 3] == mask.sum() == 1
    for kind, numbers in (("ellipse", (-9, 4.6, -8.9, 4.9)), ("polygon", (-9, 4.6, -8.9, 4.6, -9, 4.9))):
        assert shapes_mask([(kind, numbers)], SIZE).sum() == 0, "outside of the image there is nothing to cover"


def test_what_an_outline_goes_round_is_inside() -> None:
    """A five-pointed star drawn in one stroke: its middle is gone round twice."""
    mask = shapes_mask([("polygon", star(40, 30, 25, 5, step=2))], SIZE)
    assert mask[0, 30, 40] == 1
    assert not (mask[0] > left_of_every_side(star(40, 30, 25, 5), SIZE)).any(), "the star lies in its pentagon"
    assert mask.sum() < 0.6 * left_of_every_side(star(40, 30, 25, 5), SIZE).sum(), "and is no pentagon"


# -- for all shapes


@given(corners)
def test_a_polygon_with_four_corners_is_the_rectangle(box: tuple[float, float, float, float]) -> None:
    x1, y1, x2, y2 = box
    expected = boxes_mask([(x1, y1, x2 - x1, y2 - y1)], SIZE)
    np.testing.assert_array_equal(shapes_mask([("polygon", (x1, y1, x2, y1, x2, y2, x1, y2))], SIZE), expected)
    np.testing.assert_array_equal(shapes_mask([("rectangle", (x2, y1, x1, y2))], SIZE), expected)


@given(corners)
@example((5.0, 5.0, 8.0, 8.5))  # a centre lies on the outline, and on the edge of the rectangle
def test_an_ellipse_has_its_area_at_its_place(box: tuple[float, float, float, float]) -> None:
    x1, y1, x2, y2 = box
    mask = shapes_mask([("ellipse", box)], SIZE)
    a, b = (x2 - x1) / 2, (y2 - y1) / 2
    # a pixel is in doubt only where the outline passes; its length is at most 4 (a + b)
    assert abs(mask.sum() - math.pi * a * b) <= 4 * (a + b)
    at = middle(mask)
    assert abs(at[0] - (x1 + x2) / 2) <= 0.75
    assert abs(at[1] - (y1 + y2) / 2) <= 0.75
    assert not (mask > boxes_mask([(x1, y1, x2 - x1, y2 - y1)], SIZE)).any(), "it lies in its rectangle"


@given(place, place, st.floats(4, 20), st.integers(3, 12))
def test_a_polygon_has_its_area_at_its_place(x: float, y: float, radius: float, corners: int) -> None:
    size = (90, 90)
    x, y = x + 20 + math.sqrt(2) / 10, y + 20 + math.sqrt(3) / 10
    points = star(x, y, radius, corners)
    mask = shapes_mask([("polygon", points)], size)
    area = corners / 2 * radius**2 * math.sin(2 * math.pi / corners)
    assert abs(mask.sum() - area) <= 2 * math.pi * radius
    assert math.dist(middle(mask), (x, y)) <= 1.5
    np.testing.assert_array_equal(mask[0], left_of_every_side(points, size))


@settings(max_examples=60)
@given(st.sampled_from(["rectangle", "ellipse", "polygon"]), far)
def test_clipping_is_cropping(kind: str, numbers: tuple[float, ...]) -> None:
    """What is outside the image is cut off, and nothing else changes."""
    numbers = numbers if kind == "polygon" else numbers[:4]
    margin = 130
    wide = (SIZE[0] + 2 * margin, SIZE[1] + 2 * margin)
    whole = shapes_mask([(kind, [v + margin for v in numbers])], wide)
    crop = whole[:, margin : margin + SIZE[0], margin : margin + SIZE[1]]
    ours = shapes_mask([(kind, numbers)], SIZE)
    if crop.any():
        np.testing.assert_array_equal(ours, crop)
    else:
        assert ours.sum() <= max(SIZE), "at most the one pixel, or the line of a flat rectangle"


@given(st.lists(st.integers(0, 50), min_size=6, max_size=12).filter(lambda v: len(v) % 2 == 0), st.integers(1, 5))
def test_a_polygon_is_the_same_from_any_corner_in_both_directions(numbers: list[int], start: int) -> None:
    points = list(zip(numbers[::2], numbers[1::2], strict=True))
    mask = shapes_mask([("polygon", numbers)], SIZE)
    for other in (points[start:] + points[:start], points[::-1]):
        np.testing.assert_array_equal(shapes_mask([("polygon", np.ravel(other))], SIZE), mask)


@given(st.lists(st.tuples(across, down), min_size=2, max_size=5))
def test_there_and_back_goes_round_nothing(points: list[tuple[float, float]]) -> None:
    mask = shapes_mask([("polygon", np.ravel([*points, *points[::-1]]))], SIZE)
    assert mask.sum() <= 1, "at most the pixel at its middle"


# -- bad input


@pytest.mark.parametrize(
    ("kind", "numbers", "text"),
    [
        ("circle", (1, 2, 3, 4), "'circle'.*rectangle, ellipse, polygon"),
        ("rectangle", (1, 2, 3), r"rectangle \[1.0, 2.0, 3.0\].*x1, y1, x2, y2"),
        ("ellipse", (1, 2, 3, float("nan")), r"ellipse \[1.0, 2.0, 3.0, nan\].*x1, y1, x2, y2 .*box"),
        ("polygon", (1, 2, 3, 4), r"polygon \[1.0, 2.0, 3.0, 4.0\].*3 or more"),
        ("polygon", (1, 2, 3, 4, 5, 6, 7), r"polygon \[1.0, .*7.0\].*3 or more"),
    ],
)
def test_what_is_no_shape_is_named(kind: str, numbers: tuple[float, ...], text: str) -> None:
    with pytest.raises(ArgumentError, match=text):
        shapes_mask([(kind, numbers)], SIZE)
