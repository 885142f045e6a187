"""The result folder of an evaluation."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_core.cli import ResultFolder
from xrv_core.datasets import write_csv
from xrv_core.models import write_record
from xrv_eval.options import FILES

__all__ = ["Results", "result_folder", "write_results"]


@dataclass(frozen=True)
class Results:
    """The contents of a result folder; ``images`` are those of the report, by item."""

    metrics: pd.DataFrame
    predictions: pd.DataFrame
    run: dict[str, Any]
    images: dict[int, NDArray[np.float32]]


def result_folder(out: str | Path, overwrite: bool) -> ResultFolder:
    """The folder ``out``, after a check that it can be written.

    Raises:
        ArgumentError: It is a file, or has contents that must not be replaced.
    """
    folder = ResultFolder(out, "evaluation", FILES, overwrite)
    folder.check()
    return folder


def write_results(folder: Path, results: Results) -> None:
    """Write all files of ``results`` to a new folder."""
    from xrv_eval.report import render

    with (folder / "predictions.parquet").open("wb") as file:  # pyarrow takes no path that is not UTF-8
        results.predictions.to_parquet(file, engine="pyarrow", index=False)
    write_csv(results.metrics, folder / "metrics.csv", raw=not results.run["spreadsheet_safe"])
    write_record(folder / "run.json", results.run)
    (folder / "report.html").write_text(render(results), encoding="utf-8", errors="backslashreplace")
