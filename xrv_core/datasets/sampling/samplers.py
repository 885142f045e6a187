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
    """Draws the same list of items in every process, of which each process takes its share.

    Args:
        num_samples: Items an epoch over all processes.
        seed: Seed of the draw, combined with the epoch; no global random state is used.
        num_replicas: Number of processes; default that of ``torch.distributed``, else 1.
        rank: Number of this process; default that of ``torch.distributed``, else 0.
    """

    def __init__(self, num_samples: int, seed: int, num_replicas: int | None, rank: int | None) -> None:
        if num_samples <= 0:
            raise ArgumentError(f"num_samples={num_samples!r} must be positive.")
        replicas, own = _distributed()
        self.num_replicas = replicas if num_replicas is None else num_replicas
        self.rank = own if rank is None else rank
        if not 0 <= self.rank < self.num_replicas:
            raise ArgumentError(f"rank={self.rank} must be from 0 to {self.num_replicas - 1}.")
        self.num_samples = num_samples
        self.seed = seed
        self.epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Set the epoch; call it before each epoch for a new draw."""
        self.epoch = epoch

    def __len__(self) -> int:
        return math.ceil(self.num_samples / self.num_replicas)

    def __iter__(self) -> Iterator[int]:
        drawn = self._draw(np.random.default_rng([self.seed, self.epoch]))
        # items are repeated so that every process gets the same number
        filled = np.resize(drawn, len(self) * self.num_replicas)
        return iter(filled[self.rank :: self.num_replicas].tolist())

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        raise TypeError(f"{type(self).__name__} must define _draw(rng).")


class _GroupSampler(_SharedSampler):
    """Draws each group equally often; items of a group are drawn at random, with replacement."""

    def __init__(self, groups: Sequence[NDArray[np.intp]], **options: Any) -> None:
        super().__init__(**options)
        self.groups = [group for group in groups if len(group)]

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        sizes = np.array([len(group) for group in self.groups])
        # not drawn at random, because few items an epoch would be unbalanced by chance
        group = rng.permutation(np.arange(self.num_samples) % len(self.groups))
        within = (rng.random(self.num_samples) * sizes[group]).astype(np.int64)
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        items: NDArray[np.int64] = np.concatenate(self.groups).astype(np.int64)
        drawn: NDArray[np.int64] = items[starts[group] + within]
        return drawn


class ClassBalancedSampler(_GroupSampler):
    """Draws the positives of each label equally often, and as often as items without any label.

    With one label, half of the items are positive. Items whose labels are all unknown are not drawn.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        labels: One or more labels; default all.
        num_samples: Items an epoch over all processes; default ``len(dataset)``.
        seed: Seed of the draw, combined with the epoch.
        num_replicas: Number of processes; default that of ``torch.distributed``, else 1.
        rank: Number of this process; default that of ``torch.distributed``, else 0.

    Raises:
        ArgumentError: An unknown label, or fewer than two classes.
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
            raise ArgumentError("Only one class has items, or none, so nothing can be balanced.")
        options = {"seed": seed, "num_replicas": num_replicas, "rank": rank}
        super().__init__(groups, num_samples=num_samples or len(dataset), **options)


class DomainBalancedSampler(_GroupSampler):
    """Draws each domain (collection, site, view) equally often; with ``labels``, each class of each domain.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        by: Column of ``csv`` with the domain: ``source_name`` of a merge, ``view``, ``site``. Items where it is NA
            are not drawn.
        labels: Also balance the classes of these labels within each domain (see ``ClassBalancedSampler``). A domain
            with only one class is an error, because the domain would predict the class.
        num_samples: Items an epoch over all processes; default ``len(dataset)``.
        seed: Seed of the draw, combined with the epoch.
        num_replicas: Number of processes; default that of ``torch.distributed``, else 1.
        rank: Number of this process; default that of ``torch.distributed``, else 0.

    Raises:
        ArgumentError: An unknown column or label, no domain, or a domain with only one class.
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
            raise ArgumentError(f"by={by!r} is not a column of csv. Try source_name (merges only), view or sex.")
        codes, domains = pd.factorize(dataset.csv[by])
        groups: list[NDArray[np.intp]] = []
        for number, domain in enumerate(domains):
            items = np.flatnonzero(codes == number)
            found = [items] if labels is None else list(_classes(dataset, labels, items))
            if labels is not None and sum(len(group) > 0 for group in found) < 2:
                raise ArgumentError(f"The domain {domain!r} has only one class. Remove the domain, or omit labels.")
            groups += found
        if not groups:
            raise ArgumentError(f"The column {by!r} is NA everywhere, so there is no domain.")
        options = {"seed": seed, "num_replicas": num_replicas, "rank": rank}
        super().__init__(groups, num_samples=num_samples or len(dataset), **options)


class PatientSampler(_SharedSampler):
    """Draws one random image of each patient an epoch, and all images of unknown patients.

    Args:
        dataset: Any object that follows the ``Dataset`` protocol.
        by: Column of ``csv`` with the patient.
        seed: Seed of the draw, combined with the epoch.
        num_replicas: Number of processes; default that of ``torch.distributed``, else 1.
        rank: Number of this process; default that of ``torch.distributed``, else 0.

    Raises:
        ArgumentError: An unknown column, or no items.
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
            raise ArgumentError(f"by={by!r} is not a column of csv. Try patientid or source_uid.")
        codes = pd.factorize(dataset.csv[by])[0]
        unknown = codes < 0
        codes[unknown] = codes.max(initial=-1) + 1 + np.arange(unknown.sum())
        self._patients = codes
        super().__init__(len(np.unique(codes)), seed, num_replicas, rank)

    def _draw(self, rng: np.random.Generator) -> NDArray[np.int64]:
        items = rng.permutation(len(self._patients))  # the first image of each patient in a random order
        first = ~pd.Series(self._patients[items]).duplicated().to_numpy()
        return items[first].astype(np.int64)


def _classes(
    dataset: Dataset, labels: str | Iterable[str] | None, items: NDArray[np.intp]
) -> Iterator[NDArray[np.intp]]:
    """The positives of each label among ``items``, then the items without any label."""
    names = list(dataset.pathologies)
    wanted = names if labels is None else [labels] if isinstance(labels, str) else list(labels)
    unknown = [name for name in wanted if name not in names]
    if unknown or not wanted:
        raise ArgumentError(f"{unknown[:1] or wanted} is not a label of this dataset, which has: {', '.join(names)}.")
    matrix = dataset.labels[items][:, [names.index(name) for name in wanted]]
    for column in range(len(wanted)):
        yield items[matrix[:, column] == 1]
    yield items[(matrix == 0).any(axis=1) & ~(matrix == 1).any(axis=1)]


def _distributed() -> tuple[int, int]:
    """The number of processes, and the number of this process."""
    distributed = torch.distributed
    if distributed.is_available() and distributed.is_initialized():
        return distributed.get_world_size(), distributed.get_rank()
    return 1, 0
