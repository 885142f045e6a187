"""Models of the registry as instances of torchxrayvision's classes."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch.nn import functional as F

import xrv_core
from xrv_compat.notes import warn_once
from xrv_compat.old import OldModel, signature_of
from xrv_compat.old_models import OLD_MODELS
from xrv_core.errors import ArgumentError
from xrv_core.models import BackboneClassifier, NetworkSegmenter, apply_operating_points

__all__ = ["AdoptedClassifier", "AdoptedSegmenter", "baseline", "batch", "op_norm", "weights_of"]


def op_norm(outputs: torch.Tensor, op_threshs: torch.Tensor) -> torch.Tensor:
    """Calibrated probabilities, 0.5 without an operating point; see ``apply_operating_points``.

    Args:
        outputs: Probabilities ``[B, P]``.
        op_threshs: ``[P]``, NaN where a column has no operating point.
    """
    warn_once("models.op_norm")
    return _op_norm(outputs, op_threshs)


def _op_norm(outputs: torch.Tensor, op_threshs: torch.Tensor) -> torch.Tensor:
    return torch.where(op_threshs.isnan(), 0.5, apply_operating_points(outputs, op_threshs))


class AdoptedClassifier(BackboneClassifier):
    """A classifier whose untrained columns are 0.5 and have no name, as in torchxrayvision.

    Attributes:
        targets: Names of the outputs.
        apply_sigmoid: Whether logits become probabilities if there are no operating points.
    """

    targets: list[str]
    outputs: ClassVar[str] = "logits"
    apply_sigmoid = False
    prints = ""

    def adopt(self, model: Any) -> None:
        """Take over the contents of ``model``, which must not be used afterwards."""
        vars(self).update(vars(model))

    @property
    def pathologies(self) -> list[str]:  # type: ignore[override]
        """Names of the outputs; "" for an untrained one."""
        names = vars(self)["pathologies"]
        return [name if trained else "" for name, trained in zip(names, self.trained, strict=True)]

    @pathologies.setter
    def pathologies(self, names: list[str]) -> None:
        vars(self)["pathologies"] = names

    @property
    def model(self) -> torch.nn.Module:
        """The network without its head."""
        return self.backbone

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``."""
        return super().features(batch(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, P]``: with ``op_threshs`` calibrated probabilities, else logits, probabilities or log-softmax."""
        out: torch.Tensor = self.classifier(BackboneClassifier.features(self, batch(x)))
        if self.op_threshs is not None:
            return _op_norm(out.float().sigmoid(), self.op_threshs)
        if self.apply_sigmoid:
            return out.sigmoid()
        return F.log_softmax(out, dim=1) if self.outputs == "log_softmax" else out

    def _probabilities(self, out: torch.Tensor) -> torch.Tensor:
        return out if self.apply_sigmoid else super()._probabilities(out)

    def __repr__(self) -> str:
        return self.prints


class AdoptedSegmenter(NetworkSegmenter):
    """A segmenter with its structures as ``targets``."""

    targets: list[str]
    prints = ""

    def adopt(self, model: Any) -> None:
        """Take over the contents of ``model``, which must not be used afterwards."""
        vars(self).update(vars(model))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, K, h, w]`` at the network's resolution."""
        return super().forward(batch(x))

    def __repr__(self) -> str:
        return self.prints


def batch(x: torch.Tensor) -> torch.Tensor:
    """``[1, H, W]`` as a batch of one."""
    return x[None] if x.ndim == 3 else x


def weights_of(spec: Any, cache_dir: str | None) -> str | Path:
    """The published file in ``cache_dir`` if it exists, else "default", which the registry fetches."""
    if cache_dir is not None and spec.weights is not None:
        file = Path(cache_dir).expanduser() / Path(spec.weights.name).name
        if file.is_file():
            return file
    return "default"


def baseline(name: str) -> Any:
    """The class ``xrv.baseline_models.<name>`` of a classifier or segmenter."""
    old = OLD_MODELS[f"baseline_models.{name}"]
    module, _, cls = name.partition(".")
    segments = "get_segmenter" in old.new
    spec = (xrv_core.describe_segmenter if segments else xrv_core.describe_classifier)(old.name)
    signature = signature_of(old.arguments)

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        warn_once(f"baseline_models.{name}")
        given = signature.bind(self, *args, **kwargs)
        given.apply_defaults()
        get: Any = xrv_core.get_segmenter if segments else xrv_core.get_classifier
        self.adopt(get(old.name, **_weights(old, spec, given.arguments)).eval())
        if old.outputs == "sigmoid" or given.arguments.get("apply_sigmoid"):
            self.apply_sigmoid = True

    __init__.__signature__ = signature  # type: ignore[attr-defined]
    own = {
        "__init__": __init__,
        "__doc__": f"torchxrayvision's ``{name}``: {old.name!r} of the registry. New code: ``{old.new}``.",
        "__module__": f"xrv_compat.baseline_models.{module}",
        "targets": list(getattr(spec, "structures", ()) or getattr(spec, "pathologies", ())),
        "prints": old.prints,
        "outputs": old.outputs,
    }
    return type(cls, (AdoptedSegmenter if segments else AdoptedClassifier,), own)


def _weights(old: OldModel, spec: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments of the registry's model: its weights, and the number of members."""
    if given.get("weights") is False:
        return {"weights": None}
    if "weights_zip" not in given:
        return {"weights": weights_of(spec, given.get("cache_dir"))}
    if not given["weights_zip"]:
        raise ArgumentError(f"Need to specify weights_zip, the path of the archive. How to obtain it: {spec.obtain}")
    return {"weights": given["weights_zip"], "num_models": given["num_models"]}
