"""Fit operating points on held-out data: the threshold of each label that maximises TPR - FPR."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrv_core.errors import ArgumentError, InputError, XrvError
from xrv_core.models.base.eval_mode import in_eval_mode
from xrv_core.models.base.inputs import check_input, resize_input

__all__ = ["OperatingPoint", "fit_operating_points", "youden"]

#: Thresholds lie between these: float32 sigmoids reach 0 and 1, operating points may not.
LOWEST = np.finfo(np.float32).tiny
HIGHEST = np.nextafter(np.float32(1), np.float32(0))


@dataclass(frozen=True, kw_only=True)
class OperatingPoint:
    """The operating point of one label, and what it was fitted on.

    Attributes:
        pathology: The label.
        threshold: On the sigmoid output, in ]0, 1[; at or above it counts as positive. NaN where there is none.
        tpr: True positive rate (sensitivity) at the threshold, NaN where there is none.
        fpr: False positive rate (1 - specificity) at the threshold, NaN where there is none.
        positives: Images of which the dataset says that they have it.
        negatives: Images of which the dataset says that they have it not.
        reason: Why there is no operating point, else empty.
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
    section 2.5 of arXiv:2111.00595. They replace ``model.op_threshs``: 0.5 is the operating point of what
    ``forward`` gives then. Labels without one get NaN, and so are their outputs: see ``reason``.

    Args:
        model: A classifier with the activation "sigmoid". Its modes are as before afterwards.
        dataset: Held-out data; its labels are matched by name.
        batch_size: Images at a time.
        num_workers: Processes that read images; 0: this one.
        progress: Whether to show a bar on stderr; None: only on a terminal.
        acknowledge_leakage: Go on although the model may have been trained on these patients.

    Returns:
        The operating point of each pathology of the model, in its order.

    Raises:
        ArgumentError: No sigmoid outputs, no label that can be fitted, or one that is neither 0, 1 nor NaN.
        InputError: An image that the model does not take, or an output that is NaN; the message names the item.
        LeakageError: The dataset is known to overlap with the model's training data.
    """
    from xrv_core.datasets import check_training_data  # models alone need no pandas

    check_training_data(model, dataset, acknowledged=acknowledge_leakage)
    columns = _columns(model, dataset)
    scores, labels = _scores(model, dataset, columns, (batch_size, num_workers, progress))
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
    """``fitted``, and for the other heads why there is none, in the model's order."""
    absent = {True: "the dataset has no such label", False: "this head was never trained"}
    return {
        name: fitted.get(name, OperatingPoint(pathology=name, reason=absent[bool(trained)]))
        for name, trained in zip(model.pathologies, model.trained, strict=True)
    }


def youden(pathology: str, scores: NDArray[np.floating[Any]], labels: NDArray[np.floating[Any]]) -> OperatingPoint:
    """The threshold that maximises TPR - FPR.

    Labels that are NaN (unknown) are left out. Images of equal score cannot be told apart by any threshold and
    are counted together. Between maxima that are equal as float64 numbers the highest threshold is taken, the
    one with the fewest positives: that is the choice of ``numpy.argmax(tpr - fpr)`` over scikit-learn's
    ``roc_curve``. Where no threshold does better than chance (TPR - FPR > 0), there is none.

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
    if len(last) > 2:  # a point in the middle of a straight piece is no better than its ends, but for rounding
        bend = np.concatenate([[True], (np.diff(false, 2) != 0) | (np.diff(found, 2) != 0), [True]])
        last, found, false = last[bend], found[bend], false[bend]
    tpr, fpr = found / positives, false / negatives
    best = int(np.argmax(tpr - fpr))
    if tpr[best] <= fpr[best]:
        return OperatingPoint(**counts, reason="no threshold does better than chance (TPR - FPR is never above 0)")
    return OperatingPoint(**counts, threshold=float(values[last[best]]), tpr=float(tpr[best]), fpr=float(fpr[best]))


def _rounded_down(scores: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
    """float32, never above: the image that gives the threshold must not fall below it."""
    single = scores.astype(np.float32)
    down: NDArray[np.float32] = np.where(single > scores, np.nextafter(single, np.float32(0)), single)
    return down


def _columns(model: Any, dataset: Any) -> dict[str, tuple[int, int]]:
    """Names that a trained head of the model and the dataset share: column in the output, column in the labels."""
    activation = getattr(model, "activation", "sigmoid")
    if activation != "sigmoid":
        raise ArgumentError(f"Operating points are points of a sigmoid; this model's activation is {activation!r}.")
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
            "Names are compared as written: rename one side if they mean the same."
        )
    return columns


def _scores(
    model: Any, dataset: Any, columns: dict[str, tuple[int, int]], loading: tuple[int, int, bool | None]
) -> tuple[NDArray[np.floating[Any]], NDArray[np.float32]]:
    """Sigmoid outputs and labels ``[N, len(columns)]``, in the order of ``columns``."""
    outputs, labels = (list(side) for side in zip(*columns.values(), strict=True))
    device = next(model.parameters(), torch.empty(0)).device
    scores, truth = [], []
    before, model.op_threshs = model.op_threshs, None
    try:
        with in_eval_mode(model), torch.no_grad():
            for numbers, images, labelled in _batches(dataset, model.input_resolution, *loading):
                logits = model(images.to(device))[:, outputs]
                for row, column in logits.isnan().nonzero().tolist()[:1]:
                    raise InputError(
                        f"Item {numbers[row]}: the model's output for {list(columns)[column]!r} is NaN. "
                        "Look for NaN in its weights."
                    )
                wide = logits if logits.dtype == torch.float64 else logits.float()  # as in forward
                scores.append(wide.sigmoid().cpu().numpy())
                truth.append(labelled[:, labels])
    finally:
        model.op_threshs = before
    found = np.concatenate(truth)
    for row, column in np.argwhere(~(np.isnan(found) | (found == 0) | (found == 1)))[:1]:
        raise ArgumentError(
            f"Item {row}: its label {list(columns)[column]!r} is {found[row, column]:g}. Operating points are "
            "fitted on findings: 1 present, 0 absent, NaN unknown."
        )
    return np.concatenate(scores), found


def _batches(
    dataset: Any, resolution: int | None, batch_size: int, num_workers: int, progress: bool | None
) -> Iterator[tuple[list[int], torch.Tensor, NDArray[np.float32]]]:
    """Numbers, images ``[B, 1, H, W]`` and labels ``[B, P]``, in order."""
    from tqdm import tqdm

    if not len(dataset):
        raise ArgumentError("The dataset has no items, so there is nothing to fit on.")
    items = _Items(dataset, resolution)
    loader: Any = torch.utils.data.DataLoader(
        items,  # type: ignore[arg-type]
        batch_size=batch_size,
        num_workers=num_workers,
        collate_fn=items.collate,
        generator=torch.Generator().manual_seed(0),  # else it draws from the global one
    )
    with tqdm(total=len(items), unit="image", disable=None if progress is None else not progress) as bar:
        for batch in loader:
            if isinstance(batch, XrvError):
                raise batch
            yield batch
            bar.update(len(batch[0]))


class _Items:
    """Images of one size, and labels. Typed errors are values: a worker process would wrap them in tracebacks."""

    def __init__(self, dataset: Any, resolution: int | None) -> None:
        self.dataset, self.resolution = dataset, resolution

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, number: int) -> tuple[int, torch.Tensor, NDArray[np.float32]] | XrvError:
        try:
            sample = self.dataset[number]
            image = torch.as_tensor(sample["img"]).as_subclass(torch.Tensor)
            # checked before it is resized, which would blur the traces of a wrong scale
            image = resize_input(check_input(image[None]), self.resolution)[0]
            return number, image, np.asarray(sample["lab"], dtype=np.float32)
        except InputError as error:
            return InputError(f"Item {number}: {error}")
        except XrvError as error:
            return error

    def collate(self, items: list[Any]) -> tuple[list[int], torch.Tensor, NDArray[np.float32]] | XrvError:
        for item in items:
            if isinstance(item, XrvError):
                return item
            if item[1].shape != items[0][1].shape:
                shape, first = list(item[1].shape), list(items[0][1].shape)
                return InputError(
                    f"Item {item[0]} has the shape {shape}, item {items[0][0]} has {first}, and the model has no "
                    "resolution of its own. Open the dataset with a transform that resizes."
                )
        numbers, images, labels = zip(*items, strict=True)
        return list(numbers), torch.stack(images), np.stack(labels)
