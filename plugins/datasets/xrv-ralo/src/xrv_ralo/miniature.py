"""Synthetic patients in the official layout: for tests, docs and demos. No row or image shows anybody."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from xrv_core import DatasetSpec
from xrv_core.datasets import drawn_chest

_READER = "Right GEOGRAPHIC,Right OPACITY,Left GEOGRAPHIC,Left OPACITY,Total GEOGRAPHIC,Total OPACITY,Notes"
_HEADER = f"Subject_ID,Exam_DateTime,{_READER},{_READER},Delta Geo-total,Delta Opa total"
_GROUPS = ",,Reader 1,,,,,,,Reader 2" + "," * 8
# Subject, time; of each reader: extent and opacity of the right and the left lung.
_ROWS = (
    ("toy-1", "20200402_081500", (0, 0, 0, 0), (0, 0, 0, 0)),
    ("toy-2", "20200411_120000", (3, 2, 4, 3), (2, 2, 4, 3)),
    ("toy-2", "20200408_070000", (1, 1, 2, 1), (1, 1, 1, 1)),
    ("toy-2", "20200408_060000", (1, 1, 1, 1), (0, 1, 1, 1)),
    ("toy-3", "20200501_230000", (4, 4, 4, 4), (None, None, None, None)),
)


def write_ralo(spec: DatasetSpec, folder: Path) -> dict[str, Any]:
    """Five images of three patients; the second reader left the last one out. Returns the arguments that open them."""
    paths = {"imgpath": folder / "CXR_images_scored", "csvpath": folder / "ralo-dataset-metadata.csv"}
    paths["imgpath"].mkdir(parents=True, exist_ok=True)
    lines = [_GROUPS, _HEADER]
    for number, (subject, time, first, second) in enumerate(_ROWS):
        told = second[0] is not None
        deltas = [abs(sum(first[k::2]) - sum(second[k::2])) for k in (0, 1)] if told else ["", ""]
        lines.append(",".join(map(str, [subject, time, *_cells(first), *_cells(second), *deltas])))
        drawn_chest(96, 88, body=170, lungs=50 + 12 * sum(first[1::2])).save(
            paths["imgpath"] / f"{number}.jpg", quality=95
        )
    paths["csvpath"].write_text("\n".join(lines) + "\n", encoding="utf-8")
    return paths


def _cells(scores: tuple[Any, ...]) -> list[Any]:
    """The cells of one reader: each lung, the totals, and notes."""
    if scores[0] is None:
        return [""] * 7
    return [*scores, sum(scores[::2]), sum(scores[1::2]), ""]
