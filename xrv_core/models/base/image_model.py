"""ImageModel: what classifiers, autoencoders and segmenters share."""

from __future__ import annotations

import difflib
from typing import Any, ClassVar

import torch
from torch import fx, nn

from xrv_core.errors import UnknownAttribute
from xrv_core.models.base.inputs import check_input, resize_input

__all__ = ["ImageModel"]

fx.wrap("resize_input")  # one step of a graph that fx traces: it looks at the size


class ImageModel(nn.Module):
    """A network that takes X-rays ``[B, 1, H, W]`` in [-1024, 1024], resized to ``input_resolution``."""

    input_resolution: int | None
    #: What people assign elsewhere, and its name here.
    confused: ClassVar[dict[str, str]] = {"image_size": "input_resolution", "input_size": "input_resolution"}
    #: Attributes that a misspelt assignment would leave as they are.
    assignable: ClassVar[tuple[str, ...]] = ("input_resolution", "activation")

    def _check(self, x: torch.Tensor) -> torch.Tensor:
        """Refuse what is no batch of X-rays; for subclasses to loosen."""
        return check_input(x, self)

    def _resized(self, x: torch.Tensor) -> torch.Tensor:
        """A checked batch in the size and the precision of the network; sizes are interpolated in float32."""
        return resize_input(self._check(x), self.input_resolution).to(self._like(x).dtype)

    def _like(self, default: torch.Tensor) -> torch.Tensor:
        """A tensor with device and precision of the network: its first weight; a quantised layer has none."""
        return next((p for p in self.parameters() if p.is_floating_point()), default)

    def __setattr__(self, name: str, value: Any) -> None:
        own = (self.__dict__.get(kind, ()) for kind in ("_parameters", "_buffers", "_modules"))
        if not (name in self.__dict__ or hasattr(type(self), name) or any(name in each for each in own)):
            self._refuse_confused(name)
        super().__setattr__(name, value)

    def _refuse_confused(self, name: str) -> None:
        """Refuse a new attribute whose name says that another one is meant."""
        near = [own for own in difflib.get_close_matches(name.lower(), self.assignable, 1, 0.85) if own not in name]
        meant = self.confused.get(name) or (near or [""])[0]
        declared = any(name in vars(cls).get("__annotations__", ()) for cls in type(self).__mro__)
        if meant and not declared:
            raise UnknownAttribute(
                f"A {type(self).__name__} has no attribute {name!r}: a new one does nothing. Did you mean {meant!r}? "
                f"A layer of your own may have that name: add_module({name!r}, layer)."
            )
