"""Run-length encoded masks: the relative RLE of the SIIM-ACR challenge, and COCO RLE.

Both walk down the columns of an image, left to right, and tell runs of 0 and 1 in turn, beginning with 0. SIIM leaves
out the zeros after the last run; COCO does not, and may pack the numbers into a string.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets.masks.shapes import fit_mask
from xrv_core.errors import TableError

__all__ = ["coco_rle", "coco_rle_mask", "siim_rle", "siim_rle_mask"]

#: What SIIM writes for an image without a mask.
NO_MASK: Final = "-1"
_NUMBERS = re.compile(r"\s*[0-9]{1,9}(\s+[0-9]{1,9})*\s*")
_CHECK = "Compare the file with its source."


def siim_rle_mask(
    rle: str, shape: tuple[int, int] | None = None, *, drawn_on: tuple[int, int] = (1024, 1024), where: str = "RLE"
) -> NDArray[np.float32]:
    """Decode the relative RLE of the SIIM-ACR Pneumothorax challenge: ``"gap length gap length ..."``.

    A gap counts the pixels from the end of the run before, the first one from the first pixel.

    Args:
        rle: The numbers, or ``"-1"`` for no mask.
        shape: ``(H, W)`` of the mask that is wanted; None is ``drawn_on``. Scaled by the nearest pixel.
        drawn_on: ``(H, W)`` of the image that was annotated.
        where: What to call the mask in errors, such as file and image.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1.

    Raises:
        TableError: Not numbers in pairs, or runs that end beyond the image.
    """
    if rle.strip() == NO_MASK:
        runs: list[int] = []
    elif not _NUMBERS.fullmatch(rle):
        raise TableError(
            f"{where}: {_short(rle)} is no run-length encoding, which is whole numbers and blanks. {_CHECK}"
        )
    else:
        runs = [int(number) for number in rle.split()]
    if len(runs) % 2:
        raise TableError(
            f"{where}: a run-length encoding is pairs of gap and length, but this one has {len(runs)} numbers. {_CHECK}"
        )
    return _mask(runs, drawn_on, shape, where)


def coco_rle_mask(
    rle: Mapping[str, Any], shape: tuple[int, int] | None = None, *, where: str = "COCO RLE"
) -> NDArray[np.float32]:
    """Decode a COCO RLE: ``{"size": [H, W], "counts": ...}``.

    Args:
        rle: ``counts`` is a list of run lengths, or the string (or bytes) into which COCO packs them: as LEB128, but
            5 bits to a character, and from the fourth on as difference to the last but one (pycocotools, maskApi.c).
        shape: ``(H, W)`` of the mask that is wanted; None is ``size``. Scaled by the nearest pixel.
        where: What to call the mask in errors, such as file, image and label.

    Returns:
        float32 ``[1, H, W]`` of 0 and 1.

    Raises:
        TableError: No size or counts, counts that cannot be decoded, or that are not the size in sum.
    """
    size, counts = rle.get("size"), rle.get("counts")
    if not (isinstance(size, Sequence) and len(size) == 2 and all(isinstance(n, int) and n > 0 for n in size)):
        raise TableError(f"{where}: 'size' of a COCO RLE is [height, width], got {size!r}. {_CHECK}")
    if isinstance(counts, (str, bytes)):
        runs = _unpacked(counts.decode("latin-1") if isinstance(counts, bytes) else counts, where)
    elif isinstance(counts, Sequence) and all(isinstance(n, int) for n in counts):
        runs = list(counts)
    else:
        raise TableError(
            f"{where}: 'counts' of a COCO RLE is a string or whole numbers, got {_short(counts)}. {_CHECK}"
        )
    height, width = size
    if any(run < 0 for run in runs) or sum(runs) != height * width:
        raise TableError(
            f"{where}: the runs of a COCO RLE of {height} x {width} are 0 or more and {height * width} in sum; "
            f"these are {min(runs, default=0)} or more and {sum(runs)} in sum. {_CHECK}"
        )
    return _mask(runs, (height, width), shape, where)


def siim_rle(mask: NDArray[Any]) -> str:
    """Encode a mask ``[H, W]`` or ``[1, H, W]`` (what is not 0 is in it) as ``siim_rle_mask`` reads it."""
    runs = _runs(mask)
    return " ".join(map(str, runs[: len(runs) // 2 * 2])) or NO_MASK


def coco_rle(mask: NDArray[Any], *, packed: bool = True) -> dict[str, Any]:
    """Encode a mask ``[H, W]`` or ``[1, H, W]`` (what is not 0 is in it) as ``coco_rle_mask`` reads it.

    Args:
        mask: The mask.
        packed: ``counts`` as a string, else as a list of numbers.
    """
    runs = _runs(mask)
    return {"size": [int(n) for n in mask.shape[-2:]], "counts": _packed(runs) if packed else runs}


def _mask(runs: list[int], drawn_on: tuple[int, int], shape: tuple[int, int] | None, where: str) -> NDArray[np.float32]:
    """The mask of runs of 0 and 1 in turn; the rest is 0."""
    height, width = drawn_on
    rest = height * width - sum(runs)
    if rest < 0:
        raise TableError(
            f"{where}: the runs cover {sum(runs)} pixels, more than the {height} x {width} of the image. {_CHECK}"
        )
    values = (np.arange(len(runs) + 1) % 2).astype(np.uint8)
    values[-1] = 0
    columns = np.repeat(values, [*runs, rest]).reshape(width, height)
    mask = columns.T.astype(np.float32, order="C")[np.newaxis]
    return mask if shape is None else fit_mask(mask, shape)


def _runs(mask: NDArray[Any]) -> list[int]:
    """Lengths of the runs of 0 and 1 in turn, down the columns, beginning with 0."""
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
            more = rest != (-1 if bits & 16 else 0)  # 16: what was packed so far reads as a negative number
            characters.append(chr(48 + bits + 32 * more))
    return "".join(characters)


def _unpacked(text: str, where: str) -> list[int]:
    """The run lengths of COCO's string."""
    runs: list[int] = []
    number = shift = 0
    for character in text:
        bits = ord(character) - 48
        if not 0 <= bits < 64 or shift > 35:  # no image has runs of more than 40 bits
            raise TableError(f"{where}: {character!r} cannot be part of a COCO RLE string. {_CHECK}")
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
    """The beginning of a long value."""
    text = repr(value)
    return text if len(text) <= 40 else f"{text[:36]} ..."
