"""Write tensors as safetensors: completely or not at all, and always the same bytes."""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import IO

import torch

from xrv_core.assets import replacing
from xrv_core.errors import ArgumentError, WriteError

__all__ = ["write_safetensors"]


def write_safetensors(path: Path, state: Mapping[str, torch.Tensor], metadata: Mapping[str, str]) -> None:
    """Write ``state`` to ``path``, which is replaced when all is on disk.

    Tensors that share memory are written separately: the format has no sharing. The same tensors
    and texts give the same file, so that its hash can be published.

    Args:
        path: The file, in a folder that exists.
        state: Tensors by name, of any strides, on any device.
        metadata: Texts for the header; ``format`` is added, which other libraries need.

    Raises:
        WriteError: The disk is full, or takes no such file.
        ArgumentError: It cannot be written for another reason.
    """
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    seen: set[int] = set()
    own: dict[str, torch.Tensor] = {}
    for name, tensor in state.items():
        flat = tensor.detach().cpu().contiguous()
        place = flat.untyped_storage().data_ptr()
        whole = flat.untyped_storage().nbytes() == flat.nbytes
        own[name] = flat if whole and place not in seen else flat.clone()
        seen.add(place)
    try:
        with replacing(path) as new:
            save_file(own, new, {"format": "pt", **metadata})
            with new.open("rb+") as stream:
                _sort_metadata(stream)
    except WriteError as error:
        raise WriteError(f"{error} The file takes {sum(each.nbytes for each in own.values()):,} bytes.") from error
    except (OSError, SafetensorError, UnicodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ArgumentError(f"{path} cannot be written: {reason}.") from error


def _sort_metadata(stream: IO[bytes]) -> None:
    """Sort the texts of the header: the library writes them in random order."""
    (length,) = struct.unpack("<Q", stream.read(8))
    header = json.loads(stream.read(length))
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode()
    if len(text) > length:
        raise OSError(None, f"its header of {length:,} bytes would have {len(text):,}")
    stream.seek(8)
    stream.write(text.ljust(length))
