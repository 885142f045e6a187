"""Masks of other proportions than their image are refused, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from messages import says
from PIL import Image
from view_toys import Toy, spec, table

import xrv_core as xrv
from xrv_core.datasets import coco_rle, coco_rle_mask, fit_mask, siim_rle, siim_rle_mask
from xrv_core.errors import ImageError

MASK = np.zeros((1, 40, 60), np.float32)
MASK[0, 5:20, 10:50] = 1
OTHERS = [(60, 40), (40, 40), (80, 60), (20, 60)]


@pytest.mark.parametrize("shape", OTHERS)
def test_other_proportions_are_refused(shape: tuple[int, int]) -> None:
    wanted = says("a.json, Mass", "(40, 60)", str(shape), "Check")
    with pytest.raises(ImageError, match=wanted):
        fit_mask(MASK, shape, where="a.json, Mass")
    with pytest.raises(ImageError, match=wanted):
        coco_rle_mask(coco_rle(MASK), shape, where="a.json, Mass")
    with pytest.raises(ImageError, match=wanted):
        siim_rle_mask(siim_rle(MASK), shape, drawn_on=(40, 60), where="a.json, Mass")


def test_the_same_proportions_are_resized_even_when_rounded() -> None:
    for height in range(7, 200):
        for width in {int(height * 60 / 40), round(height * 60 / 40), -int(-height * 60 // 40)}:
            assert fit_mask(MASK, (height, width)).shape == (1, height, width)


@pytest.mark.parametrize("size", OTHERS)
def test_a_mask_file_of_a_table(size: tuple[int, int], tmp_path: Path) -> None:
    Image.fromarray(np.zeros((40, 60), np.uint8)).save(tmp_path / "a.png")
    Image.fromarray(np.full(size, 255, np.uint8)).save(tmp_path / "m.png")
    pd.DataFrame({"file": ["a.png"], "Mass": [1], "drawn": ["m.png"]}).to_csv(tmp_path / "t.csv", index=False)
    d = xrv.get_dataset(
        "table",
        imgpath=tmp_path,
        csvpath=tmp_path / "t.csv",
        image="file",
        labels=["Mass"],
        masks={"Mass": "drawn"},
        pathology_masks=True,
    )
    with pytest.raises(ImageError, match=says("m.png", str(size), "(40, 60)")):
        d[0]


class Wrong(Toy):
    """A third party's dataset that gives masks of another shape."""

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, np.ndarray]:
        return {"Mass": np.ones(self.given, np.float32)}


@pytest.mark.parametrize("given", [(1, 8, 8), (4, 4), (1, 4, 5), (2, 4, 4)])
def test_any_dataset_is_checked_at_the_base(given: tuple[int, ...]) -> None:
    d = Wrong(spec("wrong", ("Mass",)), table("wrong", ["p", "q"]), np.ones((2, 1), np.float32), pathology_masks=True)
    d.given = given
    with pytest.raises(ImageError, match=says("wrong:0", "'Mass'", str(given), "(1, 4, 4)", "fit_mask")):
        d[0]
