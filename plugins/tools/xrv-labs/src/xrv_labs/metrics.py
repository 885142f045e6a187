"""The numbers that a model is published with."""

from __future__ import annotations

import csv
import json
import math
import os
from pathlib import Path
from typing import Any

from xrv_core.assets import within
from xrv_core.errors import ArgumentError, PathMissing, reading

__all__ = ["read_metrics"]


def read_metrics(source: str | os.PathLike[str]) -> dict[str, dict[str, float]]:
    """Numbers by label, by where they were measured.

    Args:
        source: A result folder of ``xrv evaluate``, of which the AUROC is taken, or a JSON file
            ``{"AUROC on nih:test": {"Mass": 0.9}}``.

    Raises:
        PathMissing: There is no such file or folder.
        ArgumentError: It holds something else.
    """
    path = Path(source).expanduser()
    if not path.exists():
        raise PathMissing(f"{path}: no such file. Give a result folder of `xrv evaluate`, or a JSON file.")
    with reading(path, ArgumentError, "Give a result folder of `xrv evaluate`, or a JSON file of numbers by label."):
        found = _of_folder(path) if path.is_dir() else _json(path)
        if not _is_table(found) or not all(map(_is_table, found.values())):
            raise ArgumentError(f'{path}: give numbers by label, by where: {{"AUROC on nih:test": {{"Mass": 0.9}}}}.')
        numbers = [value for table in found.values() for value in table.values()]
        if not all(type(value) in (int, float) and math.isfinite(value) for value in numbers):
            raise ArgumentError(f"{path}: a metric must be a finite number.")
        return dict(found)


def _of_folder(folder: Path) -> dict[str, dict[str, float]]:
    dataset = _json(folder / "run.json")["dataset"]["name"]
    with (folder / "metrics.csv").open(newline="", encoding="utf-8") as stream:
        rows = [row for row in csv.DictReader(stream) if row["auroc"]]
    return {f"AUROC on {dataset}": {row["pathology"]: round(float(row["auroc"]), 4) for row in rows}}


def _json(path: Path) -> Any:
    within("document", path.stat().st_size)
    return json.loads(path.read_text("utf-8"))


def _is_table(thing: Any) -> bool:
    return isinstance(thing, dict) and all(isinstance(key, str) for key in thing)
