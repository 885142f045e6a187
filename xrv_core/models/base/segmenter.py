"""NetworkSegmenter: any segmentation network behind the common interface of segmenters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn
from torch.nn import functional as F

from xrv_core.errors import ArgumentError, InputError, suggestion
from xrv_core.models.base.eval_mode import in_eval_mode
from xrv_core.models.base.image_model import ImageModel
from xrv_core.models.base.inputs import as_batch
from xrv_core.models.base.outputs import activated
from xrv_core.specs import SegmenterSpec
from xrv_core.specs.models import ACTIVATIONS

__all__ = ["NetworkSegmenter", "choose_structures"]

#: The value of the padding: the lowest of the pixel scale, like the border of a collimated radiograph.
BLACK = -1024.0


class NetworkSegmenter(ImageModel):
    """A segmenter for chest X-rays made of a network. Not for medical use.

    ``forward`` is the network: it takes square images and gives logits at its own resolution, with gradients.
    ``predict``, ``maps`` and ``masks`` take images of any shape: an image that is not square is padded
    with black on both sides to a square, never cropped or squeezed, and their results have the size
    of the image. Probabilities, not logits, are resized to it (bilinear, with anti-aliasing).

    Args:
        network: ``network(x)`` gives logits ``[B, K, h, w]``.
        structures: Names of the K masks.
        input_resolution: Height and width of the network's input, None for any.
        adapt: From ``[B, 1, H, W]`` in [-1024, 1024] to what the network expects, default nothing.
        activation: "sigmoid" if structures overlap, "softmax" if each pixel belongs to one of them,
            "identity" if the network gives probabilities; default that of ``spec``, else "sigmoid".
        spec: The spec of the model.

    Attributes:
        structures: ``list[str]``.
        input_resolution: ``int`` or None.
        activation: ``str``.
        spec: The ``SegmenterSpec`` given, or None.

    Raises:
        ArgumentError: Arguments contradict each other.
    """

    assignable = (*ImageModel.assignable, "structures")

    def __init__(
        self,
        network: nn.Module,
        structures: Sequence[str],
        *,
        input_resolution: int | None = None,
        adapt: Callable[[torch.Tensor], torch.Tensor] | None = None,
        activation: str | None = None,
        spec: SegmenterSpec | None = None,
    ) -> None:
        super().__init__()
        names = [] if isinstance(structures, str) else list(structures)
        if not names or not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
            raise ArgumentError(
                f"structures must be a list of different, non-empty names, like ['Heart', 'Spine']; got {structures!r}."
            )
        if input_resolution is not None and not (isinstance(input_resolution, int) and input_resolution > 0):
            raise ArgumentError(
                f"input_resolution={input_resolution!r}: give a number of pixels, or None for any size."
            )
        self.activation = activation or (spec.activation if spec else "sigmoid")
        if self.activation not in ACTIVATIONS:
            raise ArgumentError(f"activation={activation!r} is not one of {', '.join(ACTIVATIONS)}.")
        self.network = network
        self.adapt = nn.Identity() if adapt is None else adapt
        self.structures = names
        self.input_resolution = input_resolution
        self.spec = spec

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits at the network's own resolution.

        Args:
            x: Float tensor ``[B, 1, H, W]`` in [-1024, 1024], square if ``input_resolution`` is set.

        Returns:
            ``[B, K, h, w]``.

        Raises:
            InputError: Wrong type, shape, range, or not square; on every call.
            ArgumentError: The number of masks differs from the number of ``structures``.
        """
        return _of_structures(self.network(self.adapt(self._resized(x))), len(self.structures))

    def predict(
        self, x: torch.Tensor | NDArray[np.generic], structures: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor] | list[dict[str, torch.Tensor]]:
        """Probabilities of every pixel by structure, at the size of the image. Not for medical use.

        Runs without gradients and in evaluation mode on the model's device; the modes of all submodules
        stay. All structures are in memory together, with 4 bytes per pixel: 159 structures of a
        3000 x 3000 image take 5.7 GB. Name the ones that you need, or use ``maps``.

        Args:
            x: Float tensor or array in [-1024, 1024]: one image ``[1, H, W]`` or ``[H, W]``, or a
                batch ``[B, 1, H, W]``; H and W may differ.
            structures: Names of the structures to compute, in the order of the result; default all.

        Returns:
            ``{structure: float32 [H, W] in 0..1}``, on the CPU, for one image; a list of them for a batch.

        Raises:
            InputError: Wrong type, shape or range.
            ArgumentError: A structure that the model does not have.
        """
        batch, single = as_batch(x)
        found = [dict(maps) for maps in self._maps(batch, structures)]
        return found[0] if single else found

    def maps(
        self, x: torch.Tensor | NDArray[np.generic], structures: Sequence[str] | None = None
    ) -> Iterator[tuple[str, torch.Tensor]]:
        """The result of ``predict`` for one image, one structure at a time, so that memory holds only one.

        The network runs once, at this call. Arguments and errors as in ``predict``.

        Returns:
            Pairs of structure and float32 ``[H, W]`` in 0..1, on the CPU.

        Raises:
            InputError: Several images, or as in ``predict``.
        """
        batch, _ = as_batch(x)
        if len(batch) != 1:
            raise InputError(f"maps() takes one image, this batch has {len(batch)}: call it for each image.")
        return self._maps(batch, structures)[0]

    def masks(
        self,
        x: torch.Tensor | NDArray[np.generic],
        threshold: float = 0.5,
        structures: Sequence[str] | None = None,
    ) -> dict[str, torch.Tensor] | list[dict[str, torch.Tensor]]:
        """Pixels with a probability above ``threshold``: ``{structure: bool [H, W]}``, one byte per pixel.

        Other arguments, errors, and the result for batches as in ``predict``.

        Raises:
            ArgumentError: ``threshold`` outside 0..1, or as in ``predict``.
        """
        if not 0 <= threshold <= 1:
            raise ArgumentError(f"threshold={threshold!r}: give a probability between 0 and 1.")
        batch, single = as_batch(x)
        found = [{name: p > threshold for name, p in maps} for maps in self._maps(batch, structures)]
        return found[0] if single else found

    def _maps(self, batch: torch.Tensor, structures: Sequence[str] | None) -> list[Iterator[tuple[str, torch.Tensor]]]:
        """A generator of maps for each image, after the network has run."""
        owner = self.spec.name if self.spec else "this model"
        names = choose_structures(structures, self.structures, owner)
        self._check(batch)  # before the padding, which would hide a wrong range
        height, width = batch.shape[-2:]
        square, top, left = (batch, 0, 0) if self.input_resolution is None else _squared(batch)
        device = self._like(batch).device
        with in_eval_mode(self), torch.no_grad():  # not inference_mode: networks may cache tensors for training
            probabilities = activated(self(square.to(device)).float(), self.activation)

        def each(one: torch.Tensor) -> Iterator[tuple[str, torch.Tensor]]:
            for name in names:
                whole = _resized(one[self.structures.index(name)], square.shape[-2:])
                yield name, whole[top : top + height, left : left + width].clamp(0, 1).cpu()

        return [each(one) for one in probabilities]

    def __repr__(self) -> str:
        name = self.spec.name if self.spec else type(self.network).__name__
        side = self.input_resolution
        size = "any size" if side is None else f"{side} x {side} pixels"
        return f"<{type(self).__name__} {name}: {len(self.structures)} structures, input {size}>"


def _of_structures(out: torch.Tensor, count: int) -> torch.Tensor:
    if out.ndim != 4 or out.shape[1] != count:
        raise ArgumentError(
            f"The network gives a tensor of shape {list(out.shape)}; {count} structures need "
            f"[B, {count}, h, w]. Name as many structures as the network has outputs."
        )
    return out


fx.wrap("_of_structures")  # one step of a graph that fx traces: it looks at the shape


def choose_structures(wanted: Sequence[str] | None, structures: Sequence[str], owner: str) -> list[str]:
    """The chosen structures of a segmenter, default all.

    Args:
        wanted: Names, in the order of the result.
        structures: All structures of the segmenter.
        owner: Name of the segmenter in messages.

    Raises:
        ArgumentError: No name, a name twice, or an unknown one; the message suggests similar names.
    """
    if wanted is None:
        return list(structures)
    names = [wanted] if isinstance(wanted, str) else list(wanted)
    for name in names:
        if name not in structures:
            there = f" There are: {', '.join(structures[:8])}{', ...' if len(structures) > 8 else ''}."
            raise ArgumentError(f"{owner} has no structure {name!r}.{suggestion(name, structures) or there}")
    if not names or len(set(names)) != len(names):
        raise ArgumentError(f"structures={names!r}: give different names, or None for all of them.")
    return names


def _squared(x: torch.Tensor) -> tuple[torch.Tensor, int, int]:
    """``x`` padded with black to a square, and the rows above and columns left of it."""
    height, width = x.shape[-2:]
    side = max(height, width)
    top, left = (side - height) // 2, (side - width) // 2
    padding = (left, side - width - left, top, side - height - top)
    return F.pad(x, padding, value=BLACK) if any(padding) else x, top, left


def _resized(one: torch.Tensor, size: Sequence[int]) -> torch.Tensor:
    """``[h, w]`` to ``size``."""
    if one.shape == tuple(size):
        return one
    return F.interpolate(one[None, None], size=tuple(size), mode="bilinear", antialias=True)[0, 0]
