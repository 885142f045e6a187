"""The options of an extraction, shared by ``extract_features`` and ``xrv features``."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from xrv_core.errors import ArgumentError

if TYPE_CHECKING:
    import torch

    from xrv_core.models import Loading

__all__ = ["FEATURES", "FILES", "NOUN", "POOLS", "RECORD", "ExtractionOptions", "FeaturesOptions"]

FEATURES, RECORD = "features.parquet", "features.json"
#: Every file of a result folder, and the name of such a folder in messages.
FILES = (FEATURES, RECORD, "projection.csv", "projection.png", "projection.html")
NOUN = "extraction of features"
POOLS = ("flatten", "mean")


@dataclass(frozen=True, kw_only=True)
class ExtractionOptions:
    """How to extract features; ``extract_features`` explains each option."""

    out: str | Path | None = None
    pool: str = "flatten"
    columns: Iterable[str] = ()
    batch_size: int = 16
    num_workers: int = 0
    device: str | torch.device | None = None
    overwrite: bool = False
    progress: bool | None = None

    def __post_init__(self) -> None:
        if self.pool not in POOLS:
            raise ArgumentError(f"pool={self.pool!r} is not valid. Choose one of: {', '.join(POOLS)}.")

    def loading(self) -> Loading:
        """How items are read; errors as in ``Loading``."""
        from xrv_core.models import Loading

        return Loading(self.batch_size, self.num_workers, self.device, self.progress)


@dataclass(frozen=True, kw_only=True)
class FeaturesOptions(ExtractionOptions):
    """What ``xrv features`` takes beyond an extraction: the colours of its picture, and how to project."""

    out: str | Path = field()  # required here
    color: Sequence[str] = ()
    projection: str | None = None
    neighbors: int = 15
    min_dist: float = 0.1
    raw_cells: bool = False
    seed: int = 0
