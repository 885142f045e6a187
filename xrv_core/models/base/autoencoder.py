"""ImageAutoencoder: checks, resizing and pixel range around the two networks of an autoencoder."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, cast

import torch
from torch import fx

from xrv_core.errors import ArgumentError, InputError
from xrv_core.models.base.image_model import ImageModel
from xrv_core.models.base.outputs import handed_out
from xrv_core.specs import AutoencoderSpec

__all__ = ["ImageAutoencoder"]

fx.wrap("handed_out")


class ImageAutoencoder(ImageModel, ABC):
    """Base of autoencoders of chest X-rays: checks, resizing, the pixel range. Not for medical use.

    A subclass has two methods: ``_encode``, from images ``[B, 1, R, R]`` in [-1024, 1024] to codes,
    and ``_decode``, from codes to images on the same scale, which may leave that range.

    Args:
        spec: Its spec, with a ``code_shape``.

    Attributes:
        spec: The spec.
        input_resolution: R, height and width of resized images and of the result of ``decode``; None for any.
        code_shape: Shape of the code of one image.

    Raises:
        ArgumentError: The spec has no ``code_shape``.
    """

    def __init__(self, spec: AutoencoderSpec) -> None:
        super().__init__()
        if not spec.code_shape:
            raise ArgumentError(f"The spec of {spec.name!r} has no code_shape; give the shape of one image's code.")
        self.spec = spec
        self.input_resolution = spec.input_resolution
        self.code_shape = spec.code_shape

    @abstractmethod
    def _encode(self, x: torch.Tensor) -> torch.Tensor:
        """Checked and resized images ``[B, 1, R, R]`` in [-1024, 1024] to codes ``[B, *code_shape]``."""

    @abstractmethod
    def _decode(self, z: torch.Tensor) -> torch.Tensor:
        """Checked codes ``[B, *code_shape]`` to images ``[B, 1, R, R]``, where [-1024, 1024] is black to white."""

    def encode(self, x: torch.Tensor) -> torch.Tensor:
        """Images to codes.

        Args:
            x: Float tensor ``[B, 1, H, W]`` in [-1024, 1024], square; resized to ``input_resolution``.

        Returns:
            ``[B, *code_shape]``.

        Raises:
            InputError: Wrong type, shape or range.
        """
        return handed_out(self._encode(self._prepare(x)))

    def decode(self, z: torch.Tensor, *, clamp: bool = True) -> torch.Tensor:
        """Codes to images.

        Args:
            z: Float tensor ``[B, *code_shape]``.
            clamp: Cut pixels to [-1024, 1024], so that every model takes the image. A cut pixel has no
                gradient: train with ``clamp=False``.

        Returns:
            ``[B, 1, R, R]``, in [-1024, 1024] unless ``clamp`` is False.

        Raises:
            InputError: Wrong type or shape.
        """
        image = self._decode(self._check_code(z))
        return image.clamp(-1024, 1024) if clamp else handed_out(image)

    def forward(self, x: torch.Tensor) -> dict[str, torch.Tensor] | tuple[torch.Tensor, torch.Tensor]:
        """``{"z": code, "out": image}``; arguments and errors as in ``encode``.

        While ``torch.jit.trace`` or an exporter that uses it runs, the pair ``(code, image)``, because a
        traced function cannot give a dict.
        """
        z = self.encode(x)
        out = self.decode(z)
        if torch.jit.is_tracing():  # type: ignore[attr-defined, no-untyped-call]
            return z, out
        return {"z": handed_out(z), "out": out}

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        return self._resized(x)

    def _check_code(self, z: Any) -> torch.Tensor:
        if isinstance(z, fx.Proxy):
            return cast("torch.Tensor", z)
        if not isinstance(z, torch.Tensor) or not z.is_floating_point():
            found = f"is of type {z.dtype if isinstance(z, torch.Tensor) else type(z).__name__}"
        elif z.ndim != 1 + len(self.code_shape) or tuple(z.shape[1:]) != self.code_shape:
            found = f"has {list(z.shape)}"
        else:
            return z
        wanted = ", ".join(map(str, self.code_shape))
        raise InputError(
            f"A code of {self.spec.name!r} has the shape [B, {wanted}]; this one {found}. "
            "encode(images) gives the right ones."
        )

    def __repr__(self) -> str:
        side = self.input_resolution
        size = "any size" if side is None else f"{side} x {side} pixels"
        return f"<{type(self).__name__} {self.spec.name}: input {size}, code {' x '.join(map(str, self.code_shape))}>"
