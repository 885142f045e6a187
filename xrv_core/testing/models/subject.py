"""One model under test: what many checks look at, made once."""

from __future__ import annotations

import copy
import io
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stdout, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xrv_core.api import load_factory
from xrv_core.models import resize_input
from xrv_core.specs import ModelSpec
from xrv_core.testing.common.once import once
from xrv_core.testing.common.outside import seen_from_outside
from xrv_core.testing.common.results import NotApplicable, NotRun
from xrv_core.testing.common.sandbox import global_state, sandbox
from xrv_core.testing.common.tensors import Tensors, xray_like
from xrv_core.testing.models.batch_statistics import settle

__all__ = ["ModelSubject"]

#: Height and width of images where a model takes any.
SIDE = 64

_SEEDS = (2**40 + 1, 2**40 + 3)  # nobody seeds with such numbers


@dataclass(frozen=True)
class Rebuilt:
    """A second build.

    Attributes:
        model: The model.
        changed: What of ``global_state`` building it changed; torch's generator may have moved on, not been seeded.
        same: Whether its weights are those of the first build, though other random numbers were drawn.
    """

    model: Any
    changed: set[str]
    same: bool


class ModelSubject:
    """A model and what checks share: it is built once, and one forward pass serves many checks.

    Checks leave ``model`` as it is; what they change is a ``copy()``, or put back. Properties that need what is
    broken raise ``NotRun`` with the check that tells why.

    Args:
        kind: "classifier", "autoencoder" or "segmenter".
        told: Its spec, which need not be registered; None where a model came without.
        folder: An empty folder to work in.
        given: A model that is built already; it is copied and stays as it is.
        weights: The weights file, None for random weights.
        options: Options of the factory.
    """

    def __init__(
        self,
        kind: str,
        told: ModelSpec | None,
        folder: Path,
        *,
        given: nn.Module | None = None,
        weights: Path | None = None,
        options: Mapping[str, Any] | None = None,
    ) -> None:
        self.kind = kind
        self.folder = folder
        self.weights = weights
        self.options = dict(options or {})
        self.network: list[str] = []
        self.printed = io.StringIO()
        self.told = told
        self._given = given

    @property
    def name(self) -> str:
        """What it is called."""
        return self.told.name if self.told is not None else type(self._given).__name__

    @property
    def is_given(self) -> bool:
        """Whether it came built already."""
        return self._given is not None

    @property
    def original(self) -> Any:
        """What is copied: the model as it was given, else as it was built."""
        return self.model if self._given is None else self._given

    @property
    def spec(self) -> Any:
        """Its spec."""
        if self.told is None:
            raise NotApplicable("it came without a spec")
        return self.told

    @contextmanager
    def sandbox(self) -> Iterator[None]:
        """See ``xrv_core.testing.common.sandbox``; what is printed is kept."""
        with sandbox(self.folder / "cache", self.network), redirect_stdout(self.printed):
            yield

    # -- building

    @once
    def built(self) -> Any:
        """The model as its factory gives it; raises what building it raises."""
        if self._given is None:
            return self.build(_SEEDS[0])
        try:
            return copy.deepcopy(self._given)
        except Exception as error:
            raise NotRun("copies") from error

    @once
    def first_state(self) -> dict[str, Any]:
        """Modes and attributes that the model had when it was built, before any check touched it."""
        model = self.built
        return {
            "training": [m.training for m in model.modules()],
            "trained": copy.copy(getattr(model, "trained", None)),
            "op_threshs": copy.copy(getattr(model, "op_threshs", None)),
        }

    def build(self, seed: int = _SEEDS[1], weights: Path | None = None) -> Any:
        """Build it (anew), as its factory gives it.

        Args:
            seed: Of torch's global state, which initialisation draws from.
            weights: Weights file, default that of the subject.
        """
        if self._given is not None:
            raise NotApplicable("a model was given: there is nothing to build it from")
        # the sandbox puts the state back; seeding by name is what this project never does
        torch.set_rng_state(torch.Generator().manual_seed(seed).get_state())
        return load_factory(self.spec)(self.spec, weights=weights or self.weights, **self.options)

    @once
    def rebuilt(self) -> Rebuilt:
        """A second build, or a copy where a model was given."""
        first = self.model  # whatever it imports on its way is imported now
        if self._given is not None:
            return Rebuilt(self.copy(), set(), True)
        before = _apart_from_torch(global_state())
        model = self.build()
        after = _apart_from_torch(global_state())
        changed = {name for name in before if before[name] != after[name]}
        if torch.initial_seed() != _SEEDS[1]:
            changed.add("random_state")
        pairs = zip(first.parameters(), model.parameters(), strict=True)
        return Rebuilt(model, changed, all(torch.equal(a, b) for a, b in pairs))

    def another(self) -> Any:
        """The second build in evaluation mode, zeros in its state dict: nothing is right in it by chance."""
        model = self.rebuilt.model
        with torch.no_grad():
            for tensor in model.state_dict().values():
                if tensor.is_floating_point():
                    tensor.zero_()
        model.eval()
        return model

    @property
    def model(self) -> Any:
        """The model in evaluation mode."""
        try:
            return self.ready
        except NotRun:
            raise
        except Exception as error:
            raise NotRun("builds") from error

    @once
    def ready(self) -> Any:
        """The model in evaluation mode, random weights settled; raises what building it raises."""
        model = self.built
        if not isinstance(model, nn.Module):
            raise TypeError(f"its factory gives a {type(model).__name__}, not a torch.nn.Module")
        self.first_state  # noqa: B018
        model.eval()
        if self.weights is None and self._given is None:
            with suppress(Exception):  # what the forward pass raises is told by the check `forward`
                settle(model, self.batch.clone())
        return model

    def copy(self) -> Any:
        """A copy of the model for a check to change."""
        try:
            return copy.deepcopy(self.model)
        except NotRun:
            raise
        except Exception as error:
            raise NotRun("copies") from error

    # -- images, and what the model makes of them

    @property
    def side(self) -> int:
        """Height and width of the images."""
        side = getattr(self.built, "input_resolution", None)
        return side if isinstance(side, int) and side > 0 else SIDE

    @once
    def odd(self) -> torch.Tensor:
        """One image ``[1, 1, H, H]`` of an odd size that is not the model's."""
        return xray_like(1, (self.side + self.side // 7) | 1, seed=1)

    @once
    def batch(self) -> torch.Tensor:
        """Three images ``[3, 1, H, H]``; the third is ``odd`` as a model must resize it."""
        return torch.cat([xray_like(2, self.side, seed=0), resize_input(self.odd, self.side)])

    def run(self, model: Any, x: torch.Tensor) -> Tensors:
        """What a model gives, as tensors by name."""
        out = model(x)
        return dict(out) if isinstance(out, Mapping) else {"out": out}

    @once
    def passed(self) -> Tensors:
        """What it gives for ``batch``; raises what the forward pass raises."""
        with torch.no_grad():
            return self.run(self.model, self.batch.clone())

    @property
    def outputs(self) -> Tensors:
        """What it gives for ``batch``, without gradients; not to be changed."""
        try:
            tensors = self.passed
        except NotRun:
            raise
        except Exception as error:
            raise NotRun("forward") from error
        if not tensors or not all(isinstance(t, torch.Tensor) and len(t) == 3 for t in tensors.values()):
            raise NotRun("forward")
        return tensors

    @once
    def alone(self) -> Tensors:
        """What it gives for the first image of ``batch`` alone, without gradients; not to be changed."""
        self.outputs  # noqa: B018
        with torch.no_grad():
            return self.run(self.model, self.batch[:1].clone())

    @once
    def left_changed(self) -> set[str]:
        """Which of ``global_state`` building it and using it leave changed."""
        self.outputs  # noqa: B018
        changed = set(self.rebuilt.changed)
        before = global_state()
        with torch.no_grad():
            self.run(self.model, self.batch[:1].clone())
        if hasattr(self.model, "predict"):
            self.model.predict(self.batch[0].clone())
        after = global_state()
        return changed | {name for name in before if before[name] != after[name]}

    @once
    def seen_from_outside(self) -> dict[str, list[str]]:
        """What a fresh process finds; see ``probe.observe``."""
        return seen_from_outside(self.spec, self.folder / "outside")


def _apart_from_torch(state: dict[str, Any]) -> dict[str, Any]:
    """``global_state`` without torch's generator, which every initialisation draws from."""
    return {**state, "random_state": state["random_state"][:2]}
