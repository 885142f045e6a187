"""Every dataset that a plugin offers keeps the contract, over its miniature."""

from __future__ import annotations

from pathlib import Path

import pytest
from torch.utils.data import ConcatDataset, DataLoader

import xrv_core
from xrv_core.testing import DATASET_CHECKS, run_checks
from xrv_core.testing.common.compare import sample_difference
from xrv_core.testing.common.results import raise_failures

#: Checks that cannot hold for a dataset, with the reason.
EXEMPT: dict[str, dict[str, str]] = {
    "phantom": {
        "why": "findings are drawn by code, and no source tells of them",
        "has_masks": "it tells of masks of findings; every phantom has masks of its anatomy",
    },
    "ralo": {"label_values": "its labels are severity scores"},
}

#: Two spawned workers import torch: once for all datasets, below.
ONE_BY_ONE = [name for name in DATASET_CHECKS if name != "workers_spawn"]


@pytest.mark.parametrize("name", xrv_core.list_datasets())
def test_it_passes_the_conformance_kit(name: str) -> None:
    raise_failures(name, run_checks(name, exempt=EXEMPT.get(name), only=ONE_BY_ONE))


def test_exemptions_are_of_datasets_that_there_are() -> None:
    assert set(EXEMPT) <= set(xrv_core.list_datasets())


def as_it_is(sample: object) -> object:
    return sample


def test_spawned_workers_give_the_items_that_no_worker_gives(tmp_path: Path) -> None:
    opened = {n: xrv_core.get_dataset(n, **xrv_core.miniature(n, tmp_path / n)) for n in xrv_core.list_datasets()}
    expected = [(name, dataset[i]) for name, dataset in opened.items() for i in range(len(dataset))]
    loader = DataLoader(
        ConcatDataset(opened.values()),
        batch_size=None,
        collate_fn=as_it_is,
        num_workers=2,
        multiprocessing_context="spawn",
        timeout=300,
    )
    for (name, here), there in zip(expected, loader, strict=True):
        assert sample_difference(there, here) == "", (name, here["idx"])
