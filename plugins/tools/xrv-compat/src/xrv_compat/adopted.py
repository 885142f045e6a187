"""Models of the registry as instances of torchxrayvision's classes."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

import xrv_core
from xrv_compat import utils
from xrv_compat.notes import warn_once
from xrv_compat.old import OldModel, signature_of
from xrv_compat.old_models import OLD_MODELS
from xrv_core.errors import ArgumentError
from xrv_core.models import (
    BackboneClassifier,
    NetworkSegmenter,
    apply_operating_points,
    load_state_dict,
    renamed_keys,
    resize_input,
)

__all__ = [
    "AdoptedClassifier", "AdoptedSegmenter", "PeerClassifier", "baseline", "batch", "native_input", "op_norm",
    "published", "weights_file", "weights_of",
]  # fmt: skip

#: Attributes that people set for want of the right one.
_MISNAMED = ("fc", "head", "heads", "classification_head", "op_thresholds", "op_thresh", "op_threshold", "op_points")


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


class PeerClassifier(BackboneClassifier):
    """A core classifier whose modules, their names and their outputs are those of torchxrayvision's class.

    A program's subclass may use any name that is free in torchxrayvision, for a layer or a method. So ``forward`` calls
    only private methods and those of torchxrayvision, and attributes are those of the instance.

    Args:
        pathologies: Names of the outputs; "" for an untrained one.
        spec: The spec of published weights.

    Attributes:
        targets: Names of the outputs.
        apply_sigmoid: Whether logits become probabilities if there are no operating points.
        input_resolution: Height and width of the resized input. A network that has none takes images of any size,
            scale and number of channels as they are.
    """

    targets: list[str]
    #: Where the last layer is.
    _head: ClassVar[str] = "model.fc"

    def __init__(self, pathologies: Sequence[str], spec: Any = None) -> None:
        nn.Module.__init__(self)  # there is no backbone to build
        self.pathologies = list(pathologies)
        self.trained = [bool(name) for name in self.pathologies]
        self.apply_sigmoid = False
        self.activation = "sigmoid" if spec is None else spec.activation
        self.spec, self.recipe = spec, None
        if spec is not None:
            self.input_resolution = spec.input_resolution

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        side = getattr(self, "input_resolution", None)
        x = batch(x) if side is None else native_input(batch(x), side)
        return x.to(next(self.parameters(), x).dtype)

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.model(self._prepare(x))
        return out

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, P]``: with ``op_threshs`` calibrated probabilities, else logits, or probabilities."""
        out = self._logits(x)
        points = getattr(self, "op_threshs", None)  # a program may have deleted them
        if points is not None:
            wide = out if out.dtype == torch.float64 else out.float()
            return _op_norm(wide.sigmoid(), points)
        return out.sigmoid() if self.apply_sigmoid else out

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """The output of the last layer, ``[B, P]``."""
        return self._logits(x)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``, the input of the last layer."""
        return up_to(self.model, "fc", self._prepare(x)).flatten(1)

    def feature_maps(self, x: torch.Tensor) -> torch.Tensor:
        """The last maps ``[B, C, h, w]`` before pooling."""
        return up_to(self.model, "avgpool", self._prepare(x)).clone()  # may be changed in place

    def predict(self, x: Any) -> dict[str, float] | list[dict[str, float]]:
        """Probabilities by name, of trained outputs only, of an image or of each image of a batch."""
        x = torch.as_tensor(x)
        modes = {module: module.training for module in self.modules()}
        try:
            with torch.no_grad():
                out = self.eval()(x if x.ndim > 2 else x[None])
        finally:
            for module, mode in modes.items():
                module.training = mode
        if getattr(self, "op_threshs", None) is None and not self.apply_sigmoid:
            out = out.sigmoid() if self.activation == "sigmoid" else out.softmax(1)
        names = self.pathologies
        if len(names) != out.shape[1]:  # the program has given it another last layer
            names = [f"output_{i}" for i in range(out.shape[1])]
        rows = [{name: p for name, p in zip(names, row, strict=True) if name} for row in out.tolist()]
        return rows if x.ndim == 4 else rows[0]

    def __getattr__(self, name: str) -> Any:
        if name in ("backbone", "classifier") and name not in self._modules:  # the core's names
            network = self.model if self._head == "model.fc" else self.features
            return network if name == "backbone" else network.fc
        return super().__getattr__(name)

    def __setattr__(self, name: str, value: Any) -> None:
        own = type(self).__module__.startswith("xrv_compat.")
        if own and name == "classifier" and self._head == "model.fc":
            self.model.fc = value
            return
        if own and name in _MISNAMED:
            right = "op_threshs" if name.startswith("op_") else self._head
            warnings.warn(
                f"{type(self).__name__} does not use {name!r}, so this changes nothing. Did you mean {right!r}?",
                stacklevel=2,
            )
        nn.Module.__setattr__(self, name, value)  # torchxrayvision checks nothing
        if isinstance(value, nn.Module) and name in ("logits", "feature_maps", "predict"):
            vars(self)[name] = value  # else the method would hide the layer


class AdoptedClassifier(BackboneClassifier):
    """A classifier of the registry that neither checks the scale of its input nor has other outputs than the peer's.

    Attributes:
        targets: Names of the outputs.
        apply_sigmoid: Whether logits become probabilities.
    """

    targets: list[str]
    apply_sigmoid = False
    prints = ""

    def adopt(self, model: Any) -> None:
        """Take over the contents of ``model``, which must not be used afterwards."""
        vars(self).update(vars(model))

    @property
    def model(self) -> torch.nn.Module:
        """The network without its head."""
        return self.backbone

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, P]``: logits, or probabilities."""
        out: torch.Tensor = self.classifier(self.features(x))
        return out.sigmoid() if self.apply_sigmoid else out

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        x = native_input(batch(x), self.input_resolution)
        return self.adapt(x.to(next(self.parameters(), x).dtype))

    def _probabilities(self, out: torch.Tensor) -> torch.Tensor:
        return out if self.apply_sigmoid else super()._probabilities(out)

    def __repr__(self) -> str:
        return self.prints


class AdoptedSegmenter(NetworkSegmenter):
    """A segmenter of the registry that does not check the scale of its input, with its structures as ``targets``."""

    targets: list[str]
    prints = ""

    def adopt(self, model: Any) -> None:
        """Take over the contents of ``model``, which must not be used afterwards."""
        vars(self).update(vars(model))

    @property
    def model(self) -> torch.nn.Module:
        """The network."""
        return self.network

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``[B, K, h, w]`` at the network's resolution."""
        x = native_input(batch(x), self.input_resolution)
        out: torch.Tensor = self.network(self.adapt(x.to(next(self.parameters(), x).dtype)))
        return out

    def __repr__(self) -> str:
        return self.prints


def up_to(network: nn.Module, layer: str, x: torch.Tensor) -> torch.Tensor:
    """The input of a layer of one of torchvision's ResNets, whose layers follow one another."""
    for name, each in network.named_children():
        if name == layer:
            break
        x = each(x)
    return x


def batch(x: torch.Tensor) -> torch.Tensor:
    """``[1, H, W]`` as a batch of one."""
    return x[None] if x.ndim == 3 else x


def native_input(x: torch.Tensor, resolution: int | None) -> torch.Tensor:
    """A batch resized to ``resolution``, after a warning, the first time, if it seems to have another scale."""
    x = resize_input(x, resolution)
    utils.tell_scale(x)
    return x


def weights_of(spec: Any, cache_dir: str | None) -> str | Path:
    """The published file in ``cache_dir`` if it exists, else "default", which the registry fetches.

    A program's own ``xrv.utils.get_cache_dir`` counts as ``cache_dir``.
    """
    folder = Path(utils.get_cache_dir() if cache_dir is None else cache_dir).expanduser()
    file = None if spec.weights is None else folder / Path(spec.weights.name).name
    if file is not None and folder != utils.core_cache_dir() and file.is_file():
        return file
    return "default"


def weights_file(spec: Any, cache_dir: str | None = None) -> Path:
    """The path of the published file: in ``cache_dir``, or fetched and checked."""
    found = weights_of(spec, cache_dir)
    return xrv_core.fetch(spec.weights) if found == "default" else Path(found)


def published(path: Path, renames: Sequence[tuple[str, str]]) -> dict[str, torch.Tensor]:
    """The tensors of a weights file, by torchxrayvision's names; ``renames`` are for files that xrv_core has saved."""
    return renamed_keys(load_state_dict(path), renames)


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
