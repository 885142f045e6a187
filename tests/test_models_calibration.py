"""Operating points."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from xrv_core.errors import ArgumentError
from xrv_core.models import apply_operating_points

open_interval = st.floats(1e-4, 1 - 1e-4)


@given(open_interval)
def test_the_ends_stay_and_the_operating_point_goes_to_one_half(t):
    p = torch.tensor([[0.0], [t], [1.0]], dtype=torch.float64)
    out = apply_operating_points(p, torch.tensor([t], dtype=torch.float64))
    torch.testing.assert_close(out.flatten(), torch.tensor([0.0, 0.5, 1.0], dtype=torch.float64))


@given(open_interval, st.floats(0, 1), st.floats(0, 1))
def test_order_and_range_are_kept(t, p, q):
    low, high = apply_operating_points(torch.tensor([[p], [q]]).sort(0).values, torch.tensor([t])).flatten()
    assert -1e-6 <= low <= high + 1e-6
    assert high <= 1 + 1e-6


def test_equation_1_by_hand():
    p = torch.tensor([[0.1, 0.9, 0.3]])
    t = torch.tensor([0.2, 0.6, float("nan")])
    out = apply_operating_points(p, t)
    torch.testing.assert_close(out, torch.tensor([[0.25, 0.875, float("nan")]]), equal_nan=True)


@pytest.mark.parametrize("total", [torch.nansum, lambda out: out[:, :2].sum(), torch.sum])
def test_columns_without_operating_point_spoil_no_gradient(total):
    p = torch.tensor([[0.1, 0.9, 0.3]], requires_grad=True)
    total(apply_operating_points(p, torch.tensor([0.2, 0.6, float("nan")]))).backward()
    torch.testing.assert_close(p.grad, torch.tensor([[2.5, 1.25, 0.0]]))


@pytest.mark.parity
def test_parity_with_torchxrayvision():
    models = pytest.importorskip("torchxrayvision.models")
    p = torch.rand(50, 18, generator=torch.Generator().manual_seed(0))
    for entry in (models.model_urls[key] for key in ("all", "nih", "rsna")):
        t = torch.tensor(entry["op_threshs"])
        ours, theirs = apply_operating_points(p, t), models.op_norm(p, t)
        assert torch.isnan(ours[:, torch.isnan(t)]).all()
        torch.testing.assert_close(ours[:, ~torch.isnan(t)], theirs[:, ~torch.isnan(t)], atol=1e-6, rtol=0)


@pytest.mark.parametrize(("p", "t"), [((2, 3), (2,)), ((2, 3), (2, 3)), ((), (1,))])
def test_shapes_must_fit(p, t):
    with pytest.raises(
        ArgumentError, match=says("op_threshs", list(t), list(p), "one operating point for each column")
    ):
        apply_operating_points(torch.rand(p), torch.rand(t))
