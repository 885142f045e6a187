"""Read gt_segmentations_val.json and gt_segmentations_test.json of CheXlocalize."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.errors import PathMissing, TableError

_LABEL_OF = {"Airspace Opacity": "Lung Opacity", "Pleural Effusion": "Effusion"}  # other tasks have the names of labels
_ONE_NUMBER = re.compile(r"[P-o]*[0-O]")  # in COCO's packing all but the last character of a number have bit 5 set


def read_segmentations(path: str | Path, spec: DatasetSpec) -> dict[str, dict[str, Any]]:
    """COCO RLEs by image (``patient64541_study1_view1_frontal``), then by label.

    The file has a mask of every task for every image; empty masks are omitted.

    Raises:
        PathMissing: There is no such file.
        TableError: The file has another layout.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise PathMissing(f"{path}: no such file. Give the path of gt_segmentations_val.json of {spec.name!r}.")
    try:
        images = json.loads(path.read_text(encoding="utf-8"))
        return {image: drawn for image, tasks in images.items() if (drawn := _drawn(tasks, spec))}
    except (ValueError, AttributeError, KeyError, TypeError) as error:
        raise TableError(
            f"{path}: not the segmentations of {spec.name!r}, which are {{image: {{task: {{size, counts}}}}}} with the "
            f"labels as tasks ({type(error).__name__}: {error}). Give gt_segmentations_val.json or _test.json."
        ) from error


def _drawn(tasks: dict[str, Any], spec: DatasetSpec) -> dict[str, Any]:
    """The non-empty masks of one image, by label."""
    named = {_LABEL_OF.get(task, task): rle for task, rle in tasks.items()}
    for label in named.keys() - set(spec.pathologies):
        raise KeyError(label)
    return {label: rle for label, rle in named.items() if not _is_empty(rle["counts"])}


def _is_empty(counts: str | list[int]) -> bool:
    """Whether an RLE has no pixel of 1."""
    return bool(_ONE_NUMBER.fullmatch(counts)) if isinstance(counts, str) else not any(counts[1::2])
