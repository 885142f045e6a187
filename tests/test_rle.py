"""Run-length encoded masks: SIIM's relative numbers and COCO's lists and strings."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from xrv_core.datasets import coco_rle, coco_rle_mask, siim_rle, siim_rle_mask
from xrv_core.datasets.masks.rle import _packed
from xrv_core.errors import TableError

masks = arrays(np.bool_, array_shapes(min_dims=2, max_dims=2, max_side=24))


@pytest.mark.parametrize(
    ("rle", "expected"),
    [
        ("0 1", [[1, 0, 0], [0, 0, 0]]),
        ("1 1", [[0, 0, 0], [1, 0, 0]]),  # down the column first
        ("1 2 1 2", [[0, 1, 1], [1, 0, 1]]),  # the second gap counts from the end of the first run
        (" 0  6 ", [[1, 1, 1], [1, 1, 1]]),
        ("-1", [[0, 0, 0], [0, 0, 0]]),
        (" -1", [[0, 0, 0], [0, 0, 0]]),
    ],
)
def test_siim_by_hand(rle: str, expected: list[list[int]]) -> None:
    mask = siim_rle_mask(rle, drawn_on=(2, 3))
    assert mask.dtype == np.float32
    np.testing.assert_array_equal(mask, [expected])


def test_the_image_of_siim_is_1024_pixels_square() -> None:
    mask = siim_rle_mask("3072 1024")
    assert mask.shape == (1, 1024, 1024)
    assert mask[0, :, 3].all()
    assert mask.sum() == 1024


def test_masks_follow_the_image_at_hand() -> None:
    drawn = np.zeros((1024, 1024), bool)
    drawn[256:512, 128:640] = True
    small = siim_rle_mask(siim_rle(drawn), (224, 224))
    assert small.shape == (1, 224, 224)
    assert small[0, 56:112, 28:140].all()
    assert small.sum() == 56 * 112
    twice = coco_rle_mask(coco_rle(drawn), (2048, 2048))
    assert twice[0, 512:1024, 256:1280].all()
    assert twice.sum() == 4 * drawn.sum()


# what pycocotools 2.0 writes for these masks
def disc() -> Any:
    y, x = np.mgrid[:9, :7]
    return (y - 4) ** 2 + (x - 3) ** 2 < 9


def frame() -> Any:
    mask = np.zeros((40, 50), bool)
    mask[3:33, 4:40] = True
    mask[10:12, 4:40] = False
    return mask


@pytest.mark.parametrize(
    ("mask", "counts"),
    [(disc(), ";5400000007"), (frame(), f"S572{'>8BH' * 35}>e<"), (~np.zeros((2, 2), bool), "04")],
)
def test_strings_of_pycocotools(mask: Any, counts: str) -> None:
    size = list(mask.shape)
    assert coco_rle(mask) == {"size": size, "counts": counts}
    for given_as in (counts, counts.encode()):
        np.testing.assert_array_equal(coco_rle_mask({"size": size, "counts": given_as})[0], mask)


def test_coco_lists() -> None:
    rle = {"size": [2, 3], "counts": [1, 2, 1, 2]}
    assert coco_rle(np.array([[0, 1, 1], [1, 0, 1]]), packed=False) == rle
    np.testing.assert_array_equal(coco_rle_mask(rle), [[[0, 1, 1], [1, 0, 1]]])
    np.testing.assert_array_equal(coco_rle_mask({"size": (1, 2), "counts": (2,)}), [[[0, 0]]])


@given(masks)
@settings(deadline=None)
def test_there_and_back(mask: Any) -> None:
    shape = mask.shape
    np.testing.assert_array_equal(siim_rle_mask(siim_rle(mask), drawn_on=shape)[0], mask)
    for packed in (True, False):
        np.testing.assert_array_equal(coco_rle_mask(coco_rle(mask[None], packed=packed))[0], mask)


@given(st.lists(st.integers(0, 3000), min_size=1, max_size=40))
@settings(deadline=None)
def test_any_runs_survive_the_string(runs: list[int]) -> None:
    """Also runs of 0, which no encoder writes but the first."""
    runs = [*runs, 0, 1]
    listed = coco_rle_mask({"size": [1, sum(runs)], "counts": runs})
    assert listed.sum() == sum(runs[1::2])
    packed = {"size": [1, sum(runs)], "counts": _packed(runs)}
    np.testing.assert_array_equal(coco_rle_mask(packed), listed)


# -- bad encodings

CHECK = ".*Compare the file with its source"


@pytest.mark.parametrize(
    ("rle", "words"),
    [
        ("1 2 x", "'1 2 x' is not a run-length encoding"),
        ("", "'' is not a run-length encoding"),
        ("1 -2", "'1 -2' is not a run-length encoding"),
        ("1.5 2 " + 40 * "9 ", r"'1.5 2 9 9 9 9 9 9 9 9 9 9 9 9 9 9 9 \.\.\. is not"),
        ("1 2 3", "pairs of gap and length.*3 numbers"),
        ("1 2 1 3", "7 pixels, more than .*2 x 3"),
    ],
)
def test_bad_siim(rle: str, words: str) -> None:
    with pytest.raises(TableError, match=f"^m.csv, image 7: .*{words}{CHECK}"):
        siim_rle_mask(rle, drawn_on=(2, 3), where="m.csv, image 7")


@pytest.mark.parametrize(
    ("rle", "words"),
    [
        ({"counts": [6]}, r"'size' .*\[height, width\], got None"),
        ({"size": [6], "counts": [6]}, r"'size' .*got \[6\]"),
        ({"size": [2, 0], "counts": []}, r"'size' .*got \[2, 0\]"),
        ({"size": [2, 3]}, "'counts' .*string or whole numbers, got None"),
        ({"size": [2, 3], "counts": [1, 0.5]}, r"'counts' .*got \[1, 0.5\]"),
        ({"size": [2, 3], "counts": [1, 2]}, "2 x 3 .*sum 6, got a minimum of 1 and a sum of 3"),
        ({"size": [2, 3], "counts": [8, -2]}, "got a minimum of -2 and a sum of 6"),
        ({"size": [2, 3], "counts": "11"}, "got a minimum of 1 and a sum of 2"),
        ({"size": [2, 3], "counts": ""}, "got a minimum of 0 and a sum of 0"),
        ({"size": [2, 3], "counts": "1 1"}, "invalid character ' '"),
        ({"size": [2, 3], "counts": "1é"}, "invalid character 'é'"),
        ({"size": [2, 3], "counts": "1P"}, "cut short"),
        ({"size": [2, 3], "counts": "o" * 1000}, "invalid character 'o'"),
    ],
)
def test_bad_coco(rle: dict[str, Any], words: str) -> None:
    with pytest.raises(TableError, match=f"^a.json: .*{words}{CHECK}"):
        coco_rle_mask(rle, where="a.json")


@given(st.text(st.characters(min_codepoint=40, max_codepoint=120), max_size=12))
@settings(deadline=None)
def test_no_string_does_worse_than_a_table_error(counts: str) -> None:
    try:
        mask = coco_rle_mask({"size": [3, 3], "counts": counts})
    except TableError:
        return
    assert mask.shape == (1, 3, 3)
