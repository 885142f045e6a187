"""Fit operating points on held-out data: the threshold of each label that maximises TPR - FPR."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, InputError
from xrv_core.models.running.inference import Batch, Loading, run_over

__all__ = ["OperatingPoint", "fit_operating_points", "youden"]

#: Limits of thresholds: a float32 sigmoid can be 0 or 1, an operating point cannot.
LOWEST = np.finfo(np.float32).tiny
HIGHEST = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The operating point of one label, and the data of its fit.

    Attributes:
        pathology: The label.
        threshold: On the sigmoid output, in ]0, 1[; an output at or above it is positive. NaN if there is none.
        tpr: True positive rate (sensitivity) at the threshold, NaN if there is none.
        fpr: False positive rate (1 - specificity) at the threshold, NaN if there is none.
        positives: Number of images with the label.
        negatives: Number of images without the label.
        reason: Why there is no operating point, else "".
    """

    pathology: str
    threshold: float = math.nan
    tpr: float = math.nan
    fpr: float = math.nan
    positives: int = 0
    negatives: int = 0
    reason: str = ""


def fit_operating_points(
    model: Any,
    dataset: Any,
    *,
    batch_size: int = 16,
    num_workers: int = 0,
    progress: bool | None = None,
    acknowledge_leakage: bool = False,
) -> dict[str, OperatingPoint]:
    """Fit the operating points of a classifier on data it was not trained on, and attach them.

    For each label the threshold on the sigmoid output that maximises TPR - FPR (Youden's index), as in
    section 2.5 of arXiv:2111.00595. They replace ``model.op_threshs``: afterwards 0.5 is the operating point of
    the outputs of ``forward``. Labels without one get NaN, and so do their outputs: see ``reason``.

    Args:
        model: A classifier with the activation "sigmoid". Afterwards its modes are as before.
        dataset: Held-out data; its labels are matched by name.
        batch_size: Images per batch.
        num_workers: Processes that read images; 0 reads them in this process.
        progress: Whether to show a progress bar on stderr; None: only on a terminal.
        acknowledge_leakage: Continue although the model may have been trained on these patients.

    Returns:
        The operating point of each pathology of the model, in its order.

    Raises:
        ArgumentError: The activation is no sigmoid, no label can be fitted, or a label is neither 0, 1 nor NaN.
        InputError: The model rejects an image, or an output is NaN; the message names the item.
        LeakageError: The dataset is known to overlap with the model's training data.
    """
    from xrv_core.datasets import check_dataset, check_training_data  # models alone need no pandas

    check_training_data(model, dataset, acknowledged=acknowledge_leakage, uses=["trained"])
    check_dataset(dataset, "fit on")
    columns = _columns(model, dataset)
    outputs, known = (list(side) for side in zip(*columns.values(), strict=True))
    labels = _labels(dataset, known)
    scores = _scores(model, dataset, outputs, Loading(batch_size, num_workers, progress=progress))
    fitted = {name: youden(name, scores[:, i], labels[:, i]) for i, name in enumerate(columns)}
    found = _of_all_heads(model, fitted)
    if not any(point.threshold > 0 for point in found.values()):
        raise ArgumentError(_none(found, len(labels)))
    model.op_threshs = [point.threshold for point in found.values()]
    return found


def _none(found: dict[str, OperatingPoint], images: int) -> str:
    reasons = "; ".join(f"{name!r}: {point.reason}" for name, point in found.items())
    return f"No operating point can be fitted on this dataset of {images} images. {reasons}."


def _of_all_heads(model: Any, fitted: dict[str, OperatingPoint]) -> dict[str, OperatingPoint]:
    """``fitted``, and the reasons of the other heads, in the order of the model."""
    absent = {True: "the dataset has no such label", False: "this head was never trained"}
    return {
        name: fitted.get(name, OperatingPoint(pathology=name, reason=absent[bool(trained)]))
        for name, trained in zip(model.pathologies, model.trained, strict=True)
    }


def youden(pathology: str, scores: NDArray[np.floating[Any]], labels: NDArray[np.floating[Any]]) -> OperatingPoint:
    """The threshold that maximises TPR - FPR.

    Labels that are NaN (unknown) are left out. No threshold separates images of equal score, so they count
    together. Of maxima that are equal as float64 numbers, the highest threshold wins, the
    one with the fewest positives: that is the choice of ``numpy.argmax(tpr - fpr)`` over scikit-learn's
    ``roc_curve``. If no threshold is better than chance (TPR - FPR > 0), there is none.

    Args:
        pathology: The label.
        scores: ``[N]`` in 0..1.
        labels: ``[N]`` of 1, 0 or NaN.
    """
    known = ~np.isnan(labels)
    values = np.clip(_rounded_down(scores[known]), LOWEST, HIGHEST)
    order = np.argsort(-values, kind="stable")
    values, truth = values[order], labels[known][order] == 1
    positives, negatives = int(truth.sum()), int((~truth).sum())
    counts: dict[str, Any] = {"pathology": pathology, "positives": positives, "negatives": negatives}
    if not positives or not negatives:
        lacking = " or ".join(["positives"] * (not positives) + ["negatives"] * (not negatives))
        return OperatingPoint(**counts, reason=f"no {lacking} in the dataset")
    last = np.flatnonzero(np.append(values[:-1] != values[1:], True))  # of each group of equal values
    found = np.cumsum(truth)[last]
    false = last + 1 - found
    if len(last) > 2:  # a point inside a straight piece is not better than its ends, except by rounding
        bend = np.concatenate([[True], (np.diff(false, 2) != 0) | (np.diff(found, 2) != 0), [True]])
        last, found, false = last[bend], found[bend], false[bend]
    tpr, fpr = found / positives, false / negatives
    best = int(np.argmax(tpr - fpr))
    if tpr[best] <= fpr[best]:
        return OperatingPoint(**counts, reason="no threshold is better than chance (TPR - FPR is never above 0)")
    return OperatingPoint(**counts, threshold=float(values[last[best]]), tpr=float(tpr[best]), fpr=float(fpr[best]))


def _rounded_down(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """float32, rounded down: the image that gives the threshold must not be below it."""
    single = scores.astype(np.float32)
    down: NDArray[np.float32] = np.where(single > scores, np.nextafter(single, np.float32(0)), single)
    return down


def _columns(model: Any, dataset: Any) -> dict[str, tuple[int, int]]:
    """Names that the trained heads and the dataset share, with their columns in the output and in the labels."""
    activation = getattr(model, "activation", "sigmoid")
    if activation != "sigmoid":
        raise ArgumentError(f"Operating points need the activation 'sigmoid'; this model has {activation!r}.")
    outputs, labels = list(model.pathologies), list(dataset.pathologies)
    trained = [name for name, yes in zip(outputs, model.trained, strict=True) if yes]
    twice = sorted({name for name in labels if labels.count(name) > 1 and name in trained})
    if twice:
        raise ArgumentError(f"The dataset has the label {twice[0]!r} more than once: labels are matched by name.")
    columns = {name: (outputs.index(name), labels.index(name)) for name in trained if name in labels}
    if not columns:
        raise ArgumentError(
            "No trained head of the model is a label of the dataset. The model has "
            f"{', '.join(map(repr, trained)) or 'none'}, the dataset has {', '.join(map(repr, labels)) or 'none'}. "
            "Names must be equal: rename labels that have the same meaning."
        )
    return columns


def _scores(model: Any, dataset: Any, columns: list[int], loading: Loading) -> NDArray[np.floating[Any]]:
    """Sigmoid outputs ``[N, len(columns)]`` of these columns."""
    scores: list[NDArray[np.floating[Any]]] = []

    def take(batch: Batch) -> None:
        logits = batch.output[:, columns]
        for row, column in logits.isnan().nonzero().tolist()[:1]:
            name = model.pathologies[columns[column]]
            raise InputError(
                f"{batch.names[row]}: the model's output for {name!r} is NaN. Look for NaN in its weights."
            )
        wide = logits if logits.dtype == torch.float64 else logits.float()  # as in forward
        scores.append(wide.sigmoid().cpu().numpy())

    before, model.op_threshs = model.op_threshs, None
    try:
        run_over(model, dataset, take, loading, resize=True, verb="fit")
    finally:
        model.op_threshs = before
    return np.concatenate(scores)


def _labels(dataset: Any, columns: list[int]) -> NDArray[np.float32]:
    """The labels ``[N, len(columns)]`` of these columns, which must be findings."""
    found = np.asarray(dataset.labels, dtype=np.float32)[:, columns]
    for row, column in np.argwhere(~(np.isnan(found) | (found == 0) | (found == 1)))[:1]:
        raise ArgumentError(
            f"Item {row}: its label {dataset.pathologies[columns[column]]!r} is {found[row, column]:g}. Operating "
            "points are fitted on findings: 1 present, 0 absent, NaN unknown."
        )
    return found
