"""The provenance of a run as JSON data: which model, which data, which versions."""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import math
import platform
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from xrv_core import __version__

__all__ = [
    "about_dataset",
    "about_model",
    "as_json",
    "dataset_fingerprint",
    "state_dict_sha256",
    "versions",
    "write_record",
]


def about_model(model: Any) -> dict[str, Any]:
    """Facts about a model: name, class, plugin, spec, hashes of the weights."""
    spec: Any = getattr(model, "spec", None)
    weights = getattr(spec, "weights", None)
    published = getattr(model, "weights_sha256", None) or getattr(weights, "sha256", None)
    return {
        "name": getattr(spec, "name", type(model).__name__),
        "class": _class(model),
        "plugin": _provider(model, spec),
        "spec": spec.to_dict() if hasattr(spec, "to_dict") else None,
        "warning": getattr(spec, "warning", ""),
        "input_resolution": getattr(model, "input_resolution", None),
        "published_weights_sha256": published,
        "state_dict_sha256": state_dict_sha256(model),
    }


def about_dataset(dataset: Any) -> dict[str, Any]:
    """Facts about a dataset or a wrapper of one: name, class, plugin, spec, labels, counts, fingerprint."""
    spec: Any = getattr(dataset, "spec", None)
    inner = dataset
    while spec is None and hasattr(inner, "dataset"):  # a wrapper of another dataset
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


def state_dict_sha256(module: Any) -> str:
    """sha256 of name, type, shape and bytes of every tensor of ``module.state_dict()``, sorted by name."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if not isinstance(value, torch.Tensor):
            digest.update(f"{name}|{value!r}|".encode())
            continue
        digest.update(f"{name}|{value.dtype}|{tuple(value.shape)}|".encode())
        digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


def dataset_fingerprint(dataset: Any) -> str:
    """sha256 of the pathologies, every ``source_uid`` and the labels: equal for the same items with the same labels."""
    uids = [str(uid) for uid in dataset.csv["source_uid"]]
    digest = hashlib.sha256(json.dumps([list(dataset.pathologies), uids]).encode())
    labels = np.ascontiguousarray(dataset.labels, dtype="<f4")
    # NaN has many bit patterns
    digest.update(np.where(np.isnan(labels), np.float32("nan"), labels).astype("<f4").tobytes())
    return digest.hexdigest()


def versions(libraries: Iterable[str]) -> dict[str, str]:
    """Versions of Python, of ``xrv_core`` and of ``libraries`` (names of distributions), and the platform."""
    found = {"python": platform.python_version(), "xrv_core": __version__}
    found |= {name: importlib.metadata.version(name) for name in libraries}
    return found | {"platform": platform.platform()}


def as_json(value: Any) -> Any:
    """``value`` as JSON data: NaN becomes null, a tuple a list, and any other object its text."""
    if isinstance(value, dict):
        return {str(k): as_json(v) for k, v in value.items()}
    if isinstance(value, (list, tuple, set, frozenset)):
        return [as_json(v) for v in value]
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else None
    return value if value is None or isinstance(value, (bool, int, str)) else str(value)


def write_record(path: Path, run: dict[str, Any]) -> None:
    """Write the record of a run as JSON."""
    text = json.dumps(as_json(run), indent=2, ensure_ascii=False, allow_nan=False)
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace")  # a file name may be no UTF-8


def _provider(thing: Any, spec: Any) -> dict[str, str] | None:
    """The distribution that ``thing`` comes from, None for the user's own code."""
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
    """``repr``, without the memory address in the default one."""
    if thing is None:
        return None
    own: Any = type(thing).__repr__
    return _class(thing) if own is object.__repr__ else repr(thing)
