"""AUROC by ranks, and its patient-cluster bootstrap.

Images of one patient resemble each other, so patients are resampled, not images. Scores are ranked
once; a resample is then a multinomial weight for every patient, and the AUROC of all
resamples follows from cumulative sums. Counts are integers, so ties and sums are exact.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["Ranked", "bootstrap_aurocs", "cluster_codes", "interval", "rank", "weighted_auroc"]

_CELLS = 2_000_000  # weights held at a time; bounds the memory to some 100 MB


@dataclass(frozen=True)
class Ranked:
    """One label's images, ranked.

    Attributes:
        positives: Cluster code of every positive image ``[P]``.
        negatives: Cluster code of every negative image ``[N]``, by rising score.
        below: How many negatives score less than each positive ``[P]``.
        not_above: How many negatives score less than or the same as each positive ``[P]``.
    """

    positives: NDArray[np.intp]
    negatives: NDArray[np.intp]
    below: NDArray[np.intp]
    not_above: NDArray[np.intp]


def cluster_codes(patients: Sequence[str | None]) -> NDArray[np.intp]:
    """A code ``0 .. C - 1`` for each patient; every image of an unknown patient (None) is a cluster of its own."""
    codes: dict[object, int] = {}
    keys = (("known", name) if name is not None else ("unknown", i) for i, name in enumerate(patients))
    return np.array([codes.setdefault(key, len(codes)) for key in keys], dtype=np.intp)


def rank(positive: NDArray[np.bool_], scores: NDArray[np.float32], clusters: NDArray[np.intp]) -> Ranked:
    """Rank the images of one label; all arguments ``[n]``, without NaN."""
    order = np.argsort(scores[~positive], kind="stable")
    negatives = scores[~positive][order]
    return Ranked(
        positives=clusters[positive],
        negatives=clusters[~positive][order],
        below=np.searchsorted(negatives, scores[positive], side="left"),
        not_above=np.searchsorted(negatives, scores[positive], side="right"),
    )


def weighted_auroc(ranked: Ranked, weights: NDArray[np.integer]) -> NDArray[np.float64]:
    """AUROC of one label for every row of ``weights``.

    Args:
        ranked: The label's images.
        weights: How often each cluster was drawn, ``[R, C]``.

    Returns:
        ``[R]``: chance that a positive scores higher than a negative, ties counting half (Mann-Whitney);
        NaN where a class was not drawn.
    """
    cumulative = np.zeros((len(weights), len(ranked.negatives) + 1), dtype=np.int64)
    np.cumsum(weights[:, ranked.negatives], axis=1, dtype=np.int64, out=cumulative[:, 1:])
    of_positives = weights[:, ranked.positives].astype(np.int64)
    twice = (of_positives * (cumulative[:, ranked.below] + cumulative[:, ranked.not_above])).sum(axis=1)
    pairs = of_positives.sum(axis=1) * cumulative[:, -1]
    aurocs = np.full(len(weights), np.nan)
    np.divide(twice, 2 * pairs, out=aurocs, where=pairs > 0)
    return aurocs


def bootstrap_aurocs(
    labels: Sequence[Ranked],
    n_clusters: int,
    replicates: int,
    seed: int,
    advance: Callable[[int], object] = lambda done: None,
) -> NDArray[np.float64]:
    """AUROC of every label in every resample of the clusters, ``[replicates, L]``.

    All labels see the same resamples, so that their mean has an interval too.

    Args:
        labels: The ranked labels.
        n_clusters: How many clusters there are.
        replicates: How many resamples.
        seed: Seed of the local generator.
        advance: Called with the number of resamples done since the last call.
    """
    generator = np.random.default_rng(seed)
    chunk = max(1, _CELLS // max(n_clusters, *(len(r.positives) + len(r.negatives) for r in labels), 1))
    result = np.empty((replicates, len(labels)))
    for start in range(0, replicates, chunk):
        rows = min(chunk, replicates - start)
        drawn = generator.integers(n_clusters, size=(rows, n_clusters)) + n_clusters * np.arange(rows)[:, None]
        weights = np.bincount(drawn.ravel(), minlength=rows * n_clusters).reshape(rows, n_clusters).astype(np.int32)
        for column, ranked in enumerate(labels):
            result[start : start + rows, column] = weighted_auroc(ranked, weights)
        advance(rows)
    return result


def interval(values: NDArray[np.float64], level: float = 0.95) -> tuple[float, float]:
    """Percentile interval of bootstrap values.

    NaN where fewer than half of them are defined, or where all agree: resamples of a perfect AUROC say nothing about
    its uncertainty.
    """
    defined = values[np.isfinite(values)]
    if 2 * len(defined) < max(len(values), 1):
        return float("nan"), float("nan")
    low, high = np.quantile(defined, [(1 - level) / 2, (1 + level) / 2])
    return (float(low), float(high)) if low < high else (float("nan"), float("nan"))
