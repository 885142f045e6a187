"""Checks that a dataset works in other processes, as ``DataLoader`` workers need it."""

from __future__ import annotations

import multiprocessing
import pickle
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from xrv_core.testing.common.compare import samples_differences, table_difference
from xrv_core.testing.common.results import Check, NotApplicable, NotRun, described

if TYPE_CHECKING:
    from xrv_core.protocols import Sample
    from xrv_core.testing.datasets.subject import Subject

__all__ = ["CHECKS"]

_PATIENCE = 120  # seconds


def pickling(subject: Subject) -> Iterator[str]:
    """A pickled copy, made before or after items were read, is the same dataset."""
    expected = subject.steady
    for when, d in (("unread", subject.open()), ("that was read", subject.dataset)):
        copy = pickle.loads(pickle.dumps(d))  # noqa: S301  # made here
        difference = table_difference(copy.csv, d.csv)
        if difference or not np.array_equal(copy.labels, d.labels, equal_nan=True):
            yield f"a pickled copy of a dataset {when} differs: {difference or 'labels are others'}"
        found = subject.read_all(copy)
        yield from (f"in a pickled copy of a dataset {when}, {d}" for d in samples_differences(found, expected))


def workers_fork(subject: Subject) -> Iterator[str]:
    """Two forked DataLoader workers give the items that no worker gives."""
    yield from _same_items(subject.dataset, subject.steady, "fork")


def workers_fork_archive(subject: Subject) -> Iterator[str]:
    """Two forked DataLoader workers may share an archive that was read before the fork."""
    expected = subject.steady
    archive = subject.images.packed("zip")
    try:
        d = subject.open(imgpath=archive)
        found = subject.read_all(d)
    except Exception as error:
        raise NotRun("archives_equal") from error
    if any(samples_differences(found, expected)):
        raise NotRun("archives_equal")
    yield from _same_items(d, expected, "fork")


def workers_spawn(subject: Subject) -> Iterator[str]:
    """Two spawned DataLoader workers give the items that no worker gives."""
    try:
        pickle.dumps(subject.dataset)
    except Exception as error:
        raise NotRun("pickling") from error
    yield from _same_items(subject.dataset, subject.steady, "spawn")


def _same_items(dataset: Any, expected: list[Sample], method: str) -> Iterator[str]:
    if method not in multiprocessing.get_all_start_methods():
        raise NotApplicable(f"this system starts no process by {method}")
    loader: Any = DataLoader(
        _Told(dataset),
        batch_size=None,
        collate_fn=_as_it_is,
        num_workers=2,
        multiprocessing_context=method,
        timeout=_PATIENCE,
    )
    try:
        found = list(loader)
    except RuntimeError as error:
        hint = " In a script, call the kit under `if __name__ == '__main__':`." if method == "spawn" else ""
        yield f"workers started by {method} end: {described(error)}.{hint}"
        return
    failed = [i for i, item in enumerate(found) if isinstance(item, str)]
    if failed:
        yield f"in a worker started by {method} item {failed[0]} raises {found[failed[0]]}"
        return
    yield from (f"with workers started by {method}, {d}" for d in samples_differences(found, expected))


class _Told(Dataset[Any]):
    """A dataset whose errors are items, in words: DataLoader makes long texts of them, and ends slowly."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, idx: int) -> Any:
        try:
            return self.dataset[idx]
        except Exception as error:
            return described(error)


def _as_it_is(sample: Any) -> Any:
    return sample


CHECKS: tuple[Check, ...] = (pickling, workers_fork, workers_fork_archive, workers_spawn)
