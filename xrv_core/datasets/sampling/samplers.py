"""Samplers for training: balanced by class, by domain, and by patient; for one process or several (DDP)."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch.utils.data import Sampler

from xrv_core.errors import ArgumentError
from xrv_core.protocols import Dataset

__all__ = ["ClassBalancedSampler", "DomainBalancedSampler", "PatientSampler"]


class _SharedSampler(Sampler[int]):
    """Draws one list of items an epoch, the same in every process, of which each process takes its share.

    Args:
        num_samples: Items an epoch, of all processes together.
        seed: Of the generator, together with the epoch; no global random state is used.
        num_replicas: Processes; default those of ``torch.distributed``, else 1.
        rank: Number of this process; default that of ``torch.distributed``, else 0.
    """

    def __init__(self, num_samples: int, seed: int, num_replicas: int | None, rank: int | None) -> None:
        if num_samples <= 0:
            raise ArgumentError(f"num_samples={num_samples!r}: give a positive number.")
        replicas, own = _distributed()
        self.num_replicas = replicas if num_replicas is None else num_replicas
        self.rank = own if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError(f"rank={self.rank} is none of {self.num_replicas} processes.")
        self.num_samples = num_samples
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Call it before each epoch: each has its own draw."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.num_samples / self.num_replicas)

    def __iter__(self) -> Iterator[int]:
        drawn = self._draw(np.random.default_rng([self.seed, self.epoch]))
        # every process must have the same number, so the first ones fill up
        filled = np.resize(drawn, len(self) * self.num_replicas)
        return iter(filled[self.rank :: self.num_replicas].tolist())

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        raise TypeError(f"{type(self).__name__} does not say how to draw: define _draw(rng).")


class _GroupSampler(_SharedSampler):
    """Each group equally often, whatever its size; within a group items at random, with replacement."""

    def __init__(self, groups: Sequence[NDArray[np.intp]], **options: Any) -> None:
        super().__init__(**options)
        self.groups = [group for group in groups if len(group)]

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        sizes = np.array([len(group) for group in self.groups])
        # not at random: with few items an epoch, chance alone would unbalance the groups
        group = rng.permutation(np.arange(self.num_samples) % len(self.groups))
        within = (rng.random(self.num_samples) * sizes[group]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        items: NDArray[np.int64] = np.concatenate(self.groups).astype(np.int64)
        drawn: NDArray[np.int64] = items[starts[group] + within]
        return drawn


class ClassBalancedSampler(_GroupSampler):
    """Each label's positives as often as every other's, and as often as items without any.

    With one label: half positives, half negatives. Items whose labels are all unknown are not drawn.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        labels: One label or several; default all.
        num_samples: Items an epoch, of all processes together; default ``len(dataset)``.
        seed: Of the draw, together with the epoch.
        num_replicas: Processes; default those of ``torch.distributed``, else 1.
        rank: Number of this process.

    Raises:
        ArgumentError: A label that is none, or one class only.
    """

    def __init__(
        self,
        dataset: Dataset,
        labels: str | Iterable[str] | None = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        groups = list(_classes(dataset, labels, np.arange(len(dataset))))
        if sum(len(group) > 0 for group in groups) < 2:
            raise ArgumentError("There is one class only, or none, so nothing can be balanced.")
        options = {"seed": seed, "num_replicas": num_replicas, "rank": rank}
        super().__init__(groups, num_samples=num_samples or len(dataset), **options)


class DomainBalancedSampler(_GroupSampler):
    """Each domain (collection, site, view) equally often; with ``labels``, each class of each domain.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        by: Column of ``csv`` that tells the domain: ``source_name`` of a merge, ``view``, ``site``. Items where it is
            NA are not drawn.
        labels: Balance the classes of these labels within each domain, too (see ``ClassBalancedSampler``). A domain
            that has one class only would tell the class by itself: an error.
        num_samples: Items an epoch, of all processes together; default ``len(dataset)``.
        seed: Of the draw, together with the epoch.
        num_replicas: Processes; default those of ``torch.distributed``, else 1.
        rank: Number of this process.

    Raises:
        ArgumentError: A column or label that is none, no domain, or a domain with one class only.
    """

    def __init__(
        self,
        dataset: Dataset,
        by: str = "source_name",
        labels: str | Iterable[str] | None = None,
        *,
        num_samples: int | None = None,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        if by not in dataset.csv.columns:
            raise ArgumentError(f"by={by!r} is not a column of csv. Merges have source_name; others: view, sex.")
        codes, domains = pd.factorize(dataset.csv[by])
        groups: list[NDArray[np.intp]] = []
        for number, domain in enumerate(domains):
            items = np.flatnonzero(codes == number)
            found = [items] if labels is None else list(_classes(dataset, labels, items))
            if labels is not None and sum(len(group) > 0 for group in found) < 2:
                raise ArgumentError(f"The domain {domain!r} has one class only, or none: leave it out, or labels.")
            groups += found
        if not groups:
            raise ArgumentError(f"The column {by!r} is NA everywhere, so there is no domain.")
        options = {"seed": seed, "num_replicas": num_replicas, "rank": rank}
        super().__init__(groups, num_samples=num_samples or len(dataset), **options)


class PatientSampler(_SharedSampler):
    """One image of each patient an epoch, at random; images of unknown patients all.

    Args:
        dataset: Anything that keeps the ``Dataset`` contract.
        by: Column of ``csv`` that tells the patient.
        seed: Of the draw, together with the epoch.
        num_replicas: Processes; default those of ``torch.distributed``, else 1.
        rank: Number of this process.

    Raises:
        ArgumentError: A column that is none, or no item.
    """

    def __init__(
        self,
        dataset: Dataset,
        by: str = "patientid",
        *,
        seed: int = 0,
        num_replicas: int | None = None,
        rank: int | None = None,
    ) -> None:
        if by not in dataset.csv.columns:
            raise ArgumentError(f"by={by!r} is not a column of csv. Common ones: patientid, source_uid.")
        codes = pd.factorize(dataset.csv[by])[0]
        unknown = codes < 0
        codes[unknown] = codes.max(initial=-1) + 1 + np.arange(unknown.sum())
        self._patients = codes
        super().__init__(len(np.unique(codes)), seed, num_replicas, rank)

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        items = rng.permutation(len(self._patients))  # the first of each patient, in an order that is random itself
        first = ~pd.Series(self._patients[items]).duplicated().to_numpy()
        return items[first].astype(np.int64)


def _classes(
    dataset: Dataset, labels: str | Iterable[str] | None, items: NDArray[np.intp]
) -> Iterator[NDArray[np.intp]]:
    """Positives of each label among ``items``, then those that are known to have none."""
    names = list(dataset.pathologies)
    wanted = names if labels is None else [labels] if isinstance(labels, str) else list(labels)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ArgumentError(f"{unknown[:1] or wanted} is no label of this dataset. Its labels are: {', '.join(names)}.")
    matrix = dataset.labels[items][:, [names.index(name) for name in wanted]]
    for column in range(len(wanted)):
        yield items[matrix[:, column] == 1]
    yield items[(matrix == 0).any(axis=1) & ~(matrix == 1).any(axis=1)]


def _distributed() -> tuple[int, int]:
    """Number of processes and of this one."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    return 1, 0
