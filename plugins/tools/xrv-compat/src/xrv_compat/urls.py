"""``model_urls``: facts of the specs in torchxrayvision's layout."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["urls_of"]


def urls_of(describe: Callable[[str], Any], names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Facts about the weights of each name, as plain data."""
    return {name: _facts(describe(name)) for name in names}


def _facts(spec: Any) -> dict[str, Any]:
    facts = {
        "description": f"{spec.title}. {spec.description}",
        "weights_url": spec.weights.urls[0],
        "input_resolution": spec.input_resolution,
    }
    if not hasattr(spec, "pathologies"):
        return {**facts, "image_range": [-1024, 1024], "resolution": spec.input_resolution}
    names = zip(spec.pathologies, spec.trained, strict=True)
    return {
        **facts,
        "labels": [name if trained else "" for name, trained in names],
        "op_threshs": [float("nan") if point is None else point for point in spec.op_threshs],
    }
