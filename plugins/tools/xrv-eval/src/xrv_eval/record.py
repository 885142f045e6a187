"""The record of a run: classifier, dataset, arguments, versions and definitions of the metrics."""

from __future__ import annotations

from typing import Any

from xrv_core import NOT_MEDICAL
from xrv_core.models import about_dataset, about_model, as_json, versions
from xrv_eval import __version__
from xrv_eval.alignment import Alignment
from xrv_eval.metrics import BINS, SCORED, Scores

__all__ = ["UNCALIBRATED", "run_record"]

UNCALIBRATED = (
    "Uncalibrated: the classifier has no op_threshs, so a sigmoid was applied to its logits, "
    "and 0.5 is not an operating point."
)
_CALIBRATED = "Probabilities, calibrated so that 0.5 is the operating point."
_DEFINITIONS = {
    "auroc": "Area under the ROC curve, ties counting half.",
    "auroc_low, auroc_high": "95 % percentile interval; patients are resampled, images of unknown patients one by one.",
    "auprc": "Average precision, without interpolation.",
    "sensitivity, specificity": "At prediction >= 0.5.",
    "ece": f"Expected calibration error: mean |observed share - mean prediction| over {BINS} equal-width bins, "
    "weighted by their images.",
    "brier": "Mean squared difference of prediction and label.",
}


def run_record(
    classifier: Any, dataset: Any, alignment: Alignment, arguments: dict[str, Any], scores: Scores
) -> dict[str, Any]:
    """The record as plain JSON data (no NaN, no tuples)."""
    aurocs = scores.table.loc[scores.table["status"] == SCORED, "auroc"]
    record = {
        "format": 1,
        "notice": NOT_MEDICAL,
        "classifier": _about_classifier(classifier),
        "dataset": about_dataset(dataset),
        "labels": {"evaluated": alignment.pathologies, "left_out": alignment.left_out},
        "results": {
            "mean_auroc": float(aurocs.mean()),
            "mean_auroc_low": scores.mean_interval[0],
            "mean_auroc_high": scores.mean_interval[1],
            "scored": len(aurocs),
        },
        "arguments": arguments,
        "definitions": _DEFINITIONS,
        "versions": {"xrv_eval": __version__} | versions(("torch", "numpy", "pandas", "scikit-learn")),
    }
    plain: dict[str, Any] = as_json(record)
    return plain


def _about_classifier(classifier: Any) -> dict[str, Any]:
    return about_model(classifier) | {
        "calibrated": classifier.op_threshs is not None,
        "op_threshs": None if classifier.op_threshs is None else [float(t) for t in classifier.op_threshs],
        "output": UNCALIBRATED if classifier.op_threshs is None else _CALIBRATED,
        "pathologies": list(classifier.pathologies),
        "trained": [bool(t) for t in classifier.trained],
    }
