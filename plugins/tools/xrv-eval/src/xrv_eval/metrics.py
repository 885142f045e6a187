"""The metrics of one label, and the table of all of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_eval.bootstrap import Ranked, bootstrap_aurocs, interval, rank, weighted_auroc

__all__ = ["COLUMNS", "SCORED", "Reliability", "Scores", "metrics_table", "point_metrics", "reliability"]

#: ``status`` of a label that has metrics.
SCORED = "scored"
#: Columns of the metrics table.
COLUMNS = (
    "pathology", "status", "n_positive", "n_negative", "n_unknown", "auroc", "auroc_low", "auroc_high", "auprc",
    "sensitivity", "specificity", "ece", "brier", "note",
)  # fmt: skip
BINS = 15
_FEW_PATIENTS = "no interval: fewer than 2 patients with or without the finding"
_AGREE = "no interval: all resamples agree (perfect separation), or too few contain both classes"


@dataclass(frozen=True)
class Reliability:
    """Calibration in ``BINS`` equal-width bins ``[k / 15, (k + 1) / 15)``, the last one closed; empty bins left out.

    Attributes:
        count: Images in each bin.
        predicted: Their mean prediction.
        observed: Share of them that has the finding.
    """

    count: NDArray[np.int64]
    predicted: NDArray[np.float64]
    observed: NDArray[np.float64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean of ``|observed - predicted|`` over the bins, weighted by their images."""
        gaps = np.abs(self.observed - self.predicted)
        return float(np.average(gaps, weights=self.count))


def reliability(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> Reliability:
    """Bin predictions in 0..1 (Naeini et al., AAAI 2015, section "Calibration measures", for one class)."""
    exact = scores.astype(np.float64)
    bins = np.minimum((exact * BINS).astype(np.intp), BINS - 1)
    count = np.bincount(bins, minlength=BINS)
    filled = count > 0
    predicted = np.bincount(bins, weights=exact, minlength=BINS)[filled] / count[filled]
    observed = np.bincount(bins, weights=positive, minlength=BINS)[filled] / count[filled]
    return Reliability(count[filled], predicted, observed)


def point_metrics(positive: NDArray[np.bool_], scores: NDArray[np.floating]) -> dict[str, float]:
    """Metrics of one label that has both classes.

    AUPRC is average precision, without interpolation. Sensitivity and specificity are taken at ``score >= 0.5``.

    Args:
        positive: Whether each image has the finding, ``[n]``.
        scores: Predictions in 0..1, ``[n]``, without NaN.
    """
    from sklearn.metrics import average_precision_score  # type: ignore[import-untyped]

    everyone = np.arange(len(scores))
    ranked = rank(positive, scores, everyone)
    called = scores >= 0.5
    return {
        "auroc": float(weighted_auroc(ranked, np.ones((1, len(scores)), dtype=np.int32))[0]),
        "auprc": float(average_precision_score(positive, scores)),
        "sensitivity": float(called[positive].mean()),
        "specificity": float((~called[~positive]).mean()),
        "ece": reliability(positive, scores).error,
        "brier": float(np.mean((scores.astype(np.float64) - positive) ** 2)),
    }


@dataclass(frozen=True)
class Scores:
    """The metrics table and the interval of its mean.

    Attributes:
        table: One row per pathology, see ``COLUMNS``.
        mean_interval: 95 % interval of the mean AUROC, NaN where it is not defined.
    """

    table: pd.DataFrame
    mean_interval: tuple[float, float]


def metrics_table(
    pathologies: Sequence[str],
    labels: NDArray[np.float32],
    predictions: NDArray[np.float32],
    clusters: NDArray[np.intp],
    *,
    bootstrap: int = 1000,
    seed: int = 0,
    advance: Callable[[int], object] = lambda done: None,
) -> Scores:
    """Metrics of every pathology, with intervals where they are defined.

    Args:
        pathologies: The P names.
        labels: ``[N, P]`` of 1 / 0 / NaN.
        predictions: ``[N, P]`` in 0..1, without NaN.
        clusters: Patient code of each image ``[N]``.
        bootstrap: Resamples of the patients; 0 for no intervals.
        seed: Seed of the resampling.
        advance: Called with the number of resamples done since the last call.
    """
    rows = [_row(name, labels[:, i], predictions[:, i]) for i, name in enumerate(pathologies)]
    scored = [i for i, row in enumerate(rows) if row["status"] == SCORED]
    ranked = [_ranked(labels[:, i], predictions[:, i], clusters) for i in scored]
    mean_interval = (float("nan"), float("nan"))
    if bootstrap and scored:
        resampled = bootstrap_aurocs(ranked, int(clusters.max()) + 1, bootstrap, seed, advance)
        mean_interval = interval(resampled.mean(axis=1))
        for column, i in enumerate(scored):
            rows[i].update(_interval(ranked[column], resampled[:, column]))
    return Scores(pd.DataFrame(rows, columns=list(COLUMNS)), mean_interval)


def _row(name: str, labels: NDArray[np.float32], scores: NDArray[np.float32]) -> dict[str, object]:
    known = ~np.isnan(labels)
    positive, negative = labels == 1, labels == 0
    row: dict[str, object] = dict.fromkeys(COLUMNS, float("nan"))
    row |= {"pathology": name, "note": ""}
    row |= {"n_positive": int(positive.sum()), "n_negative": int(negative.sum()), "n_unknown": int((~known).sum())}
    if not known.any():
        row["status"] = "no labels"
    elif (known & ~positive & ~negative).any():
        row["status"] = "labels other than 0 and 1"
    elif not positive.any() or not negative.any():
        row["status"] = "one class only"
    else:
        row |= {"status": SCORED, **point_metrics(positive[known], scores[known])}
    return row


def _ranked(labels: NDArray[np.float32], scores: NDArray[np.float32], clusters: NDArray[np.intp]) -> Ranked:
    known = ~np.isnan(labels)
    return rank(labels[known] == 1, scores[known], clusters[known])


def _interval(ranked: Ranked, resampled: NDArray[np.float64]) -> dict[str, object]:
    """The interval of one label, or the reason why it has none."""
    if min(len(np.unique(ranked.positives)), len(np.unique(ranked.negatives))) < 2:
        return {"note": _FEW_PATIENTS}
    low, high = interval(resampled)
    note = "" if np.isfinite(low) else _AGREE
    return {"auroc_low": low, "auroc_high": high, "note": note}
