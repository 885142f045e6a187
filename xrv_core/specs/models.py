"""The specs of classifiers, autoencoders and segmenters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from xrv_core.errors import SpecError
from xrv_core.specs.assets import Asset
from xrv_core.specs.base import Spec, check_unique
from xrv_core.specs.types import check_types

__all__ = ["ACTIVATIONS", "AutoencoderSpec", "ClassifierSpec", "ModelSpec", "ReferenceOutput", "SegmenterSpec"]

#: From logits to values: findings that do not exclude each other, one of several classes, a plain number.
ACTIVATIONS = ("sigmoid", "softmax", "identity")


@dataclass(frozen=True, kw_only=True)
class ReferenceOutput:
    """A published output of a model for one image. ``xrv verify`` runs the model again and compares.

    Attributes:
        image: The image.
        outputs: Published numbers by name: of a classifier's ``predict``; of a segmenter the share of
            the image that each structure covers; of an autoencoder those of ``xrv verify``.
        source: Where they were published.
        resize: Resized beforehand to this height and width as ``XRayResizer`` does; None leaves the
            resize to the model. The centre square is cropped first in either case.
        tolerance: Largest absolute difference that still counts as equal.
        note: Why the outputs may differ.
        options: Options of the model's factory with which the numbers were made.
    """

    image: Asset
    outputs: Mapping[str, float] = field(hash=False)
    source: str
    resize: int | None = None
    tolerance: float = 1e-3
    note: str = ""
    options: Mapping[str, str] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        check_types(self)
        if not self.outputs or not self.source.strip():
            raise SpecError(f"The reference output of {self.image.name!r} needs numbers and a source.")


@dataclass(frozen=True, kw_only=True)
class ModelSpec(Spec):
    """The fields of all models.

    Attributes:
        architecture: Network, such as ``"densenet121"``.
        parameters: Number of trainable parameters, None if not counted.
        input_resolution: Height and width in pixels that the network needs, None for any.
        training_data: Registry names of the datasets it was trained on; ``name:split`` where it was one split only.
        weights: The weights file, None where there is none to fetch.
        weights_given: True if only the user can obtain the weights: the path must be given.
        weights_file: Path of a file on this machine that holds the weights, of a saved model.
        reference_outputs: Published outputs for published images.
        reported: Results that were published, by where and on what, then by label:
            ``{"AUROC on CheXpert valid, README of X": {"Edema": 0.94}}``.
    """

    architecture: str = ""
    parameters: int | None = None
    input_resolution: int | None = None
    training_data: tuple[str, ...] = ()
    weights: Asset | None = None
    weights_given: bool = False
    weights_file: str = ""
    reference_outputs: tuple[ReferenceOutput, ...] = ()
    reported: Mapping[str, Mapping[str, float]] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.weights_given and self.weights is not None:
            raise SpecError(f"Spec {self.name!r}: 'weights_given' is for weights without an address; it has one.")


@dataclass(frozen=True, kw_only=True)
class ClassifierSpec(ModelSpec):
    """A classifier, of findings or of another attribute of the patient or the image.

    Attributes:
        pathologies: Names of the output columns, in order.
        trained: Which columns were ever trained; empty means all of them.
        op_threshs: Operating point of each column's sigmoid output, None for an untrained one;
            empty where the model has none.
        task: What the columns are, such as ``"findings"`` or ``"patient sex"``.
        activation: One of ``ACTIVATIONS``: how ``predict`` turns logits into values.
        unit: Unit of the values where ``activation`` is "identity", such as ``"years"``.
    """

    pathologies: tuple[str, ...] = ()
    trained: tuple[bool, ...] = ()
    op_threshs: tuple[float | None, ...] = ()
    task: str = "findings"
    activation: str = "sigmoid"
    unit: str = ""

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unique(self.name, "pathologies", self.pathologies)
        if not self.trained:
            object.__setattr__(self, "trained", (True,) * len(self.pathologies))
        for key in ("trained", "op_threshs"):
            values = getattr(self, key)
            if values and len(values) != len(self.pathologies):
                raise SpecError(
                    f"Spec {self.name!r}: {key!r} has {len(values)} values for {len(self.pathologies)} pathologies."
                )
        if any(t is not None and not 0 < t < 1 for t in self.op_threshs):
            raise SpecError(f"Spec {self.name!r}: every value of 'op_threshs' must be between 0 and 1.")
        check_activation(self.name, self.activation)
        if self.op_threshs and self.activation != "sigmoid":
            raise SpecError(f"Spec {self.name!r}: 'op_threshs' are points of a sigmoid, not of {self.activation!r}.")


@dataclass(frozen=True, kw_only=True)
class AutoencoderSpec(ModelSpec):
    """An autoencoder.

    Attributes:
        code_shape: Shape of the code of one image, without the batch dimension.
        codebook: Number of entries of the codebook, None where codes are not quantised.
    """

    code_shape: tuple[int, ...] = ()
    codebook: int | None = None

    def __post_init__(self) -> None:
        super().__post_init__()


@dataclass(frozen=True, kw_only=True)
class SegmenterSpec(ModelSpec):
    """A segmenter of anatomy or findings.

    Attributes:
        structures: Names of the masks, in order.
        activation: "sigmoid" where structures may overlap, "softmax" where each pixel is one of them.
    """

    structures: tuple[str, ...] = ()
    activation: str = "sigmoid"

    def __post_init__(self) -> None:
        super().__post_init__()
        check_unique(self.name, "structures", self.structures)
        check_activation(self.name, self.activation)


def check_activation(name: str, activation: str) -> None:
    """SpecError unless ``activation`` is one of ``ACTIVATIONS``."""
    if activation not in ACTIVATIONS:
        raise SpecError(f"Spec {name!r}: activation={activation!r} is not one of {', '.join(ACTIVATIONS)}.")
