"""``extract_features(model, dataset)``: run every item through the model once."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from xrv_core import NOT_MEDICAL, Autoencoder, Classifier, Dataset
from xrv_core.cli import ResultFolder
from xrv_core.datasets import check_dataset
from xrv_core.errors import ArgumentError, InputError
from xrv_core.models import Batch, Loading, about_dataset, about_model, as_json, run_over, versions, write_record
from xrv_features import __version__
from xrv_features.items import dataset_name, items_table
from xrv_features.options import FILES, NOUN, ExtractionOptions
from xrv_features.table import FEATURES, RECORD, Features, MemoryRows, ParquetRows

__all__ = ["Extraction", "extract_features"]


def extract_features(
    model: Classifier | Autoencoder,
    dataset: Dataset,
    *,
    out: str | Path | None = None,
    pool: str = ExtractionOptions.pool,
    columns: Iterable[str] = (),
    batch_size: int = ExtractionOptions.batch_size,
    num_workers: int = ExtractionOptions.num_workers,
    device: str | torch.device | None = None,
    overwrite: bool = False,
    progress: bool | None = None,
) -> Features:
    """The features of every item of ``dataset``, in its order. Not for medical use.

    Args:
        model: A classifier, for its ``features``, or an autoencoder, for its codes (``encode``).
        dataset: Follows the ``Dataset`` protocol; its images are square and of one size.
        out: New folder for ``features.parquet`` and ``features.json``. The features are written batch by batch and
            read again when they are needed. None keeps them in memory.
        pool: How to make vectors of codes ``[B, C, h, w]``: "flatten" keeps all C * h * w numbers, "mean" averages
            over positions and leaves C.
        columns: More columns of ``dataset.csv`` for ``items``.
        batch_size: Images per batch.
        num_workers: Processes that read images; 0 reads them in this process.
        device: Where to compute; default: where the model is.
        overwrite: Replace an earlier result in ``out``.
        progress: Whether to show a progress bar on stderr; default: only on a terminal.

    Raises:
        ArgumentError: An argument is not valid, or ``model`` is no model, or ``dataset`` no dataset.
        InputError: An image or an output does not fit; the message names the item.
    """
    options = ExtractionOptions(
        out=out,
        pool=pool,
        columns=columns,
        batch_size=batch_size,
        num_workers=num_workers,
        device=device,
        overwrite=overwrite,
        progress=progress,
    )
    extraction = Extraction.of(model, dataset, options)
    if out is None:
        return extraction.run()
    folder = ResultFolder(out, NOUN, FILES, overwrite)
    with folder.fresh() as fresh:
        found = extraction.run(fresh / FEATURES)
        write_record(fresh / RECORD, found.run)
    return replace(found, held=folder.path / FEATURES)


@dataclass(frozen=True)
class Extraction:
    """A checked model and dataset, ready to run.

    Attributes:
        model, dataset: The model, and the dataset it runs on.
        loading: How to read and compute.
        source: "features" or "encode": the method of the model.
        pool: One of ``POOLS``.
        items: Identity and labels of the rows.
    """

    model: Any
    dataset: Any
    loading: Loading
    source: str
    pool: str
    items: Any

    @classmethod
    def of(cls, model: Any, dataset: Any, options: ExtractionOptions) -> Extraction:
        """Check everything that can be checked before an image is read; errors as in ``extract_features``."""
        loading = options.loading()
        source = _source(model)
        check_dataset(dataset, "take features of")
        return cls(model, dataset, loading, source, options.pool, items_table(dataset, options.columns))

    def run(self, file: Path | None = None) -> Features:
        """All features, into ``file`` or into memory."""
        started, clock = datetime.now(UTC), time.perf_counter()
        vectors = _Vectors(self.source, self.pool)
        with MemoryRows(len(self.items)) if file is None else ParquetRows(file, self.items) as rows:
            call = getattr(self.model, self.source)
            size = run_over(self.model, self.dataset, vectors.into(rows.add), self.loading, call=call, verb="features")
        facts = {"dimension": vectors.dimension, "method": self.source, "shape": vectors.shape, "pool": self._pool()}
        run = self._record() | {"features": facts, "image_size": list(size)}
        run |= {"started": started.isoformat(timespec="seconds"), "seconds": round(time.perf_counter() - clock, 2)}
        return Features(self.items, vectors.dimension, as_json(run), rows.held)

    def _pool(self) -> str | None:
        return self.pool if self.source == "encode" else None

    def _record(self) -> dict[str, Any]:
        data = about_dataset(self.dataset)
        data["name"] = dataset_name(self.items, data["name"])
        data["datasets"] = [about_dataset(each) for each in getattr(self.dataset, "datasets", [])]
        return {
            "format": 1,
            "notice": NOT_MEDICAL,
            "model": about_model(self.model),
            "dataset": data,
            "arguments": {"pool": self.pool, **self.loading.recorded()},
            "versions": {"xrv_features": __version__} | versions(("torch", "numpy", "pandas", "pyarrow")),
        }


class _Vectors:
    """Turns the model's output into checked vectors."""

    def __init__(self, source: str, pool: str) -> None:
        self.source, self.pool = source, pool
        self.shape: list[int] = []
        self.dimension = 0

    def into(self, add: Callable[[NDArray[np.float32]], None]) -> Callable[[Batch], None]:
        return lambda batch: add(self._of(batch))

    def _of(self, batch: Batch) -> NDArray[np.float32]:
        output, images = batch.output, len(batch.numbers)
        dims = (2,) if self.source == "features" else range(2, 9)
        if not isinstance(output, torch.Tensor) or output.ndim not in dims or len(output) != images:
            got = (
                f"a tensor of shape {list(output.shape)}" if isinstance(output, torch.Tensor) else type(output).__name__
            )
            wanted = f"[{images}, D]" if self.source == "features" else f"[{images}, C, ...]"
            raise InputError(f"The model's {self.source}(x) gave {got} for {images} images, expected {wanted}.")
        shape = list(output.shape[1:])
        if self.shape and shape != self.shape:
            raise InputError(
                f"{batch.names[0]}: the model's {self.source}(x) gave the shape {shape} for one image, but "
                f"{self.shape} for the images before it."
            )
        pooled = output.flatten(2).mean(2) if self.pool == "mean" and output.ndim > 2 else output.flatten(1)
        values: NDArray[np.float32] = pooled.to(torch.float32).cpu().numpy()
        self.shape, self.dimension = shape, values.shape[1]
        for row, column in np.argwhere(~np.isfinite(values))[:1]:
            raise InputError(
                f"{batch.names[row]}: feature {column} is {values[row, column]}. "
                "Look for NaN in the pixels of this item and in the weights."
            )
        return values


def _source(model: Any) -> str:
    """The name of the model's method that computes features."""
    is_module: bool = isinstance(model, torch.nn.Module)
    if not is_module:
        raise ArgumentError(
            f"model must be a torch.nn.Module, got {type(model).__name__}. Load one by name with "
            "xrv_core.get_classifier(name) or xrv_core.get_autoencoder(name)."
        )
    has = {name: callable(getattr(model, name, None)) for name in ("features", "encode", "decode")}
    if has["encode"] and has["decode"]:  # first, because many networks have a part called `features`
        return "encode"
    if has["features"]:
        return "features"
    raise ArgumentError(
        f"The model ({type(model).__name__}) has neither features(x) -> [B, D], as classifiers do, nor encode(x) and "
        "decode(z), as autoencoders do. xrv_core.models.BackboneClassifier gives any network features."
    )
