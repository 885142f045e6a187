"""Two small networks for phantoms: a classifier and an autoencoder."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import torch
from torch import nn

from xrv_core import AutoencoderSpec, ClassifierSpec
from xrv_core.models import BackboneClassifier, ImageAutoencoder, InputAdapter, load_into, load_state_dict

__all__ = ["PhantomAutoencoder", "phantom_autoencoder", "phantom_classifier"]

# Width, stride and kernel of each convolution: four times half the size, 128 pixels to 8
_LAYERS = ((24, 2, 5), (32, 2, 3), (32, 1, 3), (48, 2, 3), (48, 1, 3), (64, 1, 3), (80, 2, 3), (80, 1, 3))

#: Mean and deviation of phantoms on the 0..1 scale.
_MEAN, _STD = 0.55, 0.33


def phantom_classifier(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    """The classifier ``phantom-net``: eight convolutions, mean and maximum of the last maps, one linear layer.

    Args:
        spec: Its spec.
        weights: Weights file; None leaves the random initialisation, in training mode and without operating points.

    Raises:
        CheckpointError: The file cannot be read or does not fit.
    """
    layers, before = [], 1
    for width, stride, kernel in _LAYERS:
        layers.append(_conv(before, width, stride, kernel))
        before = width
    model = BackboneClassifier(
        nn.Sequential(*layers),
        spec.pathologies,
        num_features=2 * before,
        features=_mean_and_maximum,
        op_threshs=(spec.op_threshs or None) if weights is not None else None,
        input_resolution=spec.input_resolution,
        adapt=InputAdapter([_MEAN], [_STD]),
        spec=spec,
    )
    if weights is not None:
        load_into(model, load_state_dict(weights), weights)
        model.eval()
    return model


def _conv(inside: int, out: int, stride: int, kernel: int = 3) -> nn.Sequential:
    convolution = nn.Conv2d(inside, out, kernel, stride=stride, padding=kernel // 2, bias=False)
    return nn.Sequential(convolution, nn.BatchNorm2d(out), nn.ReLU(inplace=True))


def _mean_and_maximum(backbone: nn.Module, x: torch.Tensor) -> torch.Tensor:
    """``[B, 2 C]``: a nodule is a maximum, a haze is a mean."""
    maps = backbone(x)
    return torch.cat([maps.mean((2, 3)), maps.amax((2, 3))], dim=1)


class PhantomAutoencoder(ImageAutoencoder):
    """The autoencoder ``phantom-ae``: five convolutions to a code of 16 x 8 x 8, and back. Not for medical use.

    Args:
        spec: Its spec.
    """

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__(spec)
        self.adapt = InputAdapter([_MEAN], [_STD])
        widths = (16, 32, 48, 64)
        down = [_conv(1, widths[0], 2, 5), *(_conv(a, b, 2) for a, b in pairwise(widths))]
        self.encoder = nn.Sequential(*down, nn.Conv2d(widths[-1], self.code_shape[0], 1))
        up: list[nn.Module] = [_conv(self.code_shape[0], widths[-1], 1)]
        for inside, out in pairwise(widths[::-1]):
            up += [nn.Upsample(scale_factor=2), _conv(inside, out, 1)]
        # the last doubling rearranges four maps, so that no layer works at the full size
        self.decoder = nn.Sequential(*up, nn.Conv2d(widths[0], 4, 3, padding=1), nn.PixelShuffle(2))

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        code: torch.Tensor = self.encoder(self.adapt(x))
        return code

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        return 1024.0 * torch.tanh(self.decoder(z))


def phantom_autoencoder(spec: AutoencoderSpec, weights: Path | None = None) -> PhantomAutoencoder:
    """The autoencoder ``phantom-ae``.

    Args:
        spec: Its spec.
        weights: Weights file; None leaves the random initialisation, in training mode.

    Raises:
        CheckpointError: The file cannot be read or does not fit.
    """
    model = PhantomAutoencoder(spec)
    if weights is not None:
        load_into(model, load_state_dict(weights), weights)
        model.eval()
    return model
