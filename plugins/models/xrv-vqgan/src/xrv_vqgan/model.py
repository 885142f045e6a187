"""VQGAN: an image as a grid of entries of a codebook, with the weights of TorchXRayVision."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import torch
from torch import nn

from xrv_core import AutoencoderSpec
from xrv_core.errors import ArgumentError, CheckpointError, InputError
from xrv_core.models import ImageAutoencoder, load_into, load_state_dict
from xrv_vqgan.network import COLOURS, Decoder, Encoder, Layout

__all__ = ["VQGAN", "vqgan"]

#: Parts of the published checkpoints that only training needs: the discriminator and the perceptual loss.
TRAINING_ONLY = "loss."
#: Name of the codebook in the published checkpoints, and here (where ``quantize`` is a method).
_THEIRS, _OURS = "quantize.embedding.weight", "codebook.weight"


class VQGAN(ImageAutoencoder):
    """An autoencoder whose code is a grid of entries of a learned codebook. Not for medical use.

    ``encode`` gives the entries themselves, quantised: ``[B, C, h, w]``. The gradient passes through the choice
    of an entry unchanged (straight-through). ``decode`` takes any ``[B, C, h, w]``, so a code can be moved
    along a gradient; ``quantize`` brings it back to the codebook.

    Source: Esser et al., Taming Transformers for High-Resolution Image Synthesis, arXiv:2012.09841.

    Args:
        spec: Its spec, with a ``codebook``.
        layout: Layers of the networks.

    Attributes:
        codebook: The entries, an ``nn.Embedding`` of K vectors of length C.
    """

    def __init__(self, spec: AutoencoderSpec, layout: Layout) -> None:
        super().__init__(spec)
        entries, channels, side = spec.codebook, self.code_shape[0], self.code_shape[1]
        if entries is None:
            raise ArgumentError(f"The spec of {spec.name!r} has no codebook; give its number of entries.")
        halvings = len(layout.widths) - 1
        if spec.input_resolution != side << halvings:
            raise ArgumentError(
                f"{len(layout.widths)} levels make {halvings} halvings, and {side << halvings} pixels of a code with "
                f"side {side}; the spec of {spec.name!r} says {spec.input_resolution}."
            )
        self.encoder, self.decoder = Encoder(layout), Decoder(layout)
        self.quant_conv = nn.Conv2d(layout.latent, channels, 1)
        self.post_quant_conv = nn.Conv2d(channels, layout.latent, 1)
        self.codebook = nn.Embedding(entries, channels)
        nn.init.uniform_(self.codebook.weight, -1 / entries, 1 / entries)

    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        return self._nearest_entries(self._latents(x))

    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        image: torch.Tensor = self.decoder(self.post_quant_conv(z))
        return 1024 * image[:, :1]  # one of three channels that were trained to be equal

    def latents(self, x: torch.Tensor) -> torch.Tensor:
        """Codes before they are quantised, ``[B, C, h, w]``; arguments and errors as in ``encode``."""
        return self._latents(self._prepare(x))

    def codes(self, x: torch.Tensor) -> torch.Tensor:
        """The index of the entry at each position.

        Returns:
            int64 ``[B, h, w]`` in 0..K-1; arguments and errors as in ``encode``.
        """
        return self._nearest(self.latents(x))

    def from_codes(self, indices: torch.Tensor) -> torch.Tensor:
        """Entries of the codebook by their indices: ``from_codes(codes(x))`` equals ``encode(x)``.

        Args:
            indices: Integer tensor ``[B, h, w]`` in 0..K-1.

        Returns:
            ``[B, C, h, w]``, for ``decode``.

        Raises:
            InputError: Not such indices.
        """
        self._check_indices(indices)
        return self.codebook(indices.long()).movedim(-1, 1)

    def _check_indices(self, indices: torch.Tensor) -> None:
        entries, grid = self.codebook.num_embeddings, self.code_shape[1:]
        wanted = f"Indices of {self.spec.name!r} are integers [B, {grid[0]}, {grid[1]}] in 0..{entries - 1}"
        hint = "codes(images) gives the right ones."
        kind = indices.dtype if isinstance(indices, torch.Tensor) else type(indices).__name__
        if kind not in (torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64):
            raise InputError(f"{wanted}; these are of type {kind}. {hint}")
        if indices.ndim != 3 or tuple(indices.shape[1:]) != grid:
            raise InputError(f"{wanted}; these have the shape {list(indices.shape)}. {hint}")
        low, high = (int(indices.min()), int(indices.max())) if indices.numel() else (0, 0)
        if low < 0 or high >= entries:
            raise InputError(f"{wanted}; these go from {low} to {high}. {hint}")

    def quantize(self, z: torch.Tensor) -> torch.Tensor:
        """The nearest entry at each position; gradients pass unchanged.

        Args:
            z: Float tensor ``[B, C, h, w]``.

        Returns:
            ``[B, C, h, w]``.

        Raises:
            InputError: Not such a code.
        """
        return self._nearest_entries(self._check_code(z))

    def _latents(self, x: torch.Tensor) -> torch.Tensor:
        colour = (x / 1024).expand(-1, COLOURS, -1, -1)
        out: torch.Tensor = self.quant_conv(self.encoder(colour))
        return out

    def _nearest(self, z: torch.Tensor) -> torch.Tensor:
        """``[B, C, h, w]`` to int64 ``[B, h, w]``: the smallest |e|^2 - 2 ez, which is |e - z|^2 but for |z|^2."""
        entries = self.codebook.weight
        return (entries.square().sum(1) - 2 * z.movedim(1, -1) @ entries.T).argmin(-1)

    def _nearest_entries(self, z: torch.Tensor) -> torch.Tensor:
        entries = self.codebook(self._nearest(z)).movedim(-1, 1)
        return entries.detach() + (z - z.detach())  # the value is the entry, exactly; the gradient is that of z


def vqgan(spec: AutoencoderSpec, weights: Path | None = None, *, layout: Layout | None = None) -> VQGAN:
    """Build the autoencoder of a spec.

    Args:
        spec: Resolution, shape of the code, size of the codebook.
        weights: A published checkpoint, or a state dict of a ``VQGAN``. Numbers and widths of layers are read off
            its tensors. ``loss.*`` is dropped, everything else must fit. None: random, in training mode.
        layout: Layers of a random network; default ``default_layout(spec)``.

    Raises:
        ArgumentError: Both ``layout`` and ``weights`` are given, or ``layout`` gives another code than the spec.
        CheckpointError: The file cannot be read safely or does not fit.
    """
    if weights is None:
        return VQGAN(spec, layout or default_layout(spec))
    if layout is not None:
        raise ArgumentError("layout= needs weights=None; with weights, the layers are those of the file.")
    state = _own_keys(load_state_dict(weights))
    layout = Layout.of(state, weights)
    if len(layout.widths) != (levels := _levels(spec)):
        raise CheckpointError(
            f"Weights file {weights} has {len(layout.widths)} levels, so its codes are not those of {spec.name!r}, "
            f"{' x '.join(map(str, spec.code_shape))} for {spec.input_resolution} pixels, which take {levels}."
        )
    model = VQGAN(spec, layout)
    load_into(model, state, weights)
    return model.eval()


def default_layout(spec: AutoencoderSpec) -> Layout:
    """Layers of a random network: those of the ImageNet model of the VQGAN paper, with more levels of its first width.

    The layers of the published files are read from their tensors instead.
    """
    levels = _levels(spec)
    widths = [128] * levels
    widths[-3:] = [256, 256, 512][-levels:]
    return Layout(stem=128, widths=tuple(widths), blocks=2, attention=(levels - 1,), latent=256)


def _levels(spec: AutoencoderSpec) -> int:
    return ((spec.input_resolution or 0) // spec.code_shape[1]).bit_length()


def _own_keys(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    kept = {key: tensor for key, tensor in state.items() if not key.startswith(TRAINING_ONLY)}
    return {_OURS if key == _THEIRS else key: tensor for key, tensor in kept.items()}
