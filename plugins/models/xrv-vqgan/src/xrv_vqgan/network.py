"""The two networks of a VQGAN (Esser et al., arXiv:2012.09841), and their layout as read from a weights file.

Module names are those of the published files. The files' own configuration (a YAML file) is not needed:
the names and shapes of the tensors give all that shapes the networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from xrv_core.errors import CheckpointError

__all__ = ["Decoder", "Encoder", "Layout"]

#: Group normalisation has this many groups, so that every width is a multiple of it.
GROUPS = 32
COLOURS = 3


@dataclass(frozen=True)
class Layout:
    """Widths and numbers of layers. From one level to the next, the side is halved.

    Attributes:
        stem: Width of the first layer.
        widths: Width of each level.
        blocks: Residual blocks of each level of the encoder; the decoder has one more.
        attention: Levels with attention after each block; between encoder and decoder there always is.
        latent: Channels between the networks and the codes.
    """

    stem: int
    widths: tuple[int, ...]
    blocks: int
    attention: tuple[int, ...]
    latent: int

    @classmethod
    def of(cls, state: Mapping[str, torch.Tensor], path: Path) -> Layout:
        """The layout that the tensors of a weights file have.

        Raises:
            CheckpointError: They are not those of a VQGAN.
        """
        levels = _count(state, "encoder.down.{}.block.0.conv2.weight")
        layout = cls(
            stem=_width(state, path, "encoder.conv_in"),
            # of convolutions from a width to itself, so that no small file can claim a large one
            widths=tuple(_width(state, path, f"encoder.down.{i}.block.0.conv2") for i in range(max(levels, 1))),
            blocks=_count(state, "encoder.down.0.block.{}.conv2.weight"),
            attention=tuple(i for i in range(levels) if f"encoder.down.{i}.attn.0.q.weight" in state),
            latent=_width(state, path, "post_quant_conv"),
        )
        normalised = [layout.stem, *layout.widths]
        if any(width % GROUPS or not width for width in normalised):
            raise CheckpointError(
                f"Weights file {path} holds no VQGAN: its widths {normalised} must be multiples of {GROUPS}."
            )
        return layout


def _width(state: Mapping[str, torch.Tensor], path: Path, layer: str) -> int:
    weight = state.get(f"{layer}.weight")
    if weight is None or weight.ndim != 4 or (layer.endswith("conv2") and weight.shape[0] != weight.shape[1]):
        raise CheckpointError(
            f"Weights file {path} holds no VQGAN: it lacks the convolution {layer!r}, or its shape is wrong."
        )
    return weight.shape[0]


def _count(state: Mapping[str, torch.Tensor], key: str) -> int:
    return next(i for i in range(len(state) + 1) if key.format(i) not in state)


class Encoder(nn.Module):
    """``[B, 3, R, R]`` to ``[B, latent, r, r]``, where R is r, doubled once less than there are levels."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        self.conv_in = _conv3(COLOURS, layout.stem)
        inside = layout.stem
        self.down = nn.ModuleList()
        for i, width in enumerate(layout.widths):
            level = _level(inside, width, layout.blocks, attention=i in layout.attention)
            if i < len(layout.widths) - 1:
                level["downsample"] = nn.ModuleDict({"conv": nn.Conv2d(width, width, 3, stride=2)})
            self.down.append(level)
            inside = width
        self.mid = _middle(inside)
        self.norm_out = _norm(inside)
        self.conv_out = _conv3(inside, layout.latent)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv_in(x)
        for level in self.down:
            x = _through(level, x)
            if "downsample" in level:
                x = level["downsample"]["conv"](F.pad(x, (0, 1, 0, 1)))  # the step starts in the top left corner
        x = self.mid["block_2"](self.mid["attn_1"](self.mid["block_1"](x)))
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(x)))
        return out


class Decoder(nn.Module):
    """``[B, latent, r, r]`` to ``[B, 3, R, R]``."""

    def __init__(self, layout: Layout) -> None:
        super().__init__()
        inside = layout.widths[-1]
        self.conv_in = _conv3(layout.latent, inside)
        self.mid = _middle(inside)
        levels: list[nn.ModuleDict] = []
        for i, width in reversed(list(enumerate(layout.widths))):
            level = _level(inside, width, layout.blocks + 1, attention=i in layout.attention)
            if i:
                level["upsample"] = nn.ModuleDict({"conv": _conv3(width, width)})
            levels.insert(0, level)
            inside = width
        self.up = nn.ModuleList(levels)
        self.norm_out = _norm(inside)
        self.conv_out = _conv3(inside, COLOURS)

    def forward(self, z: torch.Tensor) -> torch.Tensor:
        z = self.conv_in(z)
        z = self.mid["block_2"](self.mid["attn_1"](self.mid["block_1"](z)))
        for level in reversed(self.up):
            z = _through(level, z)
            if "upsample" in level:
                z = level["upsample"]["conv"](F.interpolate(z, scale_factor=2.0, mode="nearest"))
        out: torch.Tensor = self.conv_out(F.silu(self.norm_out(z)))
        return out


# -- parts of both


def _conv3(inside: int, out: int) -> nn.Conv2d:
    return nn.Conv2d(inside, out, 3, padding=1)


def _norm(width: int) -> nn.GroupNorm:
    return nn.GroupNorm(GROUPS, width, eps=1e-6)


def _level(inside: int, width: int, blocks: int, *, attention: bool) -> nn.ModuleDict:
    residual = [_Residual(width if i else inside, width) for i in range(blocks)]
    attend = [_Attention(width) for _ in range(blocks)] if attention else []
    return nn.ModuleDict({"block": nn.ModuleList(residual), "attn": nn.ModuleList(attend)})


def _middle(width: int) -> nn.ModuleDict:
    return nn.ModuleDict(
        {"block_1": _Residual(width, width), "attn_1": _Attention(width), "block_2": _Residual(width, width)}
    )


def _through(level: nn.ModuleDict, x: torch.Tensor) -> torch.Tensor:
    attend = list(level["attn"]) or [nn.Identity()] * len(level["block"])
    for block, attention in zip(level["block"], attend, strict=True):
        x = attention(block(x))
    return x


class _Residual(nn.Module):
    """Twice normalise, activate, convolve; added to the input, whose width is changed where it must be."""

    def __init__(self, inside: int, out: int) -> None:
        super().__init__()
        self.norm1, self.conv1 = _norm(inside), _conv3(inside, out)
        self.norm2, self.conv2 = _norm(out), _conv3(out, out)
        self.nin_shortcut = nn.Conv2d(inside, out, 1) if inside != out else nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.conv1(F.silu(self.norm1(x)))
        y = self.conv2(F.silu(self.norm2(y)))
        out: torch.Tensor = self.nin_shortcut(x) + y
        return out


class _Attention(nn.Module):
    """Every position looks at all others, with one head; added to the input."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm = _norm(width)
        self.q, self.k, self.v, self.proj_out = (nn.Conv2d(width, width, 1) for _ in range(4))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = self.norm(x)
        query, key, value = (layer(y).flatten(2).transpose(1, 2) for layer in (self.q, self.k, self.v))
        seen = F.scaled_dot_product_attention(query, key, value)  # [B, positions, width]
        out: torch.Tensor = x + self.proj_out(seen.transpose(1, 2).reshape(x.shape))
        return out
