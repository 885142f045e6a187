"""The contracts that datasets and models keep, as typing protocols (duck typing: inherit nothing)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from types import FunctionType
from typing import TYPE_CHECKING, Any, NotRequired, Protocol, TypedDict, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import torch
    from numpy.typing import NDArray

__all__ = ["Autoencoder", "Classifier", "Dataset", "Sample", "Segmenter"]


class Sample(TypedDict):
    """One item of a dataset.

    ``img`` is a float32 tensor ``[1, H, W]`` in [-1024, 1024]; ``lab`` a float32 array ``[P]`` of 1 / 0 / NaN. Masks
    are float32 ``[1, H, W]`` in 0..1. ``source`` numbers the dataset in a merge, ``site`` that in a covariate shift.
    """

    idx: int
    img: torch.Tensor
    lab: NDArray[np.float32]
    pathology_masks: NotRequired[dict[int, torch.Tensor]]
    semantic_masks: NotRequired[dict[str, torch.Tensor]]
    source: NotRequired[int]
    site: NotRequired[int]


@runtime_checkable
class Dataset(Protocol):
    """A map-style dataset for ``torch.utils.data.DataLoader``.

    Attributes:
        pathologies: Label names, one for each column of ``labels``.
        labels: float32 ``[N, P]``: 1 present, 0 absent, NaN unknown (severity datasets hold scores).
        csv: N rows with a RangeIndex; row i belongs to item i. Always has ``patientid`` (str),
            ``view`` (str), ``offset_day_int`` (Int64, days), ``age_years`` (float), ``sex``
            ("M"/"F"/NA), ``has_masks`` (bool) and ``source_uid`` (str); NA where the source is silent.
        views: The views that are in the dataset.
    """

    @property
    def pathologies(self) -> list[str]: ...
    @property
    def labels(self) -> NDArray[np.float32]: ...
    @property
    def csv(self) -> pd.DataFrame: ...
    @property
    def views(self) -> list[str]: ...
    def __len__(self) -> int: ...
    def __getitem__(self, idx: int, /) -> Sample: ...
    def totals(self) -> dict[str, dict[float, int]]: ...


@runtime_checkable
class Classifier(Protocol):
    """A classifier; every concrete one is also a ``torch.nn.Module``.

    Attributes:
        pathologies: Names of the output columns.
        trained: Which columns were ever trained; the others are NaN in ``forward``.
        input_resolution: Height and width that the network wants; others are resized. None: any.
        op_threshs: float ``[P]`` operating points or None. Set: ``forward`` gives probabilities in which 0.5 is the
            operating point. None: ``forward`` gives logits.
    """

    pathologies: list[str]
    trained: list[bool]
    input_resolution: int | None
    op_threshs: torch.Tensor | None

    def forward(self, x: torch.Tensor) -> torch.Tensor: ...
    def features(self, x: torch.Tensor) -> torch.Tensor: ...
    def feature_maps(self, x: torch.Tensor) -> torch.Tensor: ...
    def predict(self, x: Any) -> dict[str, float] | list[dict[str, float]]: ...


@runtime_checkable
class Autoencoder(Protocol):
    """An autoencoder; every concrete one is also a ``torch.nn.Module``.

    ``decode`` gives images ``[B, 1, H, W]`` in [-1024, 1024]; ``forward`` gives
    ``{"z": code, "out": image}``.
    """

    input_resolution: int | None

    def encode(self, x: torch.Tensor) -> torch.Tensor: ...
    def decode(self, z: torch.Tensor) -> torch.Tensor: ...
    def forward(self, x: torch.Tensor) -> Mapping[str, torch.Tensor]: ...


@runtime_checkable
class Segmenter(Protocol):
    """A segmenter; every concrete one is also a ``torch.nn.Module``.

    Attributes:
        structures: Names of the K masks, in order.
        input_resolution: Height and width that the network wants; others are resized. None: any.

    ``forward`` gives logits ``[B, K, h, w]`` at the network's own resolution; ``predict`` gives
    ``{structure: float32 [H, W] in 0..1}`` at the size of the image, a list of them for a batch;
    ``maps`` gives the same for one image as pairs, one structure at a time.
    """

    structures: list[str]
    input_resolution: int | None

    def forward(self, x: torch.Tensor) -> torch.Tensor: ...
    def predict(
        self, x: Any, structures: Sequence[str] | None = None
    ) -> dict[str, torch.Tensor] | list[dict[str, torch.Tensor]]: ...
    def maps(self, x: Any, structures: Sequence[str] | None = None) -> Iterator[tuple[str, torch.Tensor]]: ...


def missing_members(thing: object, protocol: type) -> Sequence[str]:
    """Names of ``protocol`` that ``thing`` lacks, for messages that say more than 'no'."""
    own = [name for name, value in vars(protocol).items() if isinstance(value, property | FunctionType)]
    members = {*protocol.__annotations__, *own} - set(dir(object))  # Python 3.11 keeps no list of them
    return sorted(m for m in members if not hasattr(thing, m))
