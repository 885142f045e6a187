"""Toy models that keep the contract, for others to break: a classifier, an autoencoder, a segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_core import AutoencoderSpec, ClassifierSpec, SegmenterSpec
from xrv_core.models import (
    BackboneClassifier,
    ImageAutoencoder,
    InputAdapter,
    NetworkSegmenter,
    load_into,
    load_state_dict,
)

ABOUT: dict[str, Any] = {
    "licence": "CC0-1.0",
    "citation": "None needed.",
    "homepage": "https://example.org/toy",
    "obtain": "Draw a few random numbers.",
    "input_resolution": 32,
}
NET = ClassifierSpec(
    name="toy-net",
    title="A toy classifier",
    factory="right_models:ToyNet",
    pathologies=("Effusion", "Mass", "Nodule"),
    trained=(True, False, True),
    op_threshs=(0.3, None, 0.6),
    parameters=115,
    **ABOUT,
)
AE = AutoencoderSpec(
    name="toy-ae", title="A toy autoencoder", factory="right_models:ToyAutoencoder", code_shape=(4, 8, 8), **ABOUT
)
SEG = SegmenterSpec(
    name="toy-seg",
    title="A toy segmenter",
    factory="right_models:ToySegmenter",
    structures=("Heart", "Left Lung"),
    **ABOUT,
)


def convolutions(*layers: nn.Module) -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(1, 8, 3, stride=2, padding=1, bias=False), nn.BatchNorm2d(8), nn.ReLU(), *layers)


def filled(model: nn.Module, weights: Path | None) -> None:
    if weights is not None:
        load_into(model, load_state_dict(weights), weights)
        model.eval()


class ToyNet(BackboneClassifier):
    """Keeps the contract."""

    def __init__(self, spec: ClassifierSpec, weights: Path | None = None) -> None:
        super().__init__(
            convolutions(),
            spec.pathologies,
            num_features=8,
            trained=spec.trained if weights else None,
            op_threshs=spec.op_threshs if weights else None,
            input_resolution=spec.input_resolution,
            adapt=InputAdapter([0.5], [0.25]),
            spec=spec,
        )
        self.prepare()
        self.fill(weights)

    def prepare(self) -> None:
        """For others to add to it."""

    def fill(self, weights: Path | None) -> None:
        filled(self, weights)


class ToyAutoencoder(ImageAutoencoder):
    """Keeps the contract."""

    def __init__(self, spec: AutoencoderSpec, weights: Path | None = None) -> None:
        super().__init__(spec)
        self.encoder = convolutions(nn.Conv2d(8, 4, 2, stride=2))
        self.decoder = nn.ConvTranspose2d(4, 1, 4, stride=4)
        filled(self, weights)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self.encoder(x / 1024)

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        return 1024 * self.decoder(z)


class ToySegmenter(NetworkSegmenter):
    """Keeps the contract."""

    def __init__(self, spec: SegmenterSpec, weights: Path | None = None) -> None:
        network = convolutions(nn.Conv2d(8, len(spec.structures), 1), nn.Upsample(scale_factor=2))
        adapt = InputAdapter([0.5], [0.25])
        super().__init__(network, spec.structures, input_resolution=spec.input_resolution, adapt=adapt, spec=spec)
        filled(self, weights)
