"""``evaluate(classifier, dataset)``, step by step."""

from __future__ import annotations

import time
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xrv_core.datasets import check_dataset, check_training_data
from xrv_core.errors import printable
from xrv_eval.alignment import Alignment, align, check_classifier
from xrv_eval.bootstrap import cluster_codes
from xrv_eval.metrics import SCORED, Scores, metrics_table
from xrv_eval.options import EvaluationOptions
from xrv_eval.output import Results, result_folder, write_results
from xrv_eval.record import run_record
from xrv_eval.table import mean_line, notes, summary_line, table_lines

if TYPE_CHECKING:
    import torch

    from xrv_core import Classifier, Dataset
    from xrv_eval.inference import Predicted

__all__ = ["Evaluation", "evaluate", "run_evaluation"]


@dataclass(frozen=True, repr=False)
class Evaluation:
    """The result of ``evaluate``. Not for medical use.

    Attributes:
        metrics: One row per pathology: counts, AUROC with its 95 % interval, AUPRC, sensitivity and specificity
            at 0.5, expected calibration error, Brier score. ``status`` says why a label is not scored.
        predictions: One row per item: ``idx``, ``source_uid``, ``patientid``, ``view``, and for every pathology
            ``label:NAME`` (1 / 0 / NaN) and ``prediction:NAME`` (0..1).
        run: The record of the run, as in ``run.json``: arguments, versions, weights and data.
        report: Path of the HTML report; None where nothing was written.
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
        lines = [summary_line(self.run), "", *table_lines(self.metrics, self.run), "", *notes(self.run)]
        return "\n".join(map(printable, lines))

    def __repr__(self) -> str:
        return str(self)

    def _repr_html_(self) -> str:
        """What a notebook shows: the metrics and what a reader must know. Every text is escaped."""
        table = self.metrics.to_html(index=False, border=0, na_rep="-", float_format="{:.3f}".format)
        lines = [mean_line(self.run), *notes(self.run), *([f"report: {self.report}"] if self.report else [])]
        text = "".join(f"<p>{escape(line)}</p>" for line in lines)
        return f"<div><strong>{escape(summary_line(self.run))}</strong>{table}{text}</div>"


def evaluate(
    classifier: Classifier,
    dataset: Dataset,
    *,
    out: str | Path | None = None,
    batch_size: int = EvaluationOptions.batch_size,
    num_workers: int = EvaluationOptions.num_workers,
    device: str | torch.device | None = None,
    bootstrap: int = EvaluationOptions.bootstrap,
    seed: int = EvaluationOptions.seed,
    examples: int = EvaluationOptions.examples,
    overwrite: bool = False,
    acknowledge_leakage: bool = False,
    raw_cells: bool = False,
    progress: bool | None = None,
) -> Evaluation:
    """Compare a classifier's predictions with a dataset's labels, matched by name. Not for medical use.

    Args:
        classifier: A module that follows the ``Classifier`` protocol; without ``op_threshs`` a sigmoid is applied.
        dataset: Follows the ``Dataset`` protocol; its images are square and of one size.
        out: New folder for ``predictions.parquet``, ``metrics.csv``, ``run.json`` and ``report.html``.
        batch_size: Images per batch.
        num_workers: Processes that read images; 0 reads them in this process.
        device: Where to compute; default: where the classifier is.
        bootstrap: Number of resamples of the patients for the 95 % intervals; 0 for no intervals.
        seed: Seed of the resampling and of the choice of examples.
        examples: Number of randomly drawn images in the report.
        overwrite: Replace an earlier evaluation in ``out``.
        acknowledge_leakage: Continue although the classifier was, or may have been, trained on these patients.
        raw_cells: Leave texts in ``metrics.csv`` as they are; else one that a spreadsheet would run as a formula
            begins with an apostrophe. ``run`` tells it as ``spreadsheet_safe``.
        progress: Whether to show progress bars on stderr; default: only on a terminal.

    Raises:
        ArgumentError: An argument is not valid, or there is no pathology in common.
        InputError: An image or an output does not fit; the message names the item.
        LeakageError: The classifier's training data and the dataset are known to overlap.
    """
    options = EvaluationOptions(
        out=out,
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        bootstrap=bootstrap,
        seed=seed,
        examples=examples,
        overwrite=overwrite,
        acknowledge_leakage=acknowledge_leakage,
        raw_cells=raw_cells,
        progress=progress,
    )
    return run_evaluation(classifier, dataset, options)


def run_evaluation(classifier: Any, dataset: Any, options: EvaluationOptions) -> Evaluation:
    """As ``evaluate``, with its options as one value."""
    from xrv_eval.inference import infer

    started, clock = datetime.now(UTC), time.perf_counter()
    loading = options.loading()
    check_classifier(classifier)
    check_dataset(dataset, "evaluate")
    alignment = align(classifier, dataset)
    leaks = check_training_data(classifier, dataset, acknowledged=options.acknowledge_leakage)
    folder = None if options.out is None else result_folder(options.out, options.overwrite)
    with folder.fresh() if folder else nullcontext() as fresh:  # nobody else writes there while this runs
        shown = _draw(len(dataset), options.examples if folder else 0, options.seed)
        predicted = infer(classifier, dataset, alignment, shown, loading)
        frame = _frame(dataset, alignment, predicted)
        scores = _score(dataset, alignment, predicted, options)
        run = run_record(classifier, dataset, alignment, options.recorded() | loading.recorded(), scores)
        run |= {
            "spreadsheet_safe": not options.raw_cells,
            "leakage": leaks,
            "image_size": list(predicted.shape),
            "started": started.isoformat(timespec="seconds"),
        }
        run["seconds"] = round(time.perf_counter() - clock, 2)
        if fresh:
            write_results(fresh, Results(scores.table, frame, run, predicted.images))
    return Evaluation(scores.table, frame, run, folder and folder.path / "report.html")


def _draw(items: int, number: int, seed: int) -> list[int]:
    """Items that the report shows as examples: drawn at random, so that they are typical."""
    drawn = np.random.default_rng(seed).choice(items, size=min(number, items), replace=False)
    return sorted(int(i) for i in drawn)


def _score(dataset: Any, alignment: Alignment, predicted: Predicted, options: EvaluationOptions) -> Scores:
    from tqdm import tqdm

    patients = dataset.csv["patientid"]
    names = [None if unknown else str(name) for name, unknown in zip(patients, patients.isna(), strict=True)]
    disable = None if options.progress is None else not options.progress
    with tqdm(total=options.bootstrap, desc="bootstrap", unit="resample", disable=disable) as bar:
        return metrics_table(
            alignment.pathologies,
            np.asarray(dataset.labels)[:, alignment.dataset_columns],
            predicted.predictions,
            cluster_codes(names),
            bootstrap=options.bootstrap,
            seed=options.seed,
            advance=bar.update,
        )


def _frame(dataset: Any, alignment: Alignment, predicted: Predicted) -> pd.DataFrame:
    """One row per item: its identity, labels and predictions."""
    columns: dict[str, Any] = {"idx": np.arange(len(dataset))}
    for name in ("source_uid", "patientid", "view"):
        columns[name] = dataset.csv[name].astype("string").reset_index(drop=True)
    labels = np.asarray(dataset.labels, dtype=np.float32)[:, alignment.dataset_columns]
    for i, name in enumerate(alignment.pathologies):
        columns[f"label:{name}"] = labels[:, i]
        columns[f"prediction:{name}"] = predicted.predictions[:, i]
    return pd.DataFrame(columns)
