"""Masks over random boxes, sizes, crops and augmentations: area and place are those of the box in the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from view_toys import spec, table

from xrv_core.datasets import MergeDataset, XRayCenterCrop, XrayDataset, XRayResizer, boxes_mask
from xrv_core.torchvision_guard import import_torchvision

import_torchvision()
from torchvision.transforms import v2  # noqa: E402

Box = tuple[float, float, float, float]
SIDES = st.integers(40, 160)
UNIT = st.floats(0, 1)


@st.composite
def drawn(draw: st.DrawFn, least: float = 0.15) -> tuple[tuple[int, int], Box]:
    """A size, and a box that lies within an image of that size."""
    height, width = draw(SIDES), draw(SIDES)
    w, h = (side * (least + (0.7 - least) * draw(UNIT)) for side in (width, height))
    return (height, width), ((width - w) * draw(UNIT), (height - h) * draw(UNIT), w, h)


class Boxed(XrayDataset):
    """One image that shows its box: 1024 inside, -1024 outside; the mask of the box is the label's mask."""

    gives_pathology_masks = True

    def __init__(self, size: tuple[int, int], box: Box, **options: Any) -> None:
        self.size, self.box = size, box
        csv = table("boxed", ["p", "q"]).iloc[:1]
        super().__init__(spec("boxed", ("Mass",)), csv, np.ones((1, 1), np.float32), pathology_masks=True, **options)

    def pixels(self, row: int) -> NDArray[np.float32]:
        return boxes_mask([self.box], self.size) * 2048 - 1024

    def pathology_masks_of(self, row: int, shape: tuple[int, int]) -> dict[str, NDArray[np.float32]]:
        return {"Mass": boxes_mask([self.box], shape)}


def centre(mask: NDArray[Any]) -> tuple[float, float]:
    rows, columns = np.nonzero(mask)
    return float(rows.mean() + 0.5), float(columns.mean() + 0.5)


@given(drawn(), st.tuples(SIDES, SIDES))
def test_area_and_centre_at_any_size(case: tuple[tuple[int, int], Box], shape: tuple[int, int]) -> None:
    (height, width), (x, y, w, h) = case
    mask = boxes_mask([(x, y, w, h)], shape, drawn_on=(height, width))[0]
    scale_y, scale_x = shape[0] / height, shape[1] / width
    expected_h, expected_w = h * scale_y, w * scale_x
    assert abs(mask.any(axis=1).sum() - expected_h) <= 1
    assert abs(mask.any(axis=0).sum() - expected_w) <= 1
    row, column = centre(mask)
    assert abs(row - (y + h / 2) * scale_y) <= 0.5 + 1e-6
    assert abs(column - (x + w / 2) * scale_x) <= 0.5 + 1e-6


@given(drawn(), drawn())
def test_boxes_are_united(one: tuple[tuple[int, int], Box], other: tuple[tuple[int, int], Box]) -> None:
    size = one[0]
    masks = [boxes_mask([box], size, drawn_on=drawn_on) for drawn_on, box in (one, other)]
    boxes = [one[1], tuple(v * s / o for v, s, o in zip(other[1], size[::-1] * 2, other[0][::-1] * 2, strict=True))]
    together = boxes_mask(boxes, size)  # type: ignore[arg-type]
    assert np.abs(together - np.maximum(*masks)).sum() <= sum(size), "but for the rounding of an edge"
    assert set(np.unique(together)) <= {0.0, 1.0}


@settings(deadline=None, max_examples=40)
@given(drawn(least=0.3), st.integers(32, 96))
def test_crop_and_resize_keep_box_and_image_together(case: tuple[tuple[int, int], Box], side: int) -> None:
    size, box = case
    dataset = Boxed(size, box, transform=v2.Compose([XRayCenterCrop(), XRayResizer(side)]))
    sample = dataset[0]
    image, mask = sample["img"][0].numpy(), sample["pathology_masks"][0][0].numpy()
    seen = image[1:-1, 1:-1] > 0  # the resizer that the models were trained with greys the outermost pixels
    edge = 2 * sum(seen.shape)
    assert np.abs(seen.astype(int) - (mask[1:-1, 1:-1] >= 0.5)).sum() <= edge
    if seen.sum() > 4 * edge:
        assert np.allclose(centre(seen), centre(mask[1:-1, 1:-1] >= 0.5), atol=1.0)


@settings(deadline=None, max_examples=40)
@given(drawn(least=0.3), st.floats(-45, 45), st.floats(0.8, 1.2), st.integers(0, 2**16))
def test_an_affine_moves_mask_and_image_alike(
    case: tuple[tuple[int, int], Box], angle: float, scale: float, seed: int
) -> None:
    size, box = case
    turn = v2.RandomAffine((angle, angle + 1e-3), translate=(0.15, 0.15), scale=(scale, scale + 1e-3), fill=0)
    dataset = MergeDataset([Boxed(size, box)], transform=turn)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        sample = dataset[0]
    seen, mask = sample["img"][0].numpy() > 0, sample["pathology_masks"][0][0].numpy() >= 0.5
    assert (seen == mask).mean() > 0.999, "the nearest pixel of both is the same one"


@pytest.mark.parametrize("views", [1, 2, 3])
def test_a_mask_goes_through_any_number_of_views_unchanged(views: int) -> None:
    dataset: Any = Boxed((50, 60), (10, 20, 30, 15))
    expected = dataset[0]["pathology_masks"][0]
    for _ in range(views):
        dataset = dataset.subset([0]).relabel(dict.fromkeys(["Nodule", "Mass", *dataset.pathologies])).merge()
    assert dataset.pathologies == ["Nodule", "Mass"]
    assert torch.equal(dataset[0]["pathology_masks"][1], expected)
