"""Read gt_segmentations_val.json and gt_segmentations_test.json of CheXlocalize."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import JsonElement, read_json

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
    found = read_json(path, spec.name, expected="gt_segmentations_val.json or gt_segmentations_test.json")
    return {image: drawn for image, tasks in found.members() if (drawn := _drawn(tasks, spec))}


def _drawn(tasks: JsonElement, spec: DatasetSpec) -> dict[str, Any]:
    """The non-empty masks of one image, by label."""
    drawn = {}
    for task, rle in tasks.members():
        label = _LABEL_OF.get(task, task)
        if label not in spec.pathologies:
            raise rle.error(f"the mask of a label of {spec.name!r}")
        rle.member("size").image_size()
        counts = rle.member("counts")
        if not isinstance(counts.value, str | list):
            raise counts.error("a text or a list of run lengths")
        if not _is_empty(counts.value):
            drawn[label] = rle.value
    return drawn


def _is_empty(counts: str | list[Any]) -> bool:
    """Whether an RLE has no pixel of 1."""
    return bool(_ONE_NUMBER.fullmatch(counts)) if isinstance(counts, str) else not any(counts[1::2])
