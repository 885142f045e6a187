"""Toy classifiers that each break one part of the contract: columns, operating points, features, predictions."""

from __future__ import annotations

from typing import Any

import torch
from right_models import ToyNet
from torch import nn

from xrv_core.models import InputAdapter, apply_operating_points
from xrv_core.models.base.outputs import masked

# -- as built


def not_a_module(spec: Any, weights: Any = None) -> Any:
    return lambda x: x


class NoMaps(ToyNet):
    @property
    def feature_maps(self) -> Any:
        raise AttributeError("feature_maps")


class ComesInEvaluation(ToyNet):
    def prepare(self) -> None:
        self.eval()


class OperatingPointsOfOthers(ToyNet):
    def prepare(self) -> None:
        self.op_threshs = self.spec.op_threshs


class Seeds(ToyNet):
    def __init__(self, *arguments: Any, **options: Any) -> None:
        torch.manual_seed(7)
        super().__init__(*arguments, **options)


class AlwaysTheSame(ToyNet):
    def prepare(self) -> None:
        with torch.no_grad():
            for parameter in self.parameters():
                parameter.copy_(torch.linspace(-1, 1, parameter.numel()).reshape(parameter.shape))


class OtherResolution(ToyNet):
    def prepare(self) -> None:
        self.input_resolution = 28


class FrozenNorms(ToyNet):
    def train(self, mode: bool = True) -> Any:
        super().train(mode)
        self.backbone[1].eval()
        return self


class GivesNothingBack(ToyNet):
    def train(self, mode: bool = True) -> Any:
        super().train(mode)


# -- columns and operating points


class OtherNames(ToyNet):
    def prepare(self) -> None:
        self.pathologies = self.pathologies[::-1]


class Doubles(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).double()


class AnswersUntrained(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = super().forward(x)
        return out if self.training else out.nan_to_num(0.5)


class PredictsUntrained(ToyNet):
    def predict(self, x: Any) -> Any:
        found = super().predict(x)
        return found if isinstance(found, list) else {name: found.get(name, 0.5) for name in self.pathologies}


class IgnoresOperatingPoints(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.classifier(self.features(x))
        return out.masked_fill(~torch.tensor(self.trained, device=out.device), torch.nan)


class SigmoidOfSigmoid(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if self.op_threshs is None:
            return super().forward(x)
        out = self.classifier(self.features(x)).float()
        out = apply_operating_points(out.sigmoid().sigmoid(), self.op_threshs)
        return out.masked_fill(~torch.tensor(self.trained, device=out.device), torch.nan)


class OperatingPointsAreWeights(ToyNet):
    def state_dict(self, *arguments: Any, **options: Any) -> Any:
        state = super().state_dict(*arguments, **options)
        return state if self.op_threshs is None else {**state, "op_threshs": self.op_threshs}


class MaskSpoilsGradients(ToyNet):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        trained, self.trained = self.trained, [True] * len(self.trained)
        out = super().forward(x)
        self.trained = trained
        return out * torch.where(torch.tensor(trained, device=out.device), 1.0, torch.nan)


# -- features and heads


class NotALayer(ToyNet):
    @property
    def classifier(self) -> Any:
        return self._modules["classifier"].forward


class LogitsAreProbabilities(ToyNet):
    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return self(x)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = masked(self.classifier(self.features(x)), self.trained)
        return out if self.op_threshs is None else apply_operating_points(out.sigmoid(), self.op_threshs)


class KeepsTheFirstHead(ToyNet):
    def prepare(self) -> None:
        self.first = [self.classifier]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = super().forward(x)
        if len(self.pathologies) == len(self.spec.pathologies):
            return out
        return self.first[0](self.features(x))[:, : len(self.pathologies)]


class OtherFeatures(ToyNet):
    def logits(self, x: torch.Tensor) -> torch.Tensor:
        return masked(self.classifier(2 * ToyNet.features(self, x)), self.trained)


class KeepsItsFeatures(ToyNet):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        return super().features(x).exp()


class PooledMaps(ToyNet):
    def feature_maps(self, x: torch.Tensor) -> torch.Tensor:
        return self.features(x)


class CutOff(ToyNet):
    def features(self, x: torch.Tensor) -> torch.Tensor:
        return super().features(x).detach()


# -- predictions


class Percent(ToyNet):
    def predict(self, x: Any) -> Any:
        found = super().predict(x)
        percent = [
            {name: 100 * p for name, p in row.items()} for row in (found if isinstance(found, list) else [found])
        ]
        return percent if isinstance(found, list) else percent[0]


class AlwaysAList(ToyNet):
    def predict(self, x: Any) -> Any:
        found = super().predict(x)
        return found if isinstance(found, list) else [found]


class ThawsInPredict(ToyNet):
    def predict(self, x: Any) -> Any:
        training = self.training
        found = super().predict(x)
        self.train(training)
        return found


class PredictsInTraining(ToyNet):
    def predict(self, x: Any) -> Any:
        if self.training:
            with torch.no_grad():
                self(x)
        return super().predict(x)


# -- the scale of pixels


class Squares(ToyNet):
    def prepare(self) -> None:
        self.adapt = _Squared()


class _Squared(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x * x / 1e6


class FarFromZero(ToyNet):
    def prepare(self) -> None:
        self.adapt = _Far([0.5], [0.25])


class _Far(InputAdapter):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward((x + 1e6) - 1e6)
