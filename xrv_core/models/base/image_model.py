"""ImageModel: what classifiers, autoencoders and segmenters share."""

from __future__ import annotations

import difflib
from html import escape
from typing import Any, ClassVar

import torch
from torch import fx, nn

from xrv_core.errors import UnknownAttribute
from xrv_core.models.base.inputs import check_input, resize_input
from xrv_core.terms import NOT_MEDICAL

__all__ = ["ImageModel"]

_LISTED = 20  # names in a notebook; more are counted

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

    def _repr_html_(self) -> str:
        """What a notebook shows: a table that loads nothing, with every text escaped."""
        spec: Any = getattr(self, "spec", None)
        given: Any = getattr(self, "pathologies", None) or getattr(self, "structures", ())
        names, side = list(given), self.input_resolution
        known = [name for name, has in zip(names, getattr(self, "trained", names), strict=False) if has]
        more = f" and {len(known) - _LISTED} more" if len(known) > _LISTED else ""
        rows = {
            "is": getattr(spec, "title", "") or type(self).__name__,
            "gives": ", ".join(known[:_LISTED]) + more,
            "never trained": ", ".join(name for name in names if name not in known),
            "input": f"{side} x {side} pixels" if side else "any size",
            "parameters": f"{sum(p.numel() for p in self.parameters()):,}",
            "trained on": ", ".join(getattr(spec, "training_data", ())),
            "licence": getattr(spec, "licence", ""),
            "note": f"{NOT_MEDICAL} {getattr(spec, 'warning', '')}".strip(),
        }
        cells = "".join(f"<tr><th>{key}</th><td>{escape(text)}</td></tr>" for key, text in rows.items() if text)
        name = escape(getattr(spec, "name", type(self).__name__))
        return f"<div><strong>{name}</strong><table>{cells}</table></div>"

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
