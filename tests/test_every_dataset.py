"""Every dataset that a plugin offers keeps the contract, over its miniature."""

from __future__ import annotations

import pytest

import xrv_core
from xrv_core.testing import run_checks
from xrv_core.testing.common.results import raise_failures

#: Checks that cannot hold for a dataset, with the reason.
EXEMPT: dict[str, dict[str, str]] = {
    "phantom": {
        "why": "findings are drawn by code, and have no source",
        "has_masks": "it is about masks of findings, but all phantoms have masks of their anatomy",
    },
    "ralo": {"label_values": "its labels are severity scores"},
}


@pytest.mark.parametrize("name", xrv_core.list_datasets())
def test_it_passes_the_conformance_kit(name: str) -> None:
    raise_failures(name, run_checks(name, exempt=EXEMPT.get(name)))


def test_exemptions_are_of_datasets_that_there_are() -> None:
    assert set(EXEMPT) <= set(xrv_core.list_datasets())
