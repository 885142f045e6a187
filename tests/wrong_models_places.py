"""Toy classifiers that break the contract in what goes in, where they are kept, and what they touch."""

from __future__ import annotations

import socket
import sys
import warnings
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from right_models import ToyNet
from torch.nn import functional as F

from xrv_core.errors import InputError
from xrv_core.models import load_state_dict, resize_input

# -- what goes in


class Blind(ToyNet):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        return super().features(x) * 0


class SharesABatch(ToyNet):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        out = super().features(x)
        return out + out.mean(0)


class NearestPixel(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        odd = isinstance(x, torch.Tensor) and x.ndim == 4 and x.shape[-1] == x.shape[-2] != self.input_resolution
        return super()._prepare(F.interpolate(x, size=(self.input_resolution,) * 2) if odd else x)


class ChangesItsInput(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        out = super()._prepare(x)
        if not x.requires_grad:
            x.mul_(0.5)
        return out


class DividesByDeviation(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        x = super()._prepare(x)
        return (x - x.mean((1, 2, 3), keepdim=True)) / x.std((1, 2, 3), keepdim=True)


class TakesColour(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        colour = isinstance(x, torch.Tensor) and x.ndim == 4 and x.is_floating_point()
        return super()._prepare(x.mean(1, keepdim=True) if colour else x)


class RefusesOnce(ToyNet):
    refused = False

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return super()._prepare(x)
        except InputError as error:
            if not self.refused or "goes from" not in str(error):
                self.refused = True
                raise
        return self.adapt(resize_input(x, self.input_resolution))


class TakesNormalised(ToyNet):
    def _check(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return super()._check(x)
        except InputError as error:
            if "mean and deviation" not in str(error):
                raise
            return x


class RefusesNoise(ToyNet):
    def _check(self, x: torch.Tensor) -> torch.Tensor:
        super()._check(x)
        if not x.is_meta and x.abs().max() > 1025:
            raise InputError("Pixels must be in [-1024, 1024].")
        return x


class BadInput(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        try:
            return super()._prepare(x)
        except InputError:
            raise InputError("Bad input.") from None


class Squeezes(ToyNet):
    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        wide = isinstance(x, torch.Tensor) and x.ndim == 4 and x.shape[-1] != x.shape[-2]
        return super()._prepare(F.interpolate(x, size=(self.input_resolution,) * 2) if wide else x)


# -- where it is kept


class LearnsOutsideItsState(ToyNet):
    def prepare(self) -> None:
        self.register_buffer("shift", torch.rand(8), persistent=False)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return super().features(x) + self.shift


class IgnoresItsFile(ToyNet):
    def fill(self, weights: Path | None) -> None: ...


class LoadsInTraining(ToyNet):
    def fill(self, weights: Path | None) -> None:
        super().fill(weights)
        self.train()


class ForgetsWhatWasTrained(ToyNet):
    def fill(self, weights: Path | None) -> None:
        super().fill(weights)
        self.trained = [True] * 3


class TakesWhatFits(ToyNet):
    def fill(self, weights: Path | None) -> None:
        if weights is not None:
            self.load_state_dict(load_state_dict(weights), strict=False)
            self.eval()


class HoldsTheFirst(ToyNet):
    def prepare(self) -> None:
        self.extract = lambda x: ToyNet.features(self, x)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        return self.extract(x)


class CannotBePickled(ToyNet):
    def prepare(self) -> None:
        self.note = lambda: "a note"


class CannotBeCopied(ToyNet):
    def __deepcopy__(self, memo: Any) -> Any:
        raise TypeError("no copies")


# -- devices


class StaysBehind(ToyNet):
    def prepare(self) -> None:
        self.scale = [torch.ones(8)]

    def features(self, x: torch.Tensor) -> torch.Tensor:
        out = super().features(x)
        return out if out.device.type == "meta" else out * self.scale[0].to(out.dtype)


class HalvesOnTheWay(ToyNet):
    def to(self, *arguments: Any, **options: Any) -> Any:
        with torch.no_grad():
            self.classifier.weight.mul_(0.5)
        return super().to(*arguments, **options)


class BranchesOnPixels(ToyNet):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        out = super().features(x)
        return out if out.mean() > 0 else -out


# -- side effects


class Draws(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.rand(1)
        return super().forward(x)


class SeedsNumpy(ToyNet):
    def prepare(self) -> None:
        np.random.seed(0)


class HidesWarnings(ToyNet):
    def prepare(self) -> None:
        warnings.filterwarnings("ignore", message=f"toy {len(warnings.filters)}")


class ChangesPath(ToyNet):
    def predict(self, x: Any) -> Any:
        sys.path.insert(0, "/toy")
        return super().predict(x)


class PhonesHome(ToyNet):
    def prepare(self) -> None:
        with suppress(OSError):
            socket.create_connection(("203.0.113.7", 443), timeout=1).close()


class Prints(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        print("Warning: the range may be wrong")
        return super().forward(x)
