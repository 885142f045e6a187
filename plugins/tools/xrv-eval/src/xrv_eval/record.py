"""The record of a run: enough to know later what was evaluated on what, and with what."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import platform
from typing import Any

import numpy as np

from xrv_eval.alignment import Alignment
from xrv_eval.metrics import BINS, SCORED, Scores

__all__ = ["NOT_MEDICAL", "UNCALIBRATED", "dataset_fingerprint", "run_record", "state_dict_sha256"]

NOT_MEDICAL = "Not for medical use."
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
        "dataset": _about_dataset(dataset),
        "labels": {"evaluated": alignment.pathologies, "left_out": alignment.left_out},
        "results": {
            "mean_auroc": float(aurocs.mean()),
            "mean_auroc_low": scores.mean_interval[0],
            "mean_auroc_high": scores.mean_interval[1],
            "scored": len(aurocs),
        },
        "arguments": arguments,
        "definitions": _DEFINITIONS,
        "versions": _versions(),
    }
    plain: dict[str, Any] = json.loads(json.dumps(_plain(record), allow_nan=False))
    return plain


def state_dict_sha256(module: Any) -> str:
    """sha256 over name, type, shape and bytes of every tensor of ``module.state_dict()``, in order of names."""
    import torch

    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}|{value!r}|".encode())
            continue
        digest.update(f"{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def dataset_fingerprint(dataset: Any) -> str:
    """sha256 over the pathologies, every ``source_uid`` and the label matrix: the same items with the same labels."""
    uids = [str(uid) for uid in dataset.csv["source_uid"]]
    digest = hashlib.sha256(json.dumps([list(dataset.pathologies), uids]).encode())
    labels = np.ascontiguousarray(dataset.labels, dtype="<f4")
    digest.update(np.where(np.isnan(labels), np.float32("nan"), labels).astype("<f4").tobytes())  # one NaN pattern
    return digest.hexdigest()


def _about_classifier(classifier: Any) -> dict[str, Any]:
    spec: Any = getattr(classifier, "spec", None)
    weights = getattr(spec, "weights", None)
    published = getattr(classifier, "weights_sha256", None) or getattr(weights, "sha256", None)
    return {
        "name": getattr(spec, "name", type(classifier).__name__),
        "class": _class(classifier),
        "plugin": _provider(classifier, spec),
        "spec": spec.to_dict() if hasattr(spec, "to_dict") else None,
        "warning": getattr(spec, "warning", ""),
        "calibrated": classifier.op_threshs is not None,
        "op_threshs": None if classifier.op_threshs is None else [float(t) for t in classifier.op_threshs],
        "output": UNCALIBRATED if classifier.op_threshs is None else _CALIBRATED,
        "pathologies": list(classifier.pathologies),
        "trained": [bool(t) for t in classifier.trained],
        "input_resolution": getattr(classifier, "input_resolution", None),
        "published_weights_sha256": published,
        "state_dict_sha256": state_dict_sha256(classifier),
    }


def _about_dataset(dataset: Any) -> dict[str, Any]:
    spec: Any = getattr(dataset, "spec", None)
    inner = dataset
    while spec is None and hasattr(inner, "dataset"):  # a view of another dataset
        inner = inner.dataset
        spec = getattr(inner, "spec", None)
    patients = dataset.csv["patientid"]
    return {
        "name": getattr(spec, "name", type(dataset).__name__),
        "class": _class(dataset),
        "plugin": _provider(inner, spec),
        "repr": _repr(dataset),
        "spec": spec.to_dict() if hasattr(spec, "to_dict") else None,
        "warning": getattr(spec, "warning", ""),
        "label_policy": getattr(inner, "label_policy", None),
        "transform": _repr(getattr(inner, "transform", None)),
        "items": len(dataset),
        "patients": int(patients.nunique()),
        "items_of_unknown_patient": int(patients.isna().sum()),
        "views": {str(k): int(v) for k, v in dataset.csv["view"].value_counts().sort_index().items()},
        "pathologies": list(dataset.pathologies),
        "fingerprint": dataset_fingerprint(dataset),
    }


def _versions() -> dict[str, str]:
    import xrv_core
    import xrv_eval

    found = {"python": platform.python_version(), "xrv_core": xrv_core.__version__, "xrv_eval": xrv_eval.__version__}
    for name in ("torch", "numpy", "pandas", "scikit-learn"):
        found[name] = importlib.metadata.version(name)
    return found | {"platform": platform.platform()}


def _provider(thing: Any, spec: Any) -> dict[str, str] | None:
    """The distribution that ``thing`` comes from, None for code of the user's own."""
    factory = getattr(spec, "factory", None)
    module = factory if isinstance(factory, str) else getattr(factory, "__module__", type(thing).__module__)
    package = module.partition(":")[0].partition(".")[0]
    try:
        found = importlib.metadata.metadata(package)
    except importlib.metadata.PackageNotFoundError:
        return None
    return {"name": found["Name"], "version": found["Version"]}


def _class(thing: Any) -> str:
    return f"{type(thing).__module__}.{type(thing).__qualname__}"


def _repr(thing: Any) -> str | None:
    """``repr``, without the memory address that plain objects print."""
    if thing is None:
        return None
    own: Any = type(thing).__repr__
    return _class(thing) if own is object.__repr__ else repr(thing)


def _plain(value: Any) -> Any:
    """JSON data: NaN becomes null, what JSON does not know becomes its text."""
    if isinstance(value, dict):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [_plain(v) for v in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)
