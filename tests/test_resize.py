"""The resize equals scikit-image's anti-aliased one: on any size, on real images, and for gradients."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from skimage.transform import resize as skimage_resize

from xrv_core.datasets import load_image
from xrv_core.datasets.pixels.resize import axis_weights, resize_exact

sides = st.integers(1, 90)


def pixels(height: int, width: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).uniform(-1024, 1024, (height, width)).astype(np.float32))


def reference(x: torch.Tensor, height: int, width: int) -> np.ndarray:
    return skimage_resize(x.numpy()[None], (1, height, width), mode="constant", preserve_range=True)[0]


@given(h=sides, w=sides, new_h=sides, new_w=sides, seed=st.integers(0, 99), offset=st.sampled_from([0, 1024, -3000]))
@settings(max_examples=150, deadline=None)
def test_equals_scikit_image(h: int, w: int, new_h: int, new_w: int, seed: int, offset: int) -> None:
    x = pixels(h, w, seed) + offset  # an offset: every pixel on one side of 0, where scikit-image clips
    ours = resize_exact(x, (new_h, new_w))
    assert ours.dtype == torch.float32
    np.testing.assert_allclose(ours.numpy(), reference(x, new_h, new_w), rtol=0, atol=2e-3)


@pytest.mark.parametrize(
    ("shape", "size"),
    [
        ((1024, 1024), 224),
        ((1000, 811), 224),
        ((813, 1000), 512),
        ((150, 180), 224),
        ((301, 40), 224),
        ((1024, 1024), 1),
    ],
)
def test_usual_sizes(shape: tuple[int, int], size: int) -> None:
    x = pixels(*shape)
    np.testing.assert_allclose(resize_exact(x, (size, size)).numpy(), reference(x, size, size), rtol=0, atol=1e-3)


@pytest.mark.realdata
@pytest.mark.parity
def test_real_images_as_torchxrayvision_resizes_them(realdata: Path) -> None:
    theirs = pytest.importorskip("torchxrayvision").datasets.XRayResizer(224)
    files = sorted((realdata / "nih" / "images").glob("*.png"))[:12] + sorted(
        (realdata / "covid19" / "images").iterdir()
    )
    for path in files:
        image = load_image(path)
        ours = resize_exact(torch.from_numpy(image), (224, 224)).numpy()
        np.testing.assert_allclose(ours, theirs(image), rtol=0, atol=1e-3, err_msg=path.name)


def test_batches_are_images_side_by_side() -> None:
    x = torch.stack([pixels(50, 41, seed) * scale for seed, scale in enumerate((1, 0.01, 2))])[:, None]
    batch = resize_exact(x, (23, 64))
    assert batch.shape == (3, 1, 23, 64)
    for i in range(3):
        torch.testing.assert_close(batch[i, 0], resize_exact(x[i, 0], (23, 64)), rtol=0, atol=1e-3)
    assert resize_exact(x[:0], (23, 64)).shape == (0, 1, 23, 64)


def test_the_size_it_has_already_is_left_alone() -> None:
    x = pixels(31, 17)
    assert resize_exact(x, (31, 17)) is x
    assert np.array_equal(reference(x, 31, 17), x.numpy())


@given(level=st.floats(-1024, 1024, width=32), h=sides, w=sides, new=sides)
@settings(max_examples=50, deadline=None)
def test_a_flat_image_stays_flat(level: float, h: int, w: int, new: int) -> None:
    assert (resize_exact(torch.full((h, w), level), (new, new)) == level).all()


def test_other_types() -> None:
    x = pixels(40, 30).round()
    whole = resize_exact(x, (16, 16))
    assert torch.equal(resize_exact(x.to(torch.int16), (16, 16)), whole)
    assert resize_exact(x.half(), (16, 16)).dtype == torch.float32
    double = resize_exact(x.double(), (16, 16))
    assert double.dtype == torch.float64
    torch.testing.assert_close(double.float(), whole, rtol=0, atol=1e-3)


@pytest.mark.parametrize("size", [(5, 4), (13, 15)])
def test_differentiable(size: tuple[int, int]) -> None:
    x = pixels(9, 11).double().requires_grad_()
    assert torch.autograd.gradcheck(lambda t: resize_exact(t, size), (x,))


@pytest.mark.parametrize(("old", "new"), [(1024, 224), (100, 99), (7, 50), (5, 5), (9, 1)])
def test_weights_of_inner_pixels_sum_to_one(old: int, new: int) -> None:
    weights = axis_weights(old, new)
    assert weights.shape == (new, old)
    assert weights.min() >= 0
    sums = weights.sum(axis=1)
    assert sums.max() <= 1 + 1e-12
    sigma = max(0, (old / new - 1) / 2)
    reach = int(np.ceil((4 * sigma + 1.5) * new / old))
    np.testing.assert_allclose(sums[reach : new - reach], 1, atol=1e-12)
