"""``xrv.utils``: reading images, and running a model over a dataset."""

from __future__ import annotations

import os
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from xrv_compat.notes import warn_once
from xrv_core.assets import cache_dir
from xrv_core.datasets import PixelRecipe, decode_image, luminance, scale_pixels
from xrv_core.datasets import load_image as _load_image
from xrv_core.errors import ArgumentError, printable

__all__ = [
    "fix_resolution", "get_cache_dir", "in_notebook", "infer", "load_image", "normalize", "read_xray_dcm",
    "warn_normalization", "warning_log",
]  # fmt: skip

#: What was told already; ``warning_log["norm_check"] = True`` keeps ``warn_normalization`` silent.
warning_log: dict[Any, Any] = {}


def core_cache_dir() -> Path:
    """The folder where xrv_core keeps torchxrayvision's files."""
    return cache_dir() / "torchxrayvision"


def get_cache_dir() -> str:
    """The folder of fetched weights, under torchxrayvision's file names."""
    return f"{core_cache_dir()}/"


def in_notebook() -> bool:
    """Whether this runs in a Jupyter notebook."""
    ipython: Any = sys.modules.get("IPython")
    shell = None if ipython is None else ipython.get_ipython()
    return shell is not None and "IPKernelApp" in shell.config


def load_image(fname: str | Path) -> NDArray[np.float32]:
    """``xrv_core.datasets.load_image``: float32 ``[1, H, W]`` in [-1024, 1024]."""
    warn_once("utils.load_image")
    image = _load_image(fname)
    _warn_inverted(Path(fname).read_bytes(), fname)
    return image


def read_xray_dcm(
    path: str | Path | BinaryIO, voi_lut: bool = False, fix_monochrome: bool = True
) -> NDArray[np.float32]:
    """A DICOM file, by path or open, as float32 ``[H, W]`` in [-1024, 1024]; see ``PixelRecipe`` for the options."""
    warn_once("utils.read_xray_dcm")
    recipe = PixelRecipe(voi_lut=voi_lut, fix_monochrome=fix_monochrome)
    if isinstance(path, str | os.PathLike):
        image, data = _load_image(Path(path), recipe=recipe), Path(path).read_bytes()
    else:
        data = path.read()
        image = decode_image(data, str(getattr(path, "name", "the open file.dcm")), recipe)
    if fix_monochrome:
        _warn_inverted(data, path)
    return image[0]


def _warn_inverted(data: bytes, name: Any) -> None:
    """Tell, as torchxrayvision does, that a DICOM file of MONOCHROME1 was inverted."""
    if data[128:132] != b"DICM":
        return
    import pydicom

    header = pydicom.dcmread(BytesIO(data), force=True, specific_tags=["PhotometricInterpretation"])
    if header.get("PhotometricInterpretation") == "MONOCHROME1":
        warnings.warn(
            f"Converting MONOCHROME1 to MONOCHROME2 interpretation for file: {printable(name)}. Can be avoided "
            "by setting `fix_monochrome=False`",
            stacklevel=3,
        )


def normalize(img: NDArray[Any], maxval: float, reshape: bool = False) -> NDArray[np.float32]:
    """Map ``0..maxval`` to [-1024, 1024].

    Args:
        img: ``[H, W]``, or ``[H, W, C]`` with grey, red, green and blue, and perhaps alpha.
        maxval: Largest value of the encoding, such as 255.
        reshape: Whether to return ``[1, H, W]``, with the luminance of colour images.

    Raises:
        ArgumentError: Values above ``maxval``, or an image of another shape.
    """
    warn_once("utils.normalize")
    if img.max() > maxval:
        raise ArgumentError(f"max image value ({img.max()}) higher than expected bound ({maxval}).")
    if reshape and img.ndim == 3:
        img = luminance(img) if img.shape[2] > 2 else img[:, :, 0]
    if reshape and img.ndim != 2:
        raise ArgumentError(f"An image is [H, W] or [H, W, C]; this array has the shape {list(img.shape)}.")
    scaled = scale_pixels(img, 0, maxval)
    return scaled[np.newaxis] if reshape else scaled


def infer(model: Any, dataset: Any, threads: int = 4, device: Any = "cpu") -> NDArray[Any]:
    """The output of ``model`` for every item of ``dataset``, ``threads`` at a time, as one array."""
    import torch
    from tqdm.auto import tqdm

    warn_once("utils.infer")
    loader: Any = torch.utils.data.DataLoader(
        dataset,
        batch_size=threads,
        num_workers=threads,
        generator=torch.Generator().manual_seed(0),  # without one it draws from the global generator
    )
    with torch.inference_mode():
        return np.concatenate([model(batch["img"].to(device)).cpu().numpy() for batch in tqdm(loader)])


def fix_resolution(x: Any, resolution: int, model: Any = None) -> Any:
    """``[B, C, H, W]`` or ``[C, H, W]`` resized to a square of ``resolution`` pixels, as models do."""
    from xrv_core.models import resize_input

    warn_once("utils.fix_resolution")
    return resize_input(x[None] if x.ndim == 3 else x, resolution)


def warn_normalization(x: Any) -> None:
    """Warn the first time in this process if ``x`` does not seem to be on the scale [-1024, 1024]."""
    warn_once("utils.warn_normalization")
    tell_scale(x)


def tell_scale(x: Any) -> None:
    """``warn_normalization`` without a note, and without a look at what has no values, such as a traced tensor."""
    import torch

    tracing = torch.compiler.is_compiling() or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
    if tracing or "norm_check" in warning_log or not isinstance(x, torch.Tensor) or x.is_meta:
        return
    try:
        low, high = x.detach().min().item(), x.detach().max().item()
    except RuntimeError:  # empty, or inside torch.func.vmap
        return
    right = -1025 <= low <= -255 and 255 <= high <= 1025
    warning_log.update(norm_check=True, norm_correct=right)
    if not right:
        text = (
            f"Input image does not appear to be normalized correctly. It has the range [{low:.2f},{high:.2f}], which "
            "does not seem to be [-1024,1024]; xrv.utils.load_image reads a file the right way. Only the first image "
            "is looked at."
        )
        print(f"Warning: {text}")  # noqa: T201  # as torchxrayvision does; the other can be filtered or made an error
        warnings.warn(text, stacklevel=2)
