"""Find images that look alike by a perceptual hash of their pixels."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.datasets.pixels import why_not_imported
from xrv_core.errors import MissingDependency
from xrv_core.protocols import Dataset

__all__ = ["image_hashes", "near_duplicate_pairs"]

#: Side of the hash: 16 x 16 = 256 bits. The usual 64 bits are too few for images that are all radiographs.
SIDE = 16
_ROWS = 2048  # block size: 2048 x 2048 distances take 4 MB


def image_hashes(dataset: Dataset, *, progress: bool = False) -> NDArray[np.uint8]:
    """The perceptual hash (pHash of ImageHash) of every image.

    Args:
        dataset: Any ``Dataset``. Its transform is applied, so open it without augmentation.
        progress: Draw a progress bar on stderr.

    Returns:
        uint8 ``[N, 32]``: 256 bits an image.

    Raises:
        MissingDependency: ImageHash is not installed.
    """
    try:
        from imagehash import phash
    except Exception as error:  # also a folder of that name beside the script
        raise MissingDependency(
            f"near_duplicates needs ImageHash: pip install imagehash{why_not_imported(error, 'imagehash')}"
        ) from error
    from PIL import Image
    from tqdm import tqdm

    hashes = np.zeros((len(dataset), SIDE * SIDE // 8), dtype=np.uint8)
    for i in tqdm(range(len(dataset)), unit="image", file=sys.stderr, disable=not progress):
        pixels: Any = dataset[i]["img"]
        grey = ((np.asarray(pixels)[0] + 1024) * (255 / 2048)).round().clip(0, 255).astype(np.uint8)
        hashes[i] = np.packbits(phash(Image.fromarray(grey), hash_size=SIDE).hash)
    return hashes


def near_duplicate_pairs(train: Dataset, test: Dataset, *, max_distance: float, progress: bool = False) -> pd.DataFrame:
    """``train``, ``test`` and ``distance`` of pairs whose hashes differ in at most ``max_distance`` of their bits."""
    one, other = image_hashes(train, progress=progress), image_hashes(test, progress=progress)
    found = []
    for start in range(0, len(one), _ROWS):
        for begin in range(0, len(other), _ROWS):
            differing = one[start : start + _ROWS, None, :] ^ other[None, begin : begin + _ROWS, :]
            distance = np.bitwise_count(differing).sum(axis=2, dtype=np.uint16)
            rows, columns = np.nonzero(distance <= max_distance * SIDE * SIDE)
            found.append(np.column_stack([rows + start, columns + begin, distance[rows, columns]]))
    pairs = np.concatenate(found) if found else np.zeros((0, 3), dtype=np.int64)
    table = pd.DataFrame({"train": pairs[:, 0], "test": pairs[:, 1], "distance": pairs[:, 2] / (SIDE * SIDE)})
    return table.sort_values(["distance", "train", "test"], ignore_index=True)
