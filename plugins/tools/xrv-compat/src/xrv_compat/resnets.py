"""Baseline models that are ResNets of torchvision: race, sex and view."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

import xrv_core
from xrv_compat.adopted import PeerClassifier, published, weights_file
from xrv_compat.networks import residual
from xrv_compat.notes import warn_once
from xrv_compat.old_models import OLD_MODELS
from xrv_core.models import IMAGENET, load_into
from xrv_core.torchvision_guard import import_torchvision

__all__ = ["ResNetBaseline"]


class ResNetBaseline(PeerClassifier):
    """A ResNet of torchvision that takes a grey image as three equal channels, normalised as ImageNet's.

    Attributes:
        model: The network, whose last layer ``fc`` may be any module.
        norm: The normalisation.
    """

    _key: ClassVar[str]
    _architecture: ClassVar[str]
    #: Name of the linear layer in the published file.
    _linear: ClassVar[str] = "fc"

    def __init__(self, weights: bool = True) -> None:
        warn_once(f"baseline_models.{self._key}", stacklevel=4)
        spec = xrv_core.describe_classifier(OLD_MODELS[f"baseline_models.{self._key}"].name)
        super().__init__(self.targets, spec)
        self.op_threshs = None
        if weights:
            path = weights_file(spec)
            state = published(path, [(r"(?:model|backbone)\.", ""), (r"classifier\.", f"{self._linear}.")])
            self.model = self._network(len(state.get(f"{self._linear}.bias", self.targets)))
            load_into(self.model, state, path)
            self.weights_filename_local = str(path)
        else:
            self.model = self._network(len(self.targets))
        self.norm = self._normalisation()
        self.eval()

    def _network(self, outputs: int) -> Any:
        return residual(self._architecture, outputs)

    def _normalisation(self) -> torch.nn.Module:
        normalize: torch.nn.Module = import_torchvision().transforms.Normalize(*IMAGENET)
        return normalize

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        colours: torch.Tensor = self.norm((super()._prepare(x) + 1024).repeat(1, 3, 1, 1) / 2048)
        return colours

    def __repr__(self) -> str:
        return OLD_MODELS[f"baseline_models.{self._key}"].prints
