"""The metrics as text: a table for a terminal or a notebook."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xrv_eval.metrics import SCORED

__all__ = ["mean_line", "notes", "number", "summary_line", "table_lines", "warnings", "with_interval"]

_HEAD = ("pathology", "N+", "N-", "N?", "AUROC", "95 % CI", "AUPRC", "sens", "spec", "ECE", "Brier")
_METRICS = ("auprc", "sensitivity", "specificity", "ece", "brier")


def number(value: float | None, digits: int = 3) -> str:
    """A metric as text, ``-`` where there is none."""
    return "-" if value is None or pd.isna(value) else f"{value:.{digits}f}"


def with_interval(low: float | None, high: float | None) -> str:
    """An interval as text, ``-`` where there is none."""
    return "-" if low is None or pd.isna(low) else f"{low:.3f}-{high:.3f}"


def summary_line(run: dict[str, Any]) -> str:
    """The classifier, the dataset and its size."""
    data = run["dataset"]
    patients = f"{data['patients']} patients" if data["patients"] else "patients unknown"
    return f"{run['classifier']['name']} on {data['name']}: {data['items']} images, {patients}"


def mean_line(run: dict[str, Any]) -> str:
    """The mean AUROC and the number of labels in it."""
    results, labels = run["results"], len(run["labels"]["evaluated"])
    if not results["scored"]:
        return f"no mean AUROC: none of {labels} labels could be scored"
    interval = with_interval(results["mean_auroc_low"], results["mean_auroc_high"])
    given = " (no interval)" if interval == "-" else f" (95 % CI {interval})"
    return f"mean AUROC {number(results['mean_auroc'])}{given} over {results['scored']} of {labels} labels"


def table_lines(metrics: pd.DataFrame, run: dict[str, Any]) -> list[str]:
    """The aligned table, the reasons for missing intervals, and the line of the mean."""
    rows = [_HEAD, *(_cells(row) for row in metrics.to_dict("records"))]
    full = [row for row in rows if len(row) == len(_HEAD)]
    widths = [max(len(row[i]) for row in full) for i in range(len(_HEAD))]
    widths[0] = max(len(row[0]) for row in rows)
    widths[1:4] = [max(len(row[i]) for row in rows) for i in (1, 2, 3)]
    remarks = [f"{row['pathology']}: {row['note']}" for row in metrics.to_dict("records") if row["note"]]
    return [*(_line(row, widths) for row in rows), *remarks, "", mean_line(run)]


def notes(run: dict[str, Any]) -> list[str]:
    """What a reader of the numbers must know, a line each."""
    lines = [f"left out: {name} ({why})" for name, why in run["labels"]["left_out"].items()]
    return [*lines, *(f"Warning: {text}" for text in warnings(run)), run["notice"]]


def warnings(run: dict[str, Any]) -> list[str]:
    """Leakage, the warnings of classifier and dataset, and a missing calibration."""
    texts = [f"Tested on patients of the training data. {text}." for text in run["leakage"]]
    texts += [run[part]["warning"] for part in ("classifier", "dataset") if run[part]["warning"]]
    return texts if run["classifier"]["calibrated"] else [*texts, run["classifier"]["output"]]


def _cells(row: dict[Any, Any]) -> tuple[str, ...]:
    counts = (str(row["pathology"]), *(str(row[key]) for key in ("n_positive", "n_negative", "n_unknown")))
    if row["status"] != SCORED:
        return (*counts, f"not scored: {row['status']}")
    interval = with_interval(row["auroc_low"], row["auroc_high"])
    return (*counts, number(row["auroc"]), interval, *(number(row[key]) for key in _METRICS))


def _line(row: tuple[str, ...], widths: list[int]) -> str:
    first, rest = row[0].ljust(widths[0]), row[1:]
    cells = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=False)]
    return "  ".join([first, *cells]).rstrip()
