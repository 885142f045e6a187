"""Every model that a plugin offers keeps the contract, with random weights."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from typing import Any

import pytest

from xrv_core.api import describe, names
from xrv_core.specs import ModelSpec
from xrv_core.testing import MODEL_CHECKS, MODEL_SPEC_CHECKS, run_model_checks
from xrv_core.testing.common.results import raise_failures

_OVERFLOW = (
    "float16 ends at 65,504, but the mean square of the input of its first batch normalisation is above a million, "
    "since pixels are -1024 to 1024; bfloat16 works"
)


@dataclass(frozen=True, kw_only=True)
class Trial:
    """How a model is checked.

    Attributes:
        changes: Changes of its spec to save time: networks that take any size are checked at a small one.
        options: Options of its factory.
        exempt: Checks that cannot hold, with the reason.
        like: Another model of the same code and network, which runs all checks; this one runs ``LIGHT``.
        slow: The network is large: all checks run only in ``make test-slow``, those of the spec always.
        some: It is slow, and ``LIGHT`` runs always.
    """

    changes: dict[str, Any] = field(default_factory=dict)
    options: dict[str, Any] = field(default_factory=dict)
    exempt: dict[str, str] = field(default_factory=dict)
    like: str = ""
    slow: bool = False
    some: bool = False


SMALL = {"input_resolution": 64}
TWO = {"pathologies": ["Mass", "Nodule"]}

#: Kind and name; a model that is not here runs every check as it is.
TRIALS: dict[tuple[str, str], Trial] = {
    ("classifier", "densenet121-res224-all"): Trial(changes=SMALL, exempt={"float16": _OVERFLOW}),
    **{
        ("classifier", f"densenet121-res224-{name}"): Trial(changes=SMALL, like="densenet121-res224-all")
        for name in ("nih", "pc", "chex", "rsna", "mimic_nb", "mimic_ch")
    },
    ("classifier", "resnet50-res512-all"): Trial(changes=SMALL),
    ("classifier", "jfhealthcare"): Trial(changes=SMALL, slow=True, some=True),
    ("classifier", "view"): Trial(changes=SMALL, slow=True, some=True),
    ("classifier", "sex"): Trial(changes=SMALL),
    ("classifier", "race"): Trial(changes=SMALL, like="sex"),
    ("classifier", "age"): Trial(changes=SMALL, slow=True),
    ("classifier", "chexpert-ensemble"): Trial(changes=SMALL, slow=True),
    ("classifier", "timm/resnet18"): Trial(options={**TWO, **SMALL}),
    ("classifier", "timm/vit_tiny_patch16_224"): Trial(options=TWO),
    ("autoencoder", "resnet101-elastic"): Trial(slow=True, exempt={"float16": _OVERFLOW}),
    ("autoencoder", "vqgan-768-sd"): Trial(changes={"input_resolution": 64, "code_shape": (64, 2, 2)}, slow=True),
    ("autoencoder", "vqgan-768-msdd"): Trial(
        changes={"input_resolution": 128, "code_shape": (128, 2, 2)}, like="vqgan-768-sd"
    ),
    ("segmenter", "chestx-det"): Trial(changes=SMALL, slow=True),
    ("segmenter", "cxas"): Trial(changes=SMALL, slow=True, some=True),
}
MODELS = [(kind, name) for kind in MODEL_CHECKS for name in names(kind)]
MODELS += [key for key in TRIALS if key[1].startswith("timm/")]  # open-ended names are not listed

#: These start fresh processes: once for all models with the same code.
FRESH = ("listing_is_light", "import_touches_nothing")
#: For models that another one of the same network proves, or the slow run.
LIGHT = ("builds", "members", "built_state", "parameters", "input_resolution", "names", "forward", "predict")


def trial(kind: str, name: str) -> Trial:
    return TRIALS.get((kind, name), Trial())


def code(kind: str, name: str) -> str:
    """The module that holds its factory."""
    factory = describe(kind, name).factory
    return factory.partition(":")[0] if isinstance(factory, str) else factory.__module__


def of_its_code(models: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The first model of each module of code."""
    return list({code(*model): model for model in reversed(models)}.values())


def ids(models: list[tuple[str, str]]) -> list[str]:
    return [name for _, name in models]


FULL = [(kind, name) for kind, name in MODELS if not trial(kind, name).like and not trial(kind, name).slow]
SLOW = [(kind, name) for kind, name in MODELS if trial(kind, name).slow]
ALIKE = [(kind, name) for kind, name in MODELS if trial(kind, name).like or trial(kind, name).some]


def passes(kind: str, name: str, only: list[str]) -> None:
    its = trial(kind, name)
    spec = describe(kind, name)
    assert isinstance(spec, ModelSpec)
    results = run_model_checks(
        kind,
        dataclasses.replace(spec, **its.changes),
        options=its.options,
        only=only,
        exempt={check: reason for check, reason in its.exempt.items() if check in only},
    )
    raise_failures(name, results)
    broken = [result for result in results if result.status == "not run"]
    assert not broken, broken


def beyond_the_spec(kind: str) -> list[str]:
    return [name for name in MODEL_CHECKS[kind] if name not in MODEL_SPEC_CHECKS[kind]]


@pytest.mark.parametrize(("kind", "name"), MODELS, ids=ids(MODELS))
def test_its_spec_passes_the_conformance_kit(kind: str, name: str) -> None:
    passes(kind, name, [check for check in MODEL_SPEC_CHECKS[kind] if check not in FRESH])


@pytest.mark.parametrize(("kind", "name"), of_its_code(MODELS), ids=ids(of_its_code(MODELS)))
def test_its_code_is_light_to_list_and_touches_nothing(kind: str, name: str) -> None:
    passes(kind, name, list(FRESH))


@pytest.mark.parametrize(("kind", "name"), FULL, ids=ids(FULL))
def test_it_passes_the_conformance_kit(kind: str, name: str) -> None:
    passes(kind, name, beyond_the_spec(kind))


@pytest.mark.slow
@pytest.mark.parametrize(("kind", "name"), SLOW, ids=ids(SLOW))
def test_it_passes_the_conformance_kit_in_some_time(kind: str, name: str) -> None:
    passes(kind, name, beyond_the_spec(kind))


@pytest.mark.parametrize(("kind", "name"), ALIKE, ids=ids(ALIKE))
def test_a_model_of_a_network_that_is_proven_elsewhere_builds_and_runs(kind: str, name: str) -> None:
    passes(kind, name, [check for check in LIGHT if check in MODEL_CHECKS[kind]])


@pytest.mark.parametrize(("kind", "name"), [("classifier", "phantom-net"), ("autoencoder", "phantom-ae")])
def test_shipped_weights_pass_the_conformance_kit(kind: str, name: str) -> None:
    raise_failures(name, run_model_checks(kind, name, weights="default", only=beyond_the_spec(kind)))


def test_trials_are_of_models_that_there_are() -> None:
    assert set(TRIALS) <= set(MODELS)
    for (kind, name), its in TRIALS.items():
        if its.like:
            assert (kind, its.like) in FULL + SLOW, name
            assert code(kind, its.like) == code(kind, name), f"{name} has other code than {its.like}"
