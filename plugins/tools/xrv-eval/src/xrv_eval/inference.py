"""Predictions of a classifier for every item of a dataset, in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrv_core.errors import InputError
from xrv_core.models import Batch, Loading, run_over
from xrv_eval.alignment import Alignment

__all__ = ["Predicted", "infer"]


@dataclass(frozen=True)
class Predicted:
    """The result of inference.

    Attributes:
        predictions: float32 ``[N, P]`` in 0..1, columns in the order of the alignment.
        images: The requested images by item: float32 ``[H, W]`` in [-1024, 1024], the input of the classifier.
        shape: Height and width of every image.
    """

    predictions: NDArray[np.float32]
    images: dict[int, NDArray[np.float32]] = field(default_factory=dict)
    shape: tuple[int, int] = (0, 0)


def infer(classifier: Any, dataset: Any, alignment: Alignment, keep: Sequence[int], loading: Loading) -> Predicted:
    """Run ``classifier`` over ``dataset``.

    Args:
        classifier: Runs in evaluation mode; afterwards its modes are as before.
        dataset: N items.
        alignment: The columns to keep.
        keep: Items whose image is kept.
        loading: How to read and compute.

    Raises:
        InputError: An image does not fit into its batch, or labels differ from ``dataset.labels``; or an output has
            the wrong shape, NaN for a trained head, or, of a calibrated classifier, a value outside 0..1.
    """
    wanted, kept, rows = set(keep), {}, []

    def take(batch: Batch) -> None:
        rows.append(_checked(classifier, batch, alignment))
        kept.update({n: batch.images[i, 0].numpy().copy() for i, n in enumerate(batch.numbers) if n in wanted})

    shape = run_over(classifier, dataset, take, loading)
    return Predicted(np.concatenate(rows), kept, shape)


def _checked(classifier: Any, batch: Batch, alignment: Alignment) -> NDArray[np.float32]:
    """The evaluated columns of one batch's output, as probabilities."""
    output, expected = batch.output, (len(batch.numbers), len(classifier.pathologies))
    if not isinstance(output, torch.Tensor) or tuple(output.shape) != expected:
        got = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
        raise InputError(
            f"The classifier gave {got} for {expected[0]} images and {expected[1]} pathologies, "
            f"expected a tensor of shape {expected}."
        )
    columns = output[:, alignment.classifier_columns].to(torch.float32)
    values: NDArray[np.float32] = (columns.sigmoid() if classifier.op_threshs is None else columns).cpu().numpy()
    for row, column in np.argwhere(np.isnan(values))[:1]:
        raise InputError(
            f"{batch.names[row]}: the classifier's output for {alignment.pathologies[column]!r} is NaN, "
            "although that head is trained. Look for NaN in the pixels of this item, in the weights and in op_threshs."
        )
    for row, column in np.argwhere((values < 0) | (values > 1))[:1]:
        raise InputError(
            f"{batch.names[row]}: the classifier's output for {alignment.pathologies[column]!r} is "
            f"{values[row, column]:.4g}, but with op_threshs set it must be in 0..1. "
            "Set op_threshs = None if the output is logits."
        )
    return values
