"""Checks that a dataset works in other processes, such as the workers of a ``DataLoader``."""

from __future__ import annotations

import multiprocessing
import os
import pickle
from collections.abc import Iterator
from typing import Any

import numpy as np
from torch.utils.data import DataLoader, Dataset

from xrv_core.protocols import Sample
from xrv_core.testing.common.compare import samples_differences, table_difference
from xrv_core.testing.common.probe import fresh_processes, run_fresh
from xrv_core.testing.common.results import Check, NotApplicable, NotRun, described
from xrv_core.testing.datasets.subject import DatasetSubject

__all__ = ["CHECKS"]

_PATIENCE = 120  # seconds


def pickling(subject: DatasetSubject) -> Iterator[str]:
    """A pickled copy, made before or after items were read, is equal."""
    expected = subject.steady
    for when, d in (("before", subject.open()), ("after", subject.dataset)):
        copy = pickle.loads(pickle.dumps(d))  # noqa: S301  # made here
        difference = table_difference(copy.csv, d.csv)
        if difference or not np.array_equal(copy.labels, d.labels, equal_nan=True):
            yield f"a copy that was pickled {when} items were read differs: {difference or 'in labels'}"
        where = f"in a copy that was pickled {when} items were read, "
        yield from samples_differences(subject.read(copy), expected, where)


def workers_fork(subject: DatasetSubject) -> Iterator[str]:
    """Two forked DataLoader workers give the same items as this process."""
    yield from _same_items(subject.dataset, subject.steady, _fork())


def workers_fork_archive(subject: DatasetSubject) -> Iterator[str]:
    """Two forked DataLoader workers can share an archive that was read before the fork."""
    expected = subject.steady
    archive = subject.images.packed("zip")
    try:
        d = subject.open(imgpath=archive)
        found = subject.read(d)
    except Exception as error:
        raise NotRun("archives_equal") from error
    if any(samples_differences(found, expected)):
        raise NotRun("archives_equal")
    yield from _same_items(d, expected, _fork())


def workers_spawn(subject: DatasetSubject) -> Iterator[str]:
    """Two DataLoader workers that start afresh, as spawned ones do, give the same items as this process."""
    try:
        pickle.dumps(subject.dataset)
    except Exception as error:
        raise NotRun("pickling") from error
    expected = subject.steady
    if not run_fresh(_nothing, main=True):
        yield "no process can be started: in a script, call the kit under `if __name__ == '__main__':`"
        return
    yield from _same_items(subject.dataset, expected, fresh_processes())


def _fork() -> Any:
    if "fork" not in multiprocessing.get_all_start_methods():
        raise NotApplicable("this system cannot fork a process")
    return multiprocessing.get_context("fork")


def _same_items(dataset: Any, expected: list[Sample], context: Any) -> Iterator[str]:
    loader: Any = DataLoader(
        _Reporting(dataset),
        batch_size=None,
        collate_fn=_unchanged,
        num_workers=2,
        multiprocessing_context=context,
        timeout=_PATIENCE,
    )
    method = context.get_start_method()
    try:
        found = list(loader)
    except RuntimeError as error:
        yield f"workers started by {method} end: {described(error)}"
        return
    failed = [i for i, item in enumerate(found) if isinstance(item, str)]
    if failed:
        yield f"in a worker started by {method}, item {failed[0]} raises {found[failed[0]]}"
        return
    yield from samples_differences(found, expected, f"with workers started by {method}, ")


class _Reporting(Dataset[Any]):
    """A dataset that gives an error as a text: DataLoader makes long texts of errors, and ends slowly."""

    def __init__(self, dataset: Any) -> None:
        self.dataset = dataset

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, idx: int) -> Any:
        try:
            if isinstance(self.dataset, Exception):
                raise self.dataset
            return self.dataset[idx]
        except Exception as error:
            return described(error)

    def __getstate__(self) -> tuple[bytes, dict[str, str]]:
        return pickle.dumps(self.dataset), dict(os.environ)

    def __setstate__(self, state: tuple[bytes, dict[str, str]]) -> None:
        pickled, environment = state
        os.environ.update(environment)  # a copied server has that of its start
        try:
            self.dataset = pickle.loads(pickled)  # noqa: S301  # made here
        except Exception as error:
            self.dataset = error


def _unchanged(sample: Any) -> Any:
    return sample


def _nothing() -> None: ...


CHECKS: tuple[Check, ...] = (pickling, workers_fork, workers_fork_archive, workers_spawn)
