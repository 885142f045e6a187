"""The HTML report: one file that loads nothing; every name is escaped."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xrv_core.datasets import png_uri
from xrv_core.models import render_page
from xrv_eval.metrics import SCORED
from xrv_eval.plots import calibration_svg, roc_svg
from xrv_eval.table import number, summary_line, warnings, with_interval

if TYPE_CHECKING:
    from xrv_eval.output import Results

__all__ = ["render"]

_LINES = 6  # labels listed under an example
_FEW = 2  # so many more are listed too, instead of a line that counts them


def render(results: Results) -> str:
    """The report as one HTML text."""
    run = results.run
    return render_page(
        "xrv_eval",
        "report.html",
        run=run,
        filters={"number": number},
        model=run["classifier"],
        kicker="Evaluation",
        title=f"{run['classifier']['name']} on {run['dataset']['name']}",
        summary=summary_line(run),
        file="run.json",
        mean=_mean(run),
        warnings=warnings(run),
        rows=_rows(results.metrics),
        scale=_scale(results.metrics),
        chance=_percent(0.5, _scale(results.metrics)),
        curves=_curves(results),
        examples=_examples(results),
    )


def _mean(run: dict[str, Any]) -> dict[str, Any]:
    found = run["results"]
    return {
        "value": number(found["mean_auroc"]),
        "interval": with_interval(found["mean_auroc_low"], found["mean_auroc_high"]),
        "scored": found["scored"],
        "labels": len(run["labels"]["evaluated"]),
    }


def _scale(metrics: pd.DataFrame) -> float:
    """Left end of the interval bars: 0.5, or less if an interval begins below it."""
    lows = metrics[["auroc", "auroc_low"]].to_numpy(dtype=float)
    lows = lows[np.isfinite(lows)]
    return 0.5 if not lows.size else min(0.5, math.floor(lows.min() * 10) / 10)


def _percent(value: float, left: float) -> str:
    """Position of a value on an axis from ``left`` to 1, in percent."""
    return f"{100 * (value - left) / (1 - left):.1f}"


def _rows(metrics: pd.DataFrame) -> list[dict[str, Any]]:
    """Rows of the table, with the positions of the bars in percent."""
    left = _scale(metrics)
    rows = []
    for row in metrics.to_dict("records"):
        scored, has_interval = row["status"] == SCORED, not math.isnan(row["auroc_low"])
        plain: dict[str, Any] = {str(key): value for key, value in row.items()}
        plain |= {"scored": scored, "dot": _percent(row["auroc"], left) if scored else None, "bar": None}
        plain["interval"] = with_interval(row["auroc_low"], row["auroc_high"])
        if has_interval:
            low, high = _percent(row["auroc_low"], left), _percent(row["auroc_high"], left)
            plain["bar"] = {"left": low, "width": f"{float(high) - float(low):.1f}"}
        rows.append(plain)
    return rows


def _curves(results: Results) -> list[dict[str, str]]:
    """ROC and calibration curve of every scored label."""
    curves = []
    for row in results.metrics[results.metrics["status"] == SCORED].to_dict("records"):
        name = row["pathology"]
        labels = results.predictions[f"label:{name}"].to_numpy()
        known = ~np.isnan(labels)
        positive, scores = labels[known] == 1, results.predictions[f"prediction:{name}"].to_numpy()[known]
        curves.append(
            {
                "name": name,
                "counts": f"{row['n_positive']} with, {row['n_negative']} without",
                "auroc": number(row["auroc"]),
                "interval": with_interval(row["auroc_low"], row["auroc_high"]),
                "ece": number(row["ece"]),
                "roc": roc_svg(positive, scores),
                "calibration": calibration_svg(positive, scores),
            }
        )
    return curves


def _examples(results: Results) -> list[dict[str, Any]]:
    """The examples: each image with its findings and its highest predictions."""
    names = [str(name) for name in results.metrics["pathology"]]
    frame = results.predictions
    sheet = []
    for item, image in sorted(results.images.items()):
        row = frame.iloc[item].to_dict()
        uid = f"item {item}" if pd.isna(row["source_uid"]) else row["source_uid"]
        view = "" if pd.isna(row["view"]) else row["view"]
        sheet.append({"png": png_uri(image), "uid": uid, "view": view, **_readings(row, names)})
    return sheet


def _readings(row: dict[Any, Any], names: list[str]) -> dict[str, Any]:
    """True findings, then the highest predictions, as many as fit; and the number of hidden ones."""
    states = {1.0: "present", 0.0: "absent"}
    everything: list[dict[str, Any]] = []
    for name in names:
        label, prediction = float(row[f"label:{name}"]), float(row[f"prediction:{name}"])
        state = "unknown" if math.isnan(label) else states.get(label, f"{label:g}")
        everything.append({"name": name, "state": state, "prediction": prediction, "width": f"{100 * prediction:.0f}"})
    everything.sort(key=lambda e: (e["state"] != "present", -e["prediction"]))
    present = sum(e["state"] == "present" for e in everything)
    lines = max(_LINES, present)
    shown = everything if len(everything) <= lines + _FEW else everything[:lines]
    return {"readings": shown, "hidden": len(everything) - len(shown)}
