"""BackboneClassifier: any backbone behind the common interface of classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import fx, nn

from xrv_core.errors import ArgumentError
from xrv_core.models.base.backbones import Adapter, Extractor, Parts, pooled
from xrv_core.models.base.eval_mode import in_eval_mode
from xrv_core.models.base.heads import columns_of, wraps
from xrv_core.models.base.image_model import ImageModel
from xrv_core.models.base.inputs import as_batch
from xrv_core.models.base.outputs import activated, apply_operating_points, handed_out, masked
from xrv_core.specs import ClassifierSpec
from xrv_core.specs.models import ACTIVATIONS

__all__ = ["BackboneClassifier"]


class BackboneClassifier(ImageModel):
    """A classifier for chest X-rays made of a backbone and a linear layer. Not for medical use.

    Any size of square image is resized to ``input_resolution``. With ``op_threshs`` set, the output
    is the calibrated probability of Eq. 1 of the TorchXRayVision paper (arXiv:2111.00595), where
    0.5 is the operating point; with ``op_threshs = None`` it is the logits. Columns whose head was
    never trained are NaN; their gradient is 0, so the other columns stay differentiable.

    To fine-tune, replace the linear layer as in section 4 of the paper::

        model.op_threshs = None
        model.classifier = torch.nn.Linear(1024, 1)

    Any module that takes the features may take its place: it gives one column for each pathology. With
    ``torch.nn.Identity()``, or another one that gives what it gets, the output is the features: there are no
    pathologies, and ``predict`` raises.

    A new layer resets what was known of the old one: every column counts as trained, there are no
    operating points, the activation is "sigmoid", and the names stay only if their number fits (else
    ``output_0``, ...; assign ``model.pathologies``). A change of the old layer in place is not noticed
    and resets nothing, nor does a wrapper of the old layer that gives the same, such as an untrained adapter.

    Args:
        backbone: Network without its head. ``backbone(x)`` gives ``[B, D]`` or ``[B, D, h, w]``
            (then averaged), unless ``features`` is given. Or the name of a timm network, such as
            ``"convnext_tiny"``: arguments that are not given below are then timm's own.
        pathologies: Names of the output columns.
        num_features: D, the length of the feature vector; None: computed from one blank image.
        features: ``(backbone, x) -> [B, D]``; default: a call of the backbone.
        feature_maps: ``(backbone, x) -> [B, C, h, w]``; default: a call of the backbone.
        trained: Which columns were trained, default all.
        op_threshs: Operating point of each column in ]0, 1[ (None or NaN where there is none),
            default no calibration.
        input_resolution: Height and width of the backbone's input, None for any.
        adapt: From ``[B, 1, H, W]`` in [-1024, 1024] to what the backbone expects, default nothing.
        activation: How ``predict`` turns logits into values: "sigmoid" for findings, "softmax" for classes
            that exclude each other, "identity" for plain numbers; default that of ``spec``, else "sigmoid".
        spec: The spec of the model.
        **timm_options: For a timm network: ``pretrained=True`` loads timm's own weights from the
            Hugging Face hub; other options are arguments of ``timm.create_model``, such as ``in_chans=1``.

    Attributes:
        classifier: The replaceable last layer, at first an ``nn.Linear``.
        pathologies: ``list[str]``.
        trained: ``list[bool]``.
        op_threshs: Float tensor ``[P]`` or None; a sequence may be assigned. A buffer that moves
            with the model and is not in its state dict.
        input_resolution: ``int`` or None.
        activation: ``str``.
        spec: The ``ClassifierSpec`` given, or None.
        recipe: How to build the backbone again, as plain data; None if it was built by other code.

    Raises:
        ArgumentError: Arguments contradict each other, or a missing one cannot be found.
        UnknownName: timm has no such network.
        UnknownAttribute: An assignment to a name, such as ``fc``, that would change nothing.
        AssetError: Pretrained weights cannot be fetched.
    """

    classifier: nn.Module
    pathologies: list[str]
    trained: list[bool]
    op_threshs: torch.Tensor | None
    activation: str

    assignable: ClassVar[tuple[str, ...]] = (
        *ImageModel.assignable, "backbone", "classifier", "pathologies", "op_threshs",
    )  # fmt: skip
    confused: ClassVar[dict[str, str]] = {
        **ImageModel.confused,
        **dict.fromkeys(("fc", "head", "heads", "last_linear", "classification_head"), "classifier"),
        **dict.fromkeys(("op_threshold", "op_points", "operating_points", "thresholds", "threshs"), "op_threshs"),
        **dict.fromkeys(("pathology", "classes", "class_names", "labels", "targets"), "pathologies"),
    }

    def __init__(
        self,
        backbone: nn.Module | str,
        pathologies: Sequence[str],
        *,
        num_features: int | None = None,
        features: Extractor | None = None,
        feature_maps: Extractor | None = None,
        trained: Sequence[bool] | None = None,
        op_threshs: Sequence[float | None] | torch.Tensor | None = None,
        input_resolution: int | None = None,
        adapt: Adapter | None = None,
        activation: str | None = None,
        spec: ClassifierSpec | None = None,
        **timm_options: Any,
    ) -> None:
        super().__init__()
        names = _names(pathologies)
        given = {
            "num_features": num_features, "features": features, "feature_maps": feature_maps,
            "adapt": adapt, "input_resolution": input_resolution,
        }  # fmt: skip
        parts = Parts.of(backbone, given, timm_options, spec.name if spec else "")
        self.backbone = parts.backbone
        self.adapt = nn.Identity() if parts.adapt is None else parts.adapt
        self.input_resolution = parts.input_resolution
        self.spec = spec
        self.recipe = parts.recipe
        self._features = parts.features
        self._feature_maps = parts.feature_maps
        self.register_buffer("op_threshs", None, persistent=False)
        self._width, self._outputs = parts.width, len(names)
        self.classifier = nn.Linear(self._width, self._outputs)
        self.pathologies = names
        self.trained = [True] * len(names) if trained is None else list(trained)
        self.activation = activation or (spec.activation if spec else "sigmoid")
        self.op_threshs = self._thresholds(op_threshs)

    # -- outputs

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Calibrated probabilities or logits, untrained columns NaN.

        Args:
            x: Float tensor ``[B, 1, H, W]`` in [-1024, 1024].

        Returns:
            ``[B, P]``: probabilities in 0..1 with 0.5 at the operating point, or logits where
            ``op_threshs`` is None.

        Raises:
            InputError: Wrong type, shape, range, or not square; on every call.
        """
        out = self.logits(x)
        return out if self.op_threshs is None else _calibrated(out, self.op_threshs)

    def logits(self, x: torch.Tensor) -> torch.Tensor:
        """The output before ``op_threshs``: ``[B, P]``, untrained columns NaN; arguments and errors as in ``forward``.

        Take these for saliency maps and gradients: calibrated probabilities are flat where they are near 0 or 1.
        """
        return masked(self.classifier(self.features(x)), self.trained)

    def features(self, x: torch.Tensor) -> torch.Tensor:
        """Feature vectors ``[B, D]``, the input of ``classifier``; arguments and errors as in ``forward``.

        They may be changed in place, as those of ``feature_maps``: gradients stay right.
        """
        return _vectors(pooled(self.backbone, self._prepare(x), self._features), self._width)

    def feature_maps(self, x: torch.Tensor) -> torch.Tensor:
        """The last maps ``[B, C, h, w]`` before pooling; arguments and errors as in ``forward``."""
        x = self._prepare(x)
        return _maps(self.backbone(x) if self._feature_maps is None else self._feature_maps(self.backbone, x))

    def predict(self, x: torch.Tensor | NDArray[np.generic]) -> dict[str, float] | list[dict[str, float]]:
        """Probabilities by name, of trained heads only. Not for medical use.

        Calibrated (0.5 is the operating point) if ``op_threshs`` is set, else the logits after
        ``activation``: plain sigmoid or softmax, or the number itself. Runs without gradients and
        in evaluation mode on the model's device; the modes of all submodules stay.

        Args:
            x: Float tensor or array in [-1024, 1024]: one image ``[1, H, W]`` or ``[H, W]``, or a
                batch ``[B, 1, H, W]``.

        Returns:
            ``{pathology: probability}`` for one image, a list of them for a batch.

        Raises:
            InputError: As in ``forward``.
            ArgumentError: ``classifier`` gives features only.
        """
        if not self.pathologies:
            raise ArgumentError(
                f"The classifier of this model, {type(self.classifier).__name__}, gives the features back: there is "
                "nothing to predict. Call features(x), or assign a layer: "
                f"model.classifier = torch.nn.Linear({self._width}, 1)."
            )
        batch, single = as_batch(x)
        with in_eval_mode(self), torch.no_grad():  # not inference_mode: backbones may cache tensors for training
            probabilities = self._probabilities(self(batch.to(self._like(batch).device)))
        rows = [
            {name: p for name, p, trained in zip(self.pathologies, row, self.trained, strict=True) if trained}
            for row in probabilities.tolist()
        ]
        return rows[0] if single else rows

    def _probabilities(self, out: torch.Tensor) -> torch.Tensor:
        """The values of ``predict``, from the output of ``forward``."""
        return out if self.op_threshs is not None else activated(out, self.activation)

    def _prepare(self, x: torch.Tensor) -> torch.Tensor:
        return self.adapt(self._resized(x))

    # -- attributes that may be assigned

    def __setattr__(self, name: str, value: Any) -> None:
        if name == "classifier":
            self._set_classifier(value)
            return
        if name == "op_threshs":
            value = self._thresholds(value)
        elif name == "pathologies":
            value = _names(value)
        elif name == "trained":
            value = [bool(t) for t in value]
        elif name == "backbone":
            self.recipe = None  # it was that of the old backbone
        elif name == "activation" and value not in ACTIVATIONS:
            raise ArgumentError(f"activation={value!r} is not one of {', '.join(ACTIVATIONS)}.")
        if name in ("pathologies", "trained") and len(value) != self._outputs:
            raise ArgumentError(f"{name} has {len(value)} values for the {self._outputs} outputs of the classifier.")
        super().__setattr__(name, value)

    def _set_classifier(self, layer: Any) -> None:
        before = self._modules.get("classifier")
        outputs = columns_of(layer, self._width)
        same = before is not None and wraps(layer, before, self._width)
        super().__setattr__("classifier", layer)
        if before is None or same:
            return
        self._outputs = outputs
        if len(self.pathologies) != outputs:
            super().__setattr__("pathologies", [f"output_{i}" for i in range(outputs)])
        self.trained = [True] * outputs
        self.op_threshs = None
        self.activation = "sigmoid"

    def _thresholds(self, values: Sequence[float | None] | torch.Tensor | None) -> torch.Tensor | None:
        """``values`` as a checked tensor on the model's device."""
        if values is None:
            return None
        if self.activation != "sigmoid":
            raise ArgumentError(f"op_threshs are points of a sigmoid; this model's activation is {self.activation!r}.")
        if isinstance(values, torch.Tensor):
            tensor = values.detach().float()
        else:
            plain = [float("nan") if v is None else float(v) for v in values]
            tensor = torch.tensor(plain, dtype=torch.float32)
        if tensor.shape != (self._outputs,):
            raise ArgumentError(
                f"op_threshs of shape {list(tensor.shape)} do not fit the {self._outputs} outputs "
                "of the classifier: give one operating point for each."
            )
        if bool(((tensor <= 0) | (tensor >= 1)).any()):
            raise ArgumentError("Every value of op_threshs must lie between 0 and 1, NaN or None where there is none.")
        return tensor.to(self._like(tensor).device)

    def __repr__(self) -> str:
        name = self.spec.name if self.spec else type(self.backbone).__name__
        side = self.input_resolution
        size = "any size" if side is None else f"{side} x {side} pixels"
        output = "logits" if self.op_threshs is None else "calibrated probabilities"
        heads = f"{sum(self.trained)} of {len(self.trained)} pathologies trained"
        return f"<{type(self).__name__} {name}: {heads}, input {size}, output {output}>"


def _calibrated(logits: torch.Tensor, op_threshs: torch.Tensor) -> torch.Tensor:
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return apply_operating_points(wide.sigmoid(), op_threshs)


def _vectors(out: torch.Tensor, width: int) -> torch.Tensor:
    if out.ndim != 2 or out.shape[1] != width:
        raise ArgumentError(
            f"The backbone gives features of shape {list(out.shape)}, the classifier takes [B, {width}]. "
            "Give the right num_features, or features=(backbone, x) -> [B, D]."
        )
    return handed_out(out)


def _maps(out: torch.Tensor) -> torch.Tensor:
    if out.ndim != 4:
        raise ArgumentError(
            f"The backbone gives a tensor of shape {list(out.shape)}, which is not a map. "
            "Give feature_maps=(backbone, x) -> [B, C, h, w] to BackboneClassifier."
        )
    return handed_out(out)


for _step in ("_calibrated", "_maps", "_vectors", "masked"):
    fx.wrap(_step)  # one step of a graph that fx traces: it looks at shapes or types


def _names(pathologies: Sequence[str]) -> list[str]:
    names = [] if isinstance(pathologies, str) else list(pathologies)
    if not names or not all(isinstance(n, str) and n for n in names) or len(set(names)) != len(names):
        raise ArgumentError(
            "pathologies must be a list of different, non-empty names, like ['Mass', 'Nodule']; got "
            f"{repr(pathologies)[:200]}."
        )
    return names
