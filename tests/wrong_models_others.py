"""Toy autoencoders and segmenters that each break one part of the contract."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from right_models import AE, ToyAutoencoder, ToySegmenter
from torch.nn import functional as F

# -- autoencoders


class GivesALoss(ToyAutoencoder):
    def forward(self, x: torch.Tensor) -> Any:
        out = super().forward(x)
        return {**out, "loss": out["out"].mean((1, 2, 3))}


class TwoCodes(ToyAutoencoder):
    def forward(self, x: torch.Tensor) -> Any:
        z = 0.5 * self.encode(x)
        return {"z": z, "out": self.decode(z)}


class ShapeOfItsOwn(ToyAutoencoder):
    def __init__(self, spec: Any, weights: Any = None) -> None:
        super().__init__(dataclasses.replace(spec, code_shape=AE.code_shape), weights)


class BeyondTheScale(ToyAutoencoder):
    def decode(self, z: torch.Tensor, *, clamp: bool = False) -> torch.Tensor:
        return super().decode(z, clamp=clamp)


class AnyCode(ToyAutoencoder):
    def decode(self, z: torch.Tensor, *, clamp: bool = True) -> torch.Tensor:
        return self._decode(z).clamp(-1024, 1024)


class CutCode(ToyAutoencoder):
    def forward(self, x: torch.Tensor) -> Any:
        z = self.encode(x)
        return {"z": z, "out": self.decode(z.detach())}


class FrozenEncoder(ToyAutoencoder):
    @torch.no_grad()
    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return super()._encode(x)


# -- segmenters


class OneMore(ToySegmenter):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = super().forward(x)
        return torch.cat([out, out[:, :1]], dim=1)


class OtherStructures(ToySegmenter):
    def __init__(self, spec: Any, weights: Any = None) -> None:
        super().__init__(spec, weights)
        self.structures = self.structures[::-1]


class SizeOfTheNetwork(ToySegmenter):
    def predict(self, x: Any, structures: Any = None) -> Any:
        found = super().predict(x, structures)
        rows = found if isinstance(found, list) else [found]
        small = [{n: F.interpolate(m[None, None], size=(32, 32))[0, 0] for n, m in row.items()} for row in rows]
        return small if isinstance(found, list) else small[0]


class OneStructureAPixel(ToySegmenter):
    def __init__(self, spec: Any, weights: Any = None) -> None:
        super().__init__(spec, weights)
        self.activation = "softmax"


class ThawsInPredict(ToySegmenter):
    def predict(self, x: Any, structures: Any = None) -> Any:
        training = self.training
        found = super().predict(x, structures)
        self.train(training)
        return found


class CutOff(ToySegmenter):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).detach()
