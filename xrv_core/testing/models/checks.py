"""Run the conformance kit for models: the functions that people call."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from xrv_core.api import describe, fetch
from xrv_core.errors import ArgumentError
from xrv_core.specs import KINDS, ModelSpec
from xrv_core.testing.common.results import Check, CheckResult, by_name, raise_failures, run_all
from xrv_core.testing.common.side_effects import SIDE_EFFECTS
from xrv_core.testing.models import autoencoder, build, classifier, devices, inputs, outputs, segmenter, spec, state
from xrv_core.testing.models.subject import ModelSubject

__all__ = [
    "AUTOENCODER_CHECKS", "CLASSIFIER_CHECKS", "MODEL_CHECKS", "MODEL_SPEC_CHECKS", "SEGMENTER_CHECKS",
    "check_autoencoder", "check_classifier", "check_segmenter", "model_subject", "run_model_checks",
]  # fmt: skip

_SPEC = {"classifier": (*spec.CHECKS, spec.spec_heads), "autoencoder": spec.CHECKS, "segmenter": spec.CHECKS}
_OWN = {"classifier": classifier.CHECKS, "autoencoder": autoencoder.CHECKS, "segmenter": segmenter.CHECKS}
_SHARED = (inputs.CHECKS, (outputs.gradient,), state.CHECKS, devices.CHECKS, SIDE_EFFECTS)

#: The checks that need no model, for each kind.
MODEL_SPEC_CHECKS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {kind: MappingProxyType(by_name(checks)) for kind, checks in _SPEC.items()}
)
#: All checks of each kind of model, by name, in the order in which they run.
MODEL_CHECKS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {kind: MappingProxyType(by_name(_SPEC[kind], build.CHECKS, _OWN[kind], *_SHARED)) for kind in _SPEC}
)
CLASSIFIER_CHECKS = MODEL_CHECKS["classifier"]
AUTOENCODER_CHECKS = MODEL_CHECKS["autoencoder"]
SEGMENTER_CHECKS = MODEL_CHECKS["segmenter"]


def check_classifier(classifier: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that a classifier keeps the contract; takes some seconds and needs no network.

    Args:
        classifier: A registered name, a spec, or a model that is already built (it is copied, and stays as it is).
        **arguments: As for ``run_model_checks``: ``exempt``, ``only``, ``options``, ``weights``.

    Returns:
        The result of each check; none failed.

    Raises:
        ConformanceError: Checks failed, or an exempted one passed; the message lists them all.
        ArgumentError: ``exempt`` or ``only`` names an unknown check, or a reason is missing.
    """
    return _checked("classifier", classifier, arguments)


def check_autoencoder(autoencoder: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that an autoencoder keeps the contract; arguments, result and errors as for ``check_classifier``."""
    return _checked("autoencoder", autoencoder, arguments)


def check_segmenter(segmenter: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that a segmenter keeps the contract; arguments, result and errors as for ``check_classifier``."""
    return _checked("segmenter", segmenter, arguments)


def _checked(kind: str, model: str | ModelSpec | nn.Module, arguments: dict[str, Any]) -> list[CheckResult]:
    results = run_model_checks(kind, model, **arguments)
    spec = None if isinstance(model, str) else getattr(model, "spec", model)
    raise_failures(model if isinstance(model, str) else getattr(spec, "name", type(model).__name__), results)
    return results


def run_model_checks(
    kind: str,
    model: str | ModelSpec | nn.Module,
    *,
    exempt: Mapping[str, str] | None = None,
    only: Iterable[str] | None = None,
    options: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
) -> list[CheckResult]:
    """Run the checks and return the result of each; a failed check raises nothing.

    If the network takes any size, a smaller ``input_resolution`` saves time:
    ``dataclasses.replace(xrv_core.describe_classifier(NAME), input_resolution=64)``.

    Args:
        kind: "classifier", "autoencoder" or "segmenter".
        model: A registered name, a spec, or a model that is already built.
        exempt: Checks that cannot hold, each with the reason.
        only: Names of the checks to run; None runs all of ``MODEL_CHECKS[kind]``.
        options: Options of the factory, such as ``{"pathologies": ["Mass"]}`` for ``timm/...``.
        weights: None for random weights, "default" for the published ones, or the path of a file.

    Raises:
        ArgumentError: An unknown name, an exemption without a reason, or arguments that do not fit together.
        AssetError: The published weights cannot be fetched.
    """
    return run_all(
        _checks(kind),
        lambda folder: model_subject(kind, model, folder, options=options, weights=weights),
        exempt,
        only,
    )


def model_subject(
    kind: str,
    model: str | ModelSpec | nn.Module,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
) -> ModelSubject:
    """The model that the checks look at; arguments and errors as for ``run_model_checks``."""
    _checks(kind)
    if isinstance(model, nn.Module):
        if options or weights is not None:
            raise ArgumentError("options and weights are for building a model, but this one is already built.")
        spec = getattr(model, "spec", None)
        return ModelSubject(kind, spec if isinstance(spec, ModelSpec) else None, folder, given=model)
    found = describe(kind, model) if isinstance(model, str) else model
    if not isinstance(found, KINDS[kind]):
        raise ArgumentError(f"{model!r} is not a {kind}: give a registered name, a {KINDS[kind].__name__} or a model.")
    spec = cast("ModelSpec", found)
    return ModelSubject(kind, spec, folder, weights=_path(spec, weights), options=options)


def _path(spec: ModelSpec, weights: str | Path | None) -> Path | None:
    """The weights file; it is fetched now, since checks run without network."""
    if weights != "default":
        return None if weights is None else Path(weights)
    if spec.weights is None:
        raise ArgumentError(f"{spec.name!r} has no published weights: give weights=PATH, or None for random ones.")
    return fetch(spec.weights)


def _checks(kind: str) -> Mapping[str, Check]:
    if kind not in MODEL_CHECKS:
        raise ArgumentError(f"kind={kind!r}: give one of {', '.join(MODEL_CHECKS)}.")
    return MODEL_CHECKS[kind]
