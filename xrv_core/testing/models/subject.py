"""One model under test: what many checks need is made once."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core.api import load_factory
from xrv_core.models import resize_input
from xrv_core.specs import ModelSpec
from xrv_core.testing.common.compare import Tensors
from xrv_core.testing.common.results import NotApplicable, NotRun
from xrv_core.testing.common.sandbox import global_state
from xrv_core.testing.common.subject import Subject, changes_of, once
from xrv_core.testing.models.batch_statistics import set_batch_statistics

__all__ = ["ModelSubject", "xray_like"]

#: Height and width of images if a model takes any.
SIDE = 64

_SEEDS = (2**40 + 1, 2**40 + 3)  # unlikely seeds


def xray_like(count: int, side: int, seed: int) -> torch.Tensor:
    """``[count, 1, side, side]``: smooth random images in [-1024, 1024], the same ones for each seed.

    Pixels have 8 bits of precision, so that they are the same in float32, float16 and bfloat16.
    """
    coarse = torch.rand(count, 1, 16, 16, generator=torch.Generator().manual_seed(seed)) * 2048 - 1024
    return F.interpolate(coarse, size=(side, side), mode="bilinear", align_corners=True).bfloat16().float()


@dataclass(frozen=True)
class Rebuilt:
    """A second build.

    Attributes:
        model: The model.
        changed: What of ``global_state`` building it changed; it may draw from torch's generator, but not seed it.
        same: Whether its weights are those of the first build, though torch's generator had another state.
    """

    model: Any
    changed: set[str]
    same: bool


class ModelSubject(Subject):
    """A model and what checks share: it is built once, and one forward pass serves many checks.

    Checks leave ``model`` as it is: they change a ``copy()``, or undo the change. A property that needs something
    broken raises ``NotRun`` with the check that reports it.

    Args:
        kind: "classifier", "autoencoder" or "segmenter".
        spec: Its spec, which need not be registered; None if a model was given without one.
        folder: An empty folder to work in.
        given: A model that is already built; it is copied and stays as it is.
        weights: The weights file, None for random weights.
        options: Options of the factory.
    """

    def __init__(
        self,
        kind: str,
        spec: ModelSpec | None,
        folder: Path,
        *,
        given: nn.Module | None = None,
        weights: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(spec, folder)
        self.kind = kind
        self.weights = weights
        self.options = dict(options or {})
        self._given = given

    @property
    def is_given(self) -> bool:
        """Whether the model was given, and not built here."""
        return self._given is not None

    @property
    def original(self) -> Any:
        """The model as it was given or built."""
        return self.model if self._given is None else self._given

    # -- building

    @once("builds")
    def built(self) -> nn.Module:
        """The model as its factory gives it."""
        model = self.build(_SEEDS[0]) if self._given is None else self._copied(self._given)
        if not isinstance(model, nn.Module):
            raise TypeError(f"its factory gives a {type(model).__name__}, not a torch.nn.Module")
        return model

    @once()
    def first_state(self) -> dict[str, Any]:
        """Modes and attributes of the model as built, before any check changed it."""
        model = self.built
        return {
            "training": [m.training for m in model.modules()],
            "trained": copy.copy(getattr(model, "trained", None)),
            "op_threshs": copy.copy(getattr(model, "op_threshs", None)),
        }

    def build(self, seed: int = _SEEDS[1], weights: Path | None = None) -> Any:
        """Build it (again), as its factory gives it.

        Args:
            seed: Of torch's global state, which initialisation draws from.
            weights: Weights file, default that of the subject.
        """
        if self._given is not None:
            raise NotApplicable("a model was given, so nothing can be built")
        # the sandbox puts the state back; this project never calls torch.manual_seed
        torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        return load_factory(self.spec)(self.spec, weights=weights or self.weights, **self.options)

    @once()
    def rebuilt(self) -> Rebuilt:
        """A second build, or a copy if a model was given."""
        first = self.model  # so that what it imports is imported before
        if self._given is not None:
            return Rebuilt(self.copy(), set(), True)
        before = _without_torch(global_state())
        model = self.build()
        after = _without_torch(global_state())
        changed = {name for name in before if before[name] != after[name]}
        if torch.initial_seed() != _SEEDS[1]:
            changed.add("random_state")
        pairs = zip(first.parameters(), model.parameters(), strict=True)
        return Rebuilt(model, changed, all(torch.equal(a, b) for a, b in pairs))

    def zeroed(self) -> Any:
        """The second build in evaluation mode, with zeros in its state dict, so that it is right in nothing."""
        model = self.rebuilt.model
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.is_floating_point():
                    tensor.zero_()
        model.eval()
        return model

    @once("builds")
    def model(self) -> Any:
        """The model in evaluation mode, with plausible batch statistics if its weights are random."""
        model = self.built
        self.first_state  # noqa: B018
        model.eval()
        if self.weights is None and self._given is None:
            with suppress(Exception):  # the check `forward` reports errors of the forward pass
                set_batch_statistics(model, self.batch.clone())
        return model

    def copy(self) -> Any:
        """A copy of the model for a check to change."""
        return self._copied(self.model)

    def _copied(self, model: Any) -> Any:
        try:
            return copy.deepcopy(model)
        except Exception as error:
            raise NotRun("copies") from error

    # -- images and outputs

    @property
    def side(self) -> int:
        """Height and width of the images."""
        side = getattr(self.built, "input_resolution", None)
        return side if isinstance(side, int) and side > 0 else SIDE

    @once()
    def odd(self) -> torch.Tensor:
        """One image ``[1, 1, H, H]`` of an odd size that is not the model's."""
        return xray_like(1, (self.side + self.side // 7) | 1, seed=1)

    @once()
    def batch(self) -> torch.Tensor:
        """Three images ``[3, 1, H, H]``; the third is ``odd`` as a model must resize it."""
        return torch.cat([xray_like(2, self.side, seed=0), resize_input(self.odd, self.side)])

    @property
    def image(self) -> torch.Tensor:
        """The first image of ``batch``, ``[1, 1, H, H]``."""
        return self.batch[:1].clone()

    def run(self, model: Any, x: torch.Tensor | None = None, *, gradients: bool = False) -> Tensors:
        """Outputs of a model by name, for ``x`` or else for ``image``."""
        with torch.set_grad_enabled(gradients):
            return _named(model(self.image if x is None else x.clone()))

    @once("forward")
    def raw_output(self) -> Any:
        """What ``forward`` gives for ``batch``, without gradients; not to be changed."""
        with torch.no_grad():
            return self.model(self.batch.clone())

    @once()
    def outputs(self) -> Tensors:
        """Outputs by name for ``batch``, without gradients; not to be changed."""
        tensors = _named(self.raw_output)
        if not tensors or not all(isinstance(t, torch.Tensor) and len(t) == 3 for t in tensors.values()):
            raise NotRun("forward")
        return tensors

    @once()
    def alone(self) -> Tensors:
        """Outputs by name for ``image`` alone, without gradients; not to be changed."""
        self.outputs  # noqa: B018
        return self.run(self.model)

    @once()
    def left_changed(self) -> set[str]:
        """Which parts of ``global_state`` building it and using it leave changed."""
        self.outputs  # noqa: B018

        def use() -> None:
            self.run(self.model)
            if hasattr(self.model, "predict"):
                self.model.predict(self.image[0])

        return self.rebuilt.changed | changes_of(use)


def _named(out: Any) -> Tensors:
    return dict(out) if isinstance(out, Mapping) else {"out": out}


def _without_torch(state: dict[str, Any]) -> dict[str, Any]:
    """``global_state`` without torch's generator, which initialisation draws from."""
    return {**state, "random_state": state["random_state"][:2]}
