"""The result folder: written aside and moved into place whole, so that no half of it is ever left."""

from __future__ import annotations

import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError

__all__ = ["FILES", "Results", "check_folder", "write_folder"]

#: Every file of a result folder.
FILES = ("predictions.parquet", "metrics.csv", "run.json", "report.html")


@dataclass(frozen=True)
class Results:
    """What a result folder is made of; ``images`` are those of the report, by item."""

    metrics: pd.DataFrame
    predictions: pd.DataFrame
    run: dict[str, Any]
    images: dict[int, NDArray[np.float32]]


def check_folder(out: str | Path, overwrite: bool) -> Path:
    """``out`` as an absolute path that can be written, told before the long work starts.

    Raises:
        ArgumentError: It is a file, or holds something that must not be replaced.
    """
    folder = Path(out).expanduser().absolute()
    if folder.exists() and not folder.is_dir():
        raise ArgumentError(f"out={str(out)!r} is a file: give a folder.")
    present = sorted(p.name for p in folder.iterdir()) if folder.exists() else []
    foreign = [name for name in present if name not in FILES]
    if foreign and overwrite:
        raise ArgumentError(
            f"out={str(out)!r} holds {foreign[0]!r}, which is no file of an evaluation, so the folder is not replaced. "
            "Give another folder."
        )
    if present and not overwrite:
        raise ArgumentError(
            f"out={str(out)!r} is not empty (it holds {present[0]!r}). "
            "Give a new folder, or overwrite=True (--overwrite) to replace an earlier evaluation."
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}."):
            pass
    except OSError as error:
        raise ArgumentError(f"out={str(out)!r} cannot be written ({error.strerror}). Give another folder.") from error
    return folder


def write_folder(folder: Path, results: Results, overwrite: bool) -> Path:
    """Write all files of ``results`` and return the path of the report."""
    from xrv_eval.report import render

    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=f".{folder.name}.") as aside:
        fresh = Path(aside) / "new"
        fresh.mkdir()
        results.predictions.to_parquet(fresh / "predictions.parquet", engine="pyarrow", index=False)
        results.metrics.to_csv(fresh / "metrics.csv", index=False)
        text = json.dumps(results.run, indent=2, ensure_ascii=False, allow_nan=False)
        (fresh / "run.json").write_text(text + "\n", encoding="utf-8")
        (fresh / "report.html").write_text(render(results), encoding="utf-8")
        check_folder(folder, overwrite)  # somebody may have written there meanwhile
        _swap(fresh, folder, Path(aside) / "old")
    return folder / "report.html"


def _swap(fresh: Path, folder: Path, old: Path) -> None:
    """Put ``fresh`` where ``folder`` is; if that fails, ``folder`` is as it was."""
    replaces = folder.exists()
    if replaces:
        folder.rename(old)
    try:
        fresh.rename(folder)
    except OSError:
        if replaces:
            old.rename(folder)
        raise
