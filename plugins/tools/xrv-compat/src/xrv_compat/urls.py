"""``model_urls``: facts of the specs in torchxrayvision's layout."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from typing import Any

__all__ = ["urls_of"]

#: Thresholds of torchxrayvision for a positive predictive value of 80 %.
_PPV80 = {
    "densenet121-res224-all": (
        0.72715247, 0.8885005, 0.92493945, 0.6527224, 0.68707734, 0.46127197, 0.7272054, 0.6127343, 0.9878492,
        0.61979693, 0.66309816, 0.7853459, 0.930661, 0.93645346, 0.6788558, 0.6547198, 0.61614525, 0.8489876,
    ),
    # those of sigmoid(sigmoid(x)); ``_facts`` gives those of sigmoid(x)
    "resnet50-res512-all": (
        0.690908, 0.720028, 0.7303882, 0.7235838, 0.6787441, 0.7304924, 0.73105824, 0.6839408, 0.7241559, 0.7219969,
        0.6346738, 0.72764945, 0.7285066, 0.5735704, math.nan, 0.69684714, 0.7135549, math.nan,
    ),
}  # fmt: skip


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
    facts["labels"] = [name if trained else "" for name, trained in names]
    facts["op_threshs"] = [math.nan if point is None else point for point in spec.op_threshs]
    if spec.name in _PPV80:
        points = _PPV80[spec.name]
        facts["ppv80_thres"] = [math.log(p / (1 - p)) for p in points] if spec.name.startswith("resnet") else [*points]
    return facts
