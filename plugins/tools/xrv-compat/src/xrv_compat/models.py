"""``xrv.models``: torchxrayvision's core classifiers on those of the registry."""

from __future__ import annotations

from typing import Any, ClassVar

import torch
from torch.nn import functional as F

import xrv_core
from xrv_compat.adopted import PeerClassifier, op_norm, published, weights_file
from xrv_compat.networks import _DenseBlock, _DenseLayer, _Transition, dense_features, residual
from xrv_compat.notes import warn_once
from xrv_compat.urls import urls_of
from xrv_compat.utils import fix_resolution, warn_normalization
from xrv_core.datasets import default_pathologies
from xrv_core.errors import ArgumentError, UnknownName
from xrv_core.models import load_into

__all__ = [
    "DenseNet", "ResNet", "_DenseBlock", "_DenseLayer", "_Transition", "fix_resolution", "get_densenet_params",
    "get_model", "get_weights", "model_urls", "op_norm", "warn_normalization",
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


class _Core(PeerClassifier):
    """What the two classes share.

    Attributes:
        weights: Name of the weights, None if they are random.
        weights_filename_local: Path of their file.
        op_threshs: Operating points ``[P]`` or None: a buffer, which a program may also delete.
    """

    targets: list[str] = list(default_pathologies)  # noqa: RUF012  # torchxrayvision's
    weights: str | None
    op_threshs: torch.Tensor | None
    _prints: ClassVar[str]

    def _load(self, weights: str, network: torch.nn.Module, cache_dir: str | None, head: str) -> None:
        """Fill ``network`` from the published file, and take over what is known of it."""
        path = weights_file(self.spec, cache_dir)
        state = published(path, [(r"backbone\.", ""), (r"classifier\.", f"{head}.")])
        points = state.pop("op_threshs", None)
        load_into(network, state, path)
        self.weights_filename_local = str(path)
        self.op_threshs = torch.tensor(model_urls[weights]["op_threshs"]) if points is None else points
        self.eval()

    def __repr__(self) -> str:
        return f"{self._prints}-{self.weights}"


class DenseNet(_Core):
    """A DenseNet, with published weights or random ones.

    With ``weights``, the network of that name; new code: ``xrv_core.get_classifier(weights)``. Without, a random
    network that takes images of any size and scale; new code: ``xrv_core.get_classifier("timm/densenet121", ...)``.

    Args:
        growth_rate, block_config, num_init_features, bn_size, drop_rate: Shape of the network.
        num_classes: Outputs of a random network.
        in_channels: Channels of its input.
        weights: A key of ``model_urls``.
        cache_dir: Where a file of the published name is used if it is there.
        op_threshs: Operating points ``[P]`` of a random network.
        apply_sigmoid: Give probabilities where there are no operating points.

    Attributes:
        features: The network up to its last normalisation.
        classifier: The last layer, or any module in its place.
    """

    _prints = "XRV-DenseNet121"
    _head = "classifier"

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
        if weights is None:
            own = [f"output_{i}" for i in range(num_classes)]
            super().__init__(default_pathologies if num_classes == len(default_pathologies) else own)
        else:
            _check_known(weights, _DENSENETS)
            if num_classes != len(default_pathologies):
                raise ArgumentError("num_classes and weights cannot both be given: the weights have their own outputs.")
            super().__init__(model_urls[weights]["labels"], xrv_core.describe_classifier(weights))
            self.targets = self.pathologies
        self.weights, self.apply_sigmoid = weights, apply_sigmoid
        self.features = dense_features(in_channels, num_init_features, block_config, growth_rate, bn_size, drop_rate)
        self.classifier = torch.nn.Linear(self.features.norm5.num_features, num_classes)
        self._initialise()
        self.register_buffer("op_threshs", op_threshs)
        if weights is not None:
            self._load(weights, self, cache_dir, "classifier")

    def _initialise(self) -> None:
        for module in self.modules():
            if isinstance(module, torch.nn.Conv2d):
                torch.nn.init.kaiming_normal_(module.weight)
        torch.nn.init.zeros_(self.classifier.bias)

    @property
    def features(self) -> Any:  # type: ignore[override]
        """From ``[B, C, H, W]`` to ``[B, D, h, w]``, before the last ReLU; it neither resizes nor warns."""
        return self._modules["features"]

    def features2(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``."""
        return F.relu(self.features(self._prepare(x)), inplace=True).mean((2, 3))

    def feature_maps(self, x: torch.Tensor) -> torch.Tensor:
        """The last maps ``[B, D, h, w]``, after the last ReLU."""
        return F.relu(self.features(self._prepare(x)), inplace=True).clone()  # may be changed in place

    def _logits(self, x: torch.Tensor) -> torch.Tensor:
        out: torch.Tensor = self.classifier(self.features2(self._prepare(x)))
        return out

    def __repr__(self) -> str:
        return "XRV-DenseNet" if self.weights is None else super().__repr__()


class ResNet(_Core):
    """The ResNet-50 of that name; new code: ``xrv_core.get_classifier(weights)``. Arguments as in ``DenseNet``.

    Attributes:
        model: torchvision's ResNet-50 of grey images, whose last layer ``fc`` may be any module.
    """

    _prints = "XRV-ResNet"

    def __init__(self, weights: str | None = None, apply_sigmoid: bool = False, cache_dir: str | None = None) -> None:
        warn_once("models.ResNet")
        _check_known(str(weights), _RESNETS)
        facts = model_urls[str(weights)]
        super().__init__(facts["labels"], xrv_core.describe_classifier(str(weights)))
        self.weights_dict = facts
        self.weights, self.apply_sigmoid = weights, apply_sigmoid
        self.targets = self.pathologies
        self.model = residual("resnet50", len(self.targets), in_channels=1)
        self.register_buffer("op_threshs", None)
        self._load(str(weights), self.model, cache_dir, "fc")


def _check_known(weights: str, known: tuple[str, ...]) -> None:
    if weights not in known:
        raise UnknownName(f"weights={weights!r}: must be one of {', '.join(known)}.")


def get_model(weights: str, **kwargs: Any) -> DenseNet | ResNet:
    """The classifier of that name.

    Raises:
        UnknownName: ``weights`` begins neither with "densenet" nor with "resnet".
    """
    warn_once("models.get_model")
    if weights.startswith("densenet"):
        return DenseNet(weights=weights, **kwargs)
    if weights.startswith("resnet"):
        return ResNet(weights=weights, **kwargs)
    raise UnknownName(f"Unknown model {weights!r}: xrv_core.get_classifier({weights!r}) may know it.")


def get_weights(weights: str, cache_dir: str | None = None) -> str:
    """The path of the weights file of that name, fetched if need be."""
    warn_once("models.get_weights")
    _check_known(weights, tuple(model_urls))
    return str(weights_file(xrv_core.describe_classifier(weights), cache_dir))


def get_densenet_params(arch: str) -> dict[str, Any]:
    """Arguments of ``DenseNet`` for "densenet161", "densenet169" or "densenet201"; else those of DenseNet-121."""
    warn_once("models.get_densenet_params")
    growth, blocks = _ARCHITECTURES.get(arch, (32, (6, 12, 24, 16)))
    return {"growth_rate": growth, "block_config": blocks, "num_init_features": 2 * growth}
