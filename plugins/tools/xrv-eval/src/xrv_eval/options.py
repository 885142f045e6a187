"""The options of an evaluation, shared by ``evaluate`` and ``xrv evaluate``."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from xrv_core.models import Loading

__all__ = ["FILES", "EvaluationOptions"]

#: Every file of a result folder.
FILES = ("predictions.parquet", "metrics.csv", "run.json", "report.html")


@dataclass(frozen=True, kw_only=True)
class EvaluationOptions:
    """How to evaluate; ``evaluate`` explains each option."""

    out: str | Path | None = None
    batch_size: int = 16
    num_workers: int = 0
    device: str | torch.device | None = None
    bootstrap: int = 1000
    seed: int = 0
    examples: int = 12
    overwrite: bool = False
    acknowledge_leakage: bool = False
    raw_cells: bool = False
    progress: bool | None = None

    def __post_init__(self) -> None:
        from xrv_core.datasets import whole_number

        for name in ("bootstrap", "seed", "examples"):
            object.__setattr__(self, name, whole_number(name, getattr(self, name), 0))

    def loading(self) -> Loading:
        """How items are read; errors as in ``Loading``."""
        from xrv_core.models import Loading

        return Loading(self.batch_size, self.num_workers, self.device, self.progress)

    def recorded(self) -> dict[str, Any]:
        """The options that shape the result, as JSON data."""
        return {name: getattr(self, name) for name in ("bootstrap", "seed", "examples")}
