"""What a result folder of an evaluation holds."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.cli import ResultFolder

__all__ = ["FILES", "Results", "result_folder", "write_results"]

#: Every file of a result folder.
FILES = ("predictions.parquet", "metrics.csv", "run.json", "report.html")


@dataclass(frozen=True)
class Results:
    """What a result folder is made of; ``images`` are those of the report, by item."""

    metrics: pd.DataFrame
    predictions: pd.DataFrame
    run: dict[str, Any]
    images: dict[int, NDArray[np.float32]]


def result_folder(out: str | Path, overwrite: bool) -> ResultFolder:
    """The folder ``out``, proven to be one that can be written.

    Raises:
        ArgumentError: It is a file, or holds something that must not be replaced.
    """
    folder = ResultFolder(out, "evaluation", FILES, overwrite)
    folder.check()
    return folder


def write_results(folder: ResultFolder, results: Results) -> Path:
    """Write all files of ``results`` and return the path of the report."""
    from xrv_eval.report import render

    with folder.fresh() as fresh:
        results.predictions.to_parquet(fresh / "predictions.parquet", engine="pyarrow", index=False)
        results.metrics.to_csv(fresh / "metrics.csv", index=False)
        text = json.dumps(results.run, indent=2, ensure_ascii=False, allow_nan=False)
        (fresh / "run.json").write_text(text + "\n", encoding="utf-8")
        (fresh / "report.html").write_text(render(results), encoding="utf-8")
    return folder.path / "report.html"
