"""Run the conformance kit for models: the functions that people call."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

from torch import nn

from xrv_core.api import describe, fetch
from xrv_core.errors import ArgumentError
from xrv_core.specs import KINDS, ModelSpec
from xrv_core.testing.common.results import Check, CheckResult, check_exemptions, chosen_checks, raise_failures, run
from xrv_core.testing.models import (
    autoencoder,
    build,
    classifier,
    devices,
    gradients,
    inputs,
    segmenter,
    side_effects,
    spec,
    state,
)
from xrv_core.testing.models.subject import ModelSubject

__all__ = [
    "AUTOENCODER_CHECKS",
    "CLASSIFIER_CHECKS",
    "MODEL_CHECKS",
    "MODEL_SPEC_CHECKS",
    "SEGMENTER_CHECKS",
    "check_autoencoder",
    "check_classifier",
    "check_segmenter",
    "model_subject",
    "run_model_checks",
]


def _by_name(*checks: Iterable[Check]) -> Mapping[str, Check]:
    return MappingProxyType({check.__name__: check for group in checks for check in group})


def _of_kind(own: Iterable[Check], spec_checks: Iterable[Check]) -> Mapping[str, Check]:
    return _by_name(
        spec_checks,
        build.CHECKS,
        own,
        inputs.CHECKS,
        gradients.CHECKS,
        state.CHECKS,
        devices.CHECKS,
        side_effects.CHECKS,
    )


_HEADS = (*spec.CHECKS, spec.spec_heads)

#: Every check of a classifier, by name, in the order in which they run.
CLASSIFIER_CHECKS = _of_kind(classifier.CHECKS, _HEADS)
#: Every check of an autoencoder.
AUTOENCODER_CHECKS = _of_kind(autoencoder.CHECKS, spec.CHECKS)
#: Every check of a segmenter.
SEGMENTER_CHECKS = _of_kind(segmenter.CHECKS, spec.CHECKS)

#: The checks of each kind of model.
MODEL_CHECKS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {"classifier": CLASSIFIER_CHECKS, "autoencoder": AUTOENCODER_CHECKS, "segmenter": SEGMENTER_CHECKS}
)
#: Those that need no model, by kind.
MODEL_SPEC_CHECKS: Mapping[str, Mapping[str, Check]] = MappingProxyType(
    {kind: _by_name(_HEADS if kind == "classifier" else spec.CHECKS) for kind in MODEL_CHECKS}
)


def check_classifier(classifier: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that a classifier keeps the contract; takes some seconds and needs no network.

    Args:
        classifier: A registered name, a spec, or a model that is built already (it is copied, and stays as it is).
        **arguments: As of ``run_model_checks``: ``exempt``, ``only``, ``options``, ``weights``.

    Returns:
        What came of every check; none failed.

    Raises:
        ConformanceError: Checks failed, or an exempted one passed; the message lists them all.
        ArgumentError: ``exempt`` or ``only`` names a check that does not exist, or there is no reason.
    """
    return _checked("classifier", classifier, arguments)


def check_autoencoder(autoencoder: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that an autoencoder keeps the contract; arguments, result and errors as of ``check_classifier``."""
    return _checked("autoencoder", autoencoder, arguments)


def check_segmenter(segmenter: str | ModelSpec | nn.Module, **arguments: Any) -> list[CheckResult]:
    """Prove that a segmenter keeps the contract; arguments, result and errors as of ``check_classifier``."""
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
    """Run the checks and return what came of each; nothing is raised for a check that fails.

    A spec whose network takes any size may be given with a smaller ``input_resolution``, which saves time:
    ``dataclasses.replace(xrv_core.describe_classifier(NAME), input_resolution=64)``.

    Args:
        kind: "classifier", "autoencoder" or "segmenter".
        model: A registered name, a spec, or a model that is built already.
        exempt: Checks that cannot hold, each with the reason in words.
        only: Names of the checks to run; None runs all of ``MODEL_CHECKS[kind]``.
        options: Options of the factory, such as ``{"pathologies": ["Mass"]}`` for ``timm/...``.
        weights: None for random weights, "default" for the published ones, or the path of a file.

    Raises:
        ArgumentError: A name that does not exist, an exemption without reason, or arguments that do not fit together.
        AssetError: The published weights cannot be fetched.
    """
    exempt, checks = dict(exempt or {}), _checks(kind)
    check_exemptions(exempt, checks)
    chosen = chosen_checks(only, checks)
    with tempfile.TemporaryDirectory(prefix="xrv-checks-", ignore_cleanup_errors=True) as folder:
        subject = model_subject(kind, model, Path(folder), options=options, weights=weights)
        return [run(name, checks[name], subject, exempt.get(name)) for name in chosen]


def model_subject(
    kind: str,
    model: str | ModelSpec | nn.Module,
    folder: Path,
    *,
    options: Mapping[str, Any] | None = None,
    weights: str | Path | None = None,
) -> ModelSubject:
    """What checks look at; arguments and errors as of ``run_model_checks``."""
    _checks(kind)
    if isinstance(model, nn.Module):
        if options or weights is not None:
            raise ArgumentError("options and weights are for building; this model is built already.")
        spec = getattr(model, "spec", None)
        return ModelSubject(kind, spec if isinstance(spec, ModelSpec) else None, folder, given=model)
    told = describe(kind, model) if isinstance(model, str) else model
    if not isinstance(told, KINDS[kind]):
        raise ArgumentError(f"{model!r} is no {kind}: give a registered name, a {KINDS[kind].__name__} or a model.")
    spec = cast("ModelSpec", told)
    return ModelSubject(kind, spec, folder, weights=_path(spec, weights), options=options)


def _path(spec: ModelSpec, weights: str | Path | None) -> Path | None:
    """Where the weights are; fetched now, since checks run without network."""
    if weights != "default":
        return None if weights is None else Path(weights)
    if spec.weights is None:
        raise ArgumentError(f"{spec.name!r} has no weights to fetch: give weights=PATH, or None for random ones.")
    return fetch(spec.weights)


def _checks(kind: str) -> Mapping[str, Check]:
    if kind not in MODEL_CHECKS:
        raise ArgumentError(f"kind={kind!r}: give one of {', '.join(MODEL_CHECKS)}.")
    return MODEL_CHECKS[kind]
