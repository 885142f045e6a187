"""Run-length encoded masks: the relative RLE of the SIIM-ACR challenge, and COCO RLE.

Both go down the columns of an image, from left to right, and alternate runs of 0 and 1, starting with 0. SIIM omits
the zeros after the last run; COCO keeps them, and may pack the numbers into a string.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xrv_core.assets import within
from xrv_core.datasets.masks.shapes import fit_mask
from xrv_core.errors import TableError, reading

__all__ = ["coco_rle", "coco_rle_mask", "siim_rle", "siim_rle_mask"]

#: SIIM's value for an image without a mask.
NO_MASK: Final = "-1"
_CHECK = "Compare the file with its source."


def siim_rle_mask(
    rle: str, shape: tuple[int, int] | None = None, *, drawn_on: tuple[int, int] = (1024, 1024), where: str = "RLE"
) -> NDArray[np.float32]:
    """Decode the relative RLE of the SIIM-ACR Pneumothorax challenge: ``"gap length gap length ..."``.

    A gap is the number of pixels between two runs, or before the first run.

    Args:
        rle: The numbers, or ``"-1"`` for no mask.
        shape: ``(H, W)`` of the result; None is ``drawn_on``. Scaled by the nearest pixel.
        drawn_on: ``(H, W)`` of the annotated image.
        where: Name of the mask for errors, such as file and image.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1.

    Raises:
        TableError: The text is not pairs of numbers, or the runs do not fit into the image.
    """
    with reading(where, TableError, _CHECK):
        if not isinstance(rle, str):
            raise TableError(f"{where}: {_short(rle)} is not the text of a run-length encoding. {_CHECK}")
        if rle.strip() == NO_MASK:
            runs: list[int] = []
        else:
            within("elements", len(rle) / 2)
            words = rle.split()
            if not words or not all(word.isdecimal() and word.isascii() and len(word) < 10 for word in words):
                raise TableError(f"{where}: {_short(rle)} is not a run-length encoding of whole numbers. {_CHECK}")
            runs = [int(word) for word in words]
        if len(runs) % 2:
            raise TableError(
                f"{where}: a run-length encoding needs pairs of gap and length, but has {len(runs)} numbers. {_CHECK}"
            )
        return _mask(runs, drawn_on, shape, where)


def coco_rle_mask(
    rle: Mapping[str, Any], shape: tuple[int, int] | None = None, *, where: str = "COCO RLE"
) -> NDArray[np.float32]:
    """Decode a COCO RLE: ``{"size": [H, W], "counts": ...}``.

    Args:
        rle: ``counts`` is a list of run lengths, or COCO's packed string (or bytes): as LEB128, but with 5 bits a
            character, and from the fourth number on as difference to the last but one (pycocotools, maskApi.c).
        shape: ``(H, W)`` of the result; None is ``size``. Scaled by the nearest pixel.
        where: Name of the mask for errors, such as file, image and label.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1.

    Raises:
        TableError: ``size`` or ``counts`` is missing or invalid, or the sum of the counts is not the size.
    """
    with reading(where, TableError, _CHECK):
        if not isinstance(rle, Mapping):
            raise TableError(f"{where}: {_short(rle)} is not a COCO RLE with 'size' and 'counts'. {_CHECK}")
        size, counts = rle.get("size"), rle.get("counts")
        if not (isinstance(size, Sequence) and len(size) == 2 and all(type(n) is int and n > 0 for n in size)):
            raise TableError(f"{where}: 'size' of a COCO RLE must be [height, width], got {_short(size)}. {_CHECK}")
        if isinstance(counts, (str, bytes)):
            within("elements", len(counts))
            runs = _unpacked(counts.decode("latin-1") if isinstance(counts, bytes) else counts, where)
        elif isinstance(counts, Sequence) and all(type(n) is int for n in counts):
            runs = list(counts)
        else:
            raise TableError(
                f"{where}: 'counts' of a COCO RLE must be a string or whole numbers, got {_short(counts)}. {_CHECK}"
            )
        height, width = size
        within("pixels", height * width)
        if any(run < 0 for run in runs) or sum(runs) != height * width:
            raise TableError(
                f"{where}: the runs of a COCO RLE of {height} x {width} must be non-negative with sum "
                f"{height * width}, got a minimum of {min(runs, default=0)} and a sum of {sum(runs)}. {_CHECK}"
            )
        return _mask(runs, (height, width), shape, where)


def siim_rle(mask: NDArray[Any]) -> str:
    """Encode the non-zero pixels of a mask ``[H, W]`` or ``[1, H, W]`` for ``siim_rle_mask``."""
    runs = _runs(mask)
    return " ".join(map(str, runs[: len(runs) // 2 * 2])) or NO_MASK


def coco_rle(mask: NDArray[Any], *, packed: bool = True) -> dict[str, Any]:
    """Encode the non-zero pixels of a mask ``[H, W]`` or ``[1, H, W]`` for ``coco_rle_mask``.

    Args:
        mask: The mask.
        packed: Write ``counts`` as a string, else as a list of numbers.
    """
    runs = _runs(mask)
    return {"size": [int(n) for n in mask.shape[-2:]], "counts": _packed(runs) if packed else runs}


def _mask(runs: list[int], drawn_on: tuple[int, int], shape: tuple[int, int] | None, where: str) -> NDArray[np.float32]:
    """The mask of alternating runs of 0 and 1; the rest is 0."""
    height, width = drawn_on
    within("pixels", height * width)
    rest = height * width - sum(runs)
    if rest < 0:
        raise TableError(
            f"{where}: the runs cover {sum(runs)} pixels, more than the image of {height} x {width}. {_CHECK}"
        )
    values = (np.arange(len(runs) + 1) % 2).astype(np.uint8)
    values[-1] = 0
    columns = np.repeat(values, [*runs, rest]).reshape(width, height)
    mask = columns.T.astype(np.float32, order="C")[np.newaxis]
    return mask if shape is None else fit_mask(mask, shape, where=where)


def _runs(mask: NDArray[Any]) -> list[int]:
    """Lengths of alternating runs of 0 and 1 down the columns, starting with 0."""
    flat = (np.reshape(mask, mask.shape[-2:]) != 0).ravel(order="F")
    edges = np.flatnonzero(np.diff(flat, prepend=False, append=not flat[-1]))
    runs: list[int] = np.diff(edges, prepend=0).tolist()
    return runs


def _packed(runs: Iterable[int]) -> str:
    """COCO's string of run lengths."""
    done: list[int] = []
    characters = []
    for run in runs:
        rest = run - (done[-2] if len(done) > 2 else 0)
        done.append(run)
        more = True
        while more:
            bits = rest & 31
            rest >>= 5
            more = rest != (-1 if bits & 16 else 0)  # bit 16 marks a negative number
            characters.append(chr(48 + bits + 32 * more))
    return "".join(characters)


def _unpacked(text: str, where: str) -> list[int]:
    """The run lengths of COCO's string."""
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 35:  # no image has runs longer than 40 bits
            raise TableError(f"{where}: invalid character {character!r} in a COCO RLE string. {_CHECK}")
        number |= (bits & 31) << shift
        shift += 5
        if bits & 32:
            continue
        if bits & 16:
            number -= 1 << shift
        runs.append(number + (runs[-2] if len(runs) > 2 else 0))
        number = shift = 0
    if shift:
        raise TableError(f"{where}: the COCO RLE string is cut short. {_CHECK}")
    return runs


def _short(value: object) -> str:
    """A value, or the beginning of a long one."""
    text = repr(value if not isinstance(value, str | bytes | list | tuple) else value[:40])
    return text if len(text) <= 40 else f"{text[:36]} ..."
