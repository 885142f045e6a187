"""Baseline models that are ResNets of torchvision: race, sex and view."""

from __future__ import annotations

from typing import Any, ClassVar

import torch

import xrv_core
from xrv_compat.adopted import PeerClassifier, published, weights_file
from xrv_compat.networks import feature_vector, residual
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
        input_resolution: Height and width of the resized input.
    """

    key: ClassVar[str]
    architecture: ClassVar[str]
    #: Name of the linear layer in the published file.
    linear: ClassVar[str] = "fc"
    activation = "softmax"
    op_threshs = None

    def __init__(self, weights: bool = True) -> None:
        warn_once(f"baseline_models.{self.key}", stacklevel=4)
        super().__init__()
        spec = xrv_core.describe_classifier(OLD_MODELS[f"baseline_models.{self.key}"].name)
        self.pathologies = self.targets
        self.input_resolution = spec.input_resolution
        if weights:
            path = weights_file(spec)
            state = published(path, [(r"(?:model|backbone)\.", ""), (r"classifier\.", f"{self.linear}.")])
            self.model = self.network(len(state.get(f"{self.linear}.bias", self.targets)))
            load_into(self.model, state, path)
            self.weights_filename_local = str(path)
        else:
            self.model = self.network(len(self.targets))
        self.norm = self.normalisation()
        self.eval()

    def network(self, outputs: int) -> Any:
        """The network with random weights."""
        return residual(self.architecture, outputs)

    def normalisation(self) -> torch.nn.Module:
        """From 0..1 to what the network was trained with."""
        normalize: torch.nn.Module = import_torchvision().transforms.Normalize(*IMAGENET)
        return normalize

    def colours(self, x: torch.Tensor) -> torch.Tensor:
        """The input of the network, ``[B, 3, R, R]``."""
        normalised: torch.Tensor = self.norm((self.prepared(x) + 1024).repeat(1, 3, 1, 1) / 2048)
        return normalised

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``, the input of ``model.fc``."""
        return feature_vector(self.model, self.colours(x))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """``[B, P]``, the output of the network."""
        out: torch.Tensor = self.model(self.colours(x))
        return out

    def __repr__(self) -> str:
        return OLD_MODELS[f"baseline_models.{self.key}"].prints
