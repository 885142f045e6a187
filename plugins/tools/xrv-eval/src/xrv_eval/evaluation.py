"""``evaluate(classifier, dataset)``: the whole job, step by step."""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xrv_core.datasets import check_dataset, check_training_data, whole_number
from xrv_eval.alignment import Alignment, align, check_classifier
from xrv_eval.bootstrap import cluster_codes
from xrv_eval.metrics import SCORED, Scores, metrics_table
from xrv_eval.output import Results, result_folder, write_results
from xrv_eval.record import run_record
from xrv_eval.table import notes, summary_line, table_lines

if TYPE_CHECKING:
    import torch

    from xrv_core import Classifier, Dataset
    from xrv_eval.inference import Predicted

__all__ = ["Evaluation", "evaluate"]


@dataclass(frozen=True, repr=False)
class Evaluation:
    """What ``evaluate`` found. Not for medical use.

    Attributes:
        metrics: One row per pathology: counts, AUROC with its 95 % interval, AUPRC, sensitivity and specificity
            at 0.5, expected calibration error, Brier score. Labels that cannot be scored say so in ``status``.
        predictions: One row per item: ``idx``, ``source_uid``, ``patientid``, ``view``, and for every pathology
            ``label:NAME`` (1 / 0 / NaN) and ``prediction:NAME`` (0..1).
        run: What was run, with which versions, weights and data: what ``run.json`` holds.
        report: The HTML report, None where nothing was written.
    """

    metrics: pd.DataFrame
    predictions: pd.DataFrame
    run: dict[str, Any]
    report: Path | None = None

    @property
    def mean_auroc(self) -> float:
        """Mean AUROC of the scored pathologies, NaN where there is none."""
        return float(self.metrics.loc[self.metrics["status"] == SCORED, "auroc"].mean())

    def __str__(self) -> str:
        return "\n".join([summary_line(self.run), "", *table_lines(self.metrics, self.run), "", *notes(self.run)])

    def __repr__(self) -> str:
        return str(self)


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    *,
    out: str | Path | None = None,
    batch_size: int = 16,
    num_workers: int = 0,
    device: str | torch.device | None = None,
    bootstrap: int = 1000,
    seed: int = 0,
    examples: int = 12,
    overwrite: bool = False,
    acknowledge_leakage: bool = False,
    progress: bool | None = None,
) -> Evaluation:
    """Compare a classifier's predictions with a dataset's labels, matched by name. Not for medical use.

    Args:
        classifier: A module that keeps the ``Classifier`` contract; without ``op_threshs`` a sigmoid is applied.
        dataset: Keeps the ``Dataset`` contract; its images are square and of one size.
        out: New folder for ``predictions.parquet``, ``metrics.csv``, ``run.json`` and ``report.html``.
        batch_size: Images at a time.
        num_workers: Processes that read images; 0 reads them in this one.
        device: Where to compute; default: where the classifier is.
        bootstrap: Resamples of the patients for the 95 % intervals; 0 for none.
        seed: Of the resampling and of the choice of examples.
        examples: Images shown in the report, drawn at random.
        overwrite: Replace an earlier evaluation in ``out``.
        acknowledge_leakage: Go on although the classifier was, or may have been, trained on these patients.
        progress: Show bars on stderr; default: only on a terminal.

    Raises:
        ArgumentError: Arguments that cannot be used, or no pathology in common.
        InputError: An image or an output that does not fit, naming the item.
        LeakageError: The classifier's training data and the dataset are known to overlap.
    """
    return _evaluate(classifier, dataset, dict(locals()))


def _evaluate(classifier: Any, dataset: Any, given: dict[str, Any]) -> Evaluation:
    from xrv_core.models import Loading, check_device
    from xrv_eval.inference import infer

    started, clock = datetime.now(UTC), time.perf_counter()
    arguments = _arguments(given)
    loading = Loading(
        arguments["batch_size"], arguments["num_workers"], check_device(given["device"]), given["progress"]
    )
    check_classifier(classifier)
    check_dataset(dataset, "evaluate")
    alignment = align(classifier, dataset)
    leaks = check_training_data(classifier, dataset, acknowledged=given["acknowledge_leakage"])
    out = None if given["out"] is None else result_folder(given["out"], given["overwrite"])
    shown = _draw(len(dataset), arguments["examples"] if out else 0, arguments["seed"])
    predicted = infer(classifier, dataset, alignment, shown, loading)
    frame = _frame(dataset, alignment, predicted)
    scores = _score(dataset, alignment, predicted, arguments, given["progress"])
    run = run_record(classifier, dataset, alignment, arguments, scores)
    run |= {"leakage": leaks, "image_size": list(predicted.shape), "started": started.isoformat(timespec="seconds")}
    run["seconds"] = round(time.perf_counter() - clock, 2)
    report = None
    if out is not None:
        report = write_results(out, Results(scores.table, frame, run, predicted.images))
    return Evaluation(scores.table, frame, run, report)


def _arguments(given: dict[str, Any]) -> dict[str, Any]:
    """The arguments that shape the result, checked, as plain data for the record."""
    least = {"batch_size": 1, "num_workers": 0, "bootstrap": 0, "seed": 0, "examples": 0}
    checked = {name: whole_number(name, given[name], low) for name, low in least.items()}
    return checked | {"device": None if given["device"] is None else str(given["device"])}


def _draw(items: int, number: int, seed: int) -> list[int]:
    """Items for the sheet of examples: a fair draw, so that it shows the usual and not the best."""
    drawn = np.random.default_rng(seed).choice(items, size=min(number, items), replace=False)
    return sorted(int(i) for i in drawn)


def _score(
    dataset: Any, alignment: Alignment, predicted: Predicted, arguments: dict[str, Any], progress: bool | None
) -> Scores:
    from tqdm import tqdm

    patients = dataset.csv["patientid"]
    names = [None if unknown else str(name) for name, unknown in zip(patients, patients.isna(), strict=True)]
    disable = None if progress is None else not progress
    with tqdm(total=arguments["bootstrap"], desc="bootstrap", unit="resample", disable=disable) as bar:
        return metrics_table(
            alignment.pathologies,
            np.asarray(dataset.labels)[:, alignment.dataset_columns],
            predicted.predictions,
            cluster_codes(names),
            bootstrap=arguments["bootstrap"],
            seed=arguments["seed"],
            advance=bar.update,
        )


def _frame(dataset: Any, alignment: Alignment, predicted: Predicted) -> pd.DataFrame:
    """One row per item: who it is, its labels, its predictions."""
    columns: dict[str, Any] = {"idx": np.arange(len(dataset))}
    for name in ("source_uid", "patientid", "view"):
        columns[name] = dataset.csv[name].astype("string").reset_index(drop=True)
    labels = np.asarray(dataset.labels, dtype=np.float32)[:, alignment.dataset_columns]
    for i, name in enumerate(alignment.pathologies):
        columns[f"label:{name}"] = labels[:, i]
        columns[f"prediction:{name}"] = predicted.predictions[:, i]
    return pd.DataFrame(columns)
