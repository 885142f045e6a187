"""``xrv.models``: torchxrayvision's core classifiers on those of the registry."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

import xrv_core
from xrv_compat.adopted import AdoptedClassifier, batch, op_norm, weights_of
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_compat.utils import fix_resolution, warn_normalization
from xrv_core.datasets import default_pathologies
from xrv_core.errors import ArgumentError, UnknownName
from xrv_core.models import BackboneClassifier, wrapped_keys

__all__ = [
    "DenseNet", "ResNet", "fix_resolution", "get_densenet_params", "get_model", "get_weights", "model_urls", "op_norm",
    "warn_normalization",
]  # fmt: skip

_KEYS = ("all", "nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch")
_DENSENETS = (*_KEYS, *(f"densenet121-res224-{key}" for key in _KEYS))
_RESNETS = ("resnet50-res512-all",)

#: Growth rate, and blocks of each stage.
_ARCHITECTURES = {
    "densenet161": (48, (6, 12, 36, 24)),
    "densenet169": (32, (6, 12, 32, 32)),
    "densenet201": (32, (6, 12, 48, 32)),
}

#: What is known of the weights, by name.
model_urls = urls_of(xrv_core.describe_classifier, (*_DENSENETS, *_RESNETS))


class _Core(AdoptedClassifier):
    """What the two classes share."""

    targets: list[str] = list(default_pathologies)  # noqa: RUF012  # torchxrayvision's
    weights: str | None = None
    #: What torchxrayvision's state dicts call the last layer.
    head = ""

    def load_state_dict(self, state_dict: Mapping[str, Any], strict: bool = True, assign: bool = False) -> Any:
        """Load a state dict of this class, or one that torchxrayvision's class of this name has saved."""
        state = {key.removeprefix("model."): tensor for key, tensor in state_dict.items()}
        points = state.pop("op_threshs", None)
        done = super().load_state_dict(wrapped_keys(state, self.head), strict, assign)
        if points is not None:
            self.op_threshs = points
        return done

    def _load(self, weights: str, known: tuple[str, ...], cache_dir: str | None, apply_sigmoid: bool) -> None:
        if weights not in known:
            raise UnknownName(f"weights={weights!r}: must be one of {', '.join(known)}.")
        spec = xrv_core.describe_classifier(weights)
        self.adopt(xrv_core.get_classifier(weights, weights=weights_of(spec, cache_dir)))
        self.weights, self.apply_sigmoid = weights, apply_sigmoid
        self.targets = self.pathologies

    def __repr__(self) -> str:
        return self.prints if self.weights is None else f"{self.prints}-{self.weights}"


class DenseNet(_Core):
    """A DenseNet, with published weights or random ones.

    With ``weights``, the classifier of that name; new code: ``xrv_core.get_classifier(weights)``. Without, a random
    network that takes images of any size; new code: ``xrv_core.get_classifier("timm/densenet121", ...)``.

    Args:
        growth_rate, block_config, num_init_features, bn_size, drop_rate: Of a random network;
            ``num_init_features`` is twice the ``growth_rate``.
        num_classes: Outputs of a random network.
        in_channels: 1.
        weights: A key of ``model_urls``.
        cache_dir: Where a file of the published name is used if it is there.
        op_threshs: Operating points ``[P]`` of a random network.
        apply_sigmoid: Give probabilities where there are no operating points.
    """

    prints = "XRV-DenseNet121"
    head = "classifier"

    def __init__(  # noqa: PLR0917  # the order is torchxrayvision's
        self,
        growth_rate: int = 32,
        block_config: tuple[int, ...] = (6, 12, 24, 16),
        num_init_features: int = 64,
        bn_size: int = 4,
        drop_rate: float = 0,
        num_classes: int = len(default_pathologies),
        in_channels: int = 1,
        weights: str | None = None,
        cache_dir: str | None = None,
        op_threshs: torch.Tensor | None = None,
        apply_sigmoid: bool = False,
    ) -> None:
        warn_once("models.DenseNet")
        if weights is not None:
            if num_classes != len(default_pathologies):
                raise ArgumentError("num_classes and weights cannot both be given: the weights have their own outputs.")
            self._load(weights, _DENSENETS, cache_dir, apply_sigmoid)
            return
        if in_channels != 1 or num_init_features != 2 * growth_rate:
            raise ArgumentError(
                f"in_channels={in_channels}, num_init_features={num_init_features}: offered are 1, and twice the "
                f"growth_rate ({2 * growth_rate})."
            )
        names = default_pathologies if num_classes == 18 else [f"output_{i}" for i in range(num_classes)]
        shape: dict[str, Any] = {"growth_rate": growth_rate, "block_config": block_config, "bn_size": bn_size}
        blank = torch.nn.Identity()
        self.adopt(BackboneClassifier("densenet121", names, adapt=blank, in_chans=1, proj_drop_rate=drop_rate, **shape))
        self.input_resolution = None
        self.op_threshs = op_threshs
        self.apply_sigmoid = apply_sigmoid

    @property
    def features(self) -> Any:  # type: ignore[override]
        """The network without its head: from ``[B, 1, H, W]`` to maps ``[B, D, h, w]``, behind the last ReLU."""
        return self.backbone.features

    def features2(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``."""
        return BackboneClassifier.features(self, batch(x))

    def __repr__(self) -> str:
        return "XRV-DenseNet" if self.weights is None else super().__repr__()


class ResNet(_Core):
    """The ResNet-50 of that name; new code: ``xrv_core.get_classifier(weights)``. Arguments as in ``DenseNet``."""

    prints = "XRV-ResNet"
    head = "fc"

    def __init__(self, weights: str | None = None, apply_sigmoid: bool = False, cache_dir: str | None = None) -> None:
        warn_once("models.ResNet")
        self._load(str(weights), _RESNETS, cache_dir, apply_sigmoid)


def get_model(weights: str, **kwargs: Any) -> AdoptedClassifier:
    """The classifier of that name.

    Raises:
        UnknownName: ``weights`` begins neither with "densenet" nor with "resnet".
    """
    warn_once("models.get_model")
    for beginning, cls in (("densenet", DenseNet), ("resnet", ResNet)):
        if weights.startswith(beginning):
            return cls(weights=weights, **kwargs)
    raise UnknownName(f"Unknown model {weights!r}: xrv_core.get_classifier({weights!r}) may know it.")


def get_weights(weights: str, cache_dir: str | None = None) -> str:
    """The path of the weights file of that name, fetched if need be."""
    warn_once("models.get_weights")
    if weights not in model_urls:
        raise UnknownName(f"weights={weights!r}: must be one of {', '.join(model_urls)}.")
    spec = xrv_core.describe_classifier(weights)
    there = weights_of(spec, cache_dir)
    return str(xrv_core.fetch(spec.weights) if there == "default" else there)


def get_densenet_params(arch: str) -> dict[str, Any]:
    """Arguments of ``DenseNet`` for "densenet161", "densenet169" or "densenet201"; else those of DenseNet-121."""
    warn_once("models.get_densenet_params")
    growth, blocks = _ARCHITECTURES.get(arch, (32, (6, 12, 24, 16)))
    return {"growth_rate": growth, "block_config": blocks, "num_init_features": 2 * growth}
