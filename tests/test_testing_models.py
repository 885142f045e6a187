"""The kit for models itself: what it takes, what it says, and that it leaves a given model alone."""

from __future__ import annotations

import dataclasses
import os
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pytest
import right_models
import torch
import wrong_models
from safetensors.torch import save_file
from test_testing_wrong_models import quick, wrong
from torch import nn

import xrv_core
from xrv_core.errors import ArgumentError, ConformanceError, UnknownName
from xrv_core.models import BackboneClassifier
from xrv_core.testing import (
    AUTOENCODER_CHECKS,
    CLASSIFIER_CHECKS,
    MODEL_CHECKS,
    SEGMENTER_CHECKS,
    AutoencoderTests,
    CheckResult,
    ClassifierTests,
    SegmenterTests,
    check_autoencoder,
    check_classifier,
    check_segmenter,
    run_model_checks,
)
from xrv_core.testing.common.compare import output_differences
from xrv_core.testing.models.batch_statistics import set_batch_statistics
from xrv_core.testing.models.subject import xray_like

pytest_plugins = ["pytester"]

FEW = ["names", "forward", "predict"]


def one(check: str, model: Any, kind: str = "classifier", **arguments: Any) -> CheckResult:
    (result,) = run_model_checks(kind, model, only=[check], **arguments)
    return result


class TestToyNet(ClassifierTests):
    """An author's tests, with an exemption."""

    name = wrong("classifier", wrong_models, "Squares")
    exempt: ClassVar = {"float16": "it squares pixels of 1024"}


class TestToyAutoencoder(AutoencoderTests):
    name = right_models.AE


class TestToySegmenter(SegmenterTests):
    name = right_models.SEG


@pytest.fixture
def toy() -> Iterator[BackboneClassifier]:
    with torch.random.fork_rng():
        yield right_models.ToyNet(right_models.NET)


# -- what it takes


def test_plain_functions_return_what_came_of_every_check() -> None:
    checks = (
        (check_classifier, right_models.NET),
        (check_autoencoder, right_models.AE),
        (check_segmenter, right_models.SEG),
    )
    for check, spec in checks:
        assert [result.status for result in check(spec, only=["builds", "forward"])] == ["passed", "passed"]


def test_a_registered_name_and_options_of_its_factory() -> None:
    options = {"pathologies": ["Mass"], "input_resolution": 64}
    results = check_classifier("timm/resnet18", options=options, only=[*FEW, "known_gradients", "float16"])
    assert [result.status for result in results] == ["passed"] * 3 + ["not applicable", "passed"]


def test_one_error_lists_every_check_that_failed() -> None:
    message = r"'toy-net' fails 2 of 3 checks:\n- built_state: .*operating points.*\n- forward: column 'Mass'"
    with pytest.raises(ConformanceError, match=message):
        check_classifier(
            wrong("classifier", wrong_models, "OperatingPointsOfOthers"), only=["built_state", "names", "forward"]
        )


def test_a_given_model_is_checked_and_stays_as_it_is(toy: BackboneClassifier) -> None:
    toy.backbone[0].eval()
    state = {key: tensor.clone() for key, tensor in toy.state_dict().items()}
    modes = [module.training for module in toy.modules()]
    results = run_model_checks("classifier", toy, only=quick("classifier"))
    assert {r.name: r.detail for r in results if r.status not in ("passed", "not applicable")} == {}
    passed_over = {result.name for result in results if result.status == "not applicable"}
    assert passed_over == {
        "spec_weights", "built_state", "initialisation", "weights_file", "wrong_weights", "accelerator",
    }  # fmt: skip
    assert [module.training for module in toy.modules()] == modes
    assert all(torch.equal(tensor, state[key]) for key, tensor in toy.state_dict().items())


def test_a_model_without_a_spec_is_called_by_its_class() -> None:
    with torch.random.fork_rng():
        model = BackboneClassifier(nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU()), ["Mass"], num_features=4)
    assert "no spec" in one("spec_texts", model).detail
    assert {result.status for result in check_classifier(model, only=[*FEW, "other_sizes", "not_square"])} == {
        "passed", "not applicable",
    }  # fmt: skip
    model.adapt = nn.Hardtanh()
    model.backbone[0].weight.data.fill_(torch.nan)
    with pytest.raises(ConformanceError, match="'BackboneClassifier' fails 1 of 1 checks:\n- forward: column 'Mass'"):
        check_classifier(model, only=["forward"])


def test_a_weights_file_is_checked_with_its_published_facts(toy: BackboneClassifier, tmp_path: Path) -> None:
    path = tmp_path / "toy.safetensors"
    save_file(toy.state_dict(), path)
    results = run_model_checks("classifier", right_models.NET, weights=path, only=quick("classifier"))
    assert {r.name: r.detail for r in results if r.status not in ("passed", "not applicable")} == {}
    spoiled = wrong("classifier", wrong_models, "AnswersUntrained")
    assert "'Mass' is untrained" in one("forward", spoiled, weights=path).detail


@pytest.mark.parametrize(
    ("kind", "model", "arguments", "error", "message"),
    [
        ("dataset", "nih", {}, ArgumentError, "kind='dataset'.*classifier, autoencoder, segmenter"),
        (
            "classifier", right_models.SEG, {}, ArgumentError,
            "toy-seg.* classifier.*ClassifierSpec",
        ),
        (
            "segmenter", right_models.SEG, {"weights": "default"}, ArgumentError,
            "'toy-seg'.*weights=PATH",
        ),
        (
            "segmenter", nn.Identity(), {"options": {"structures": ["Heart"]}}, ArgumentError,
            "options and weights.*already built",
        ),
        (
            "autoencoder", right_models.AE, {"only": ["features"]}, ArgumentError,
            f"only.*'features'.*{', '.join(AUTOENCODER_CHECKS)}",
        ),
        (
            "segmenter", right_models.SEG, {"exempt": {"predicts": "it does not"}}, ArgumentError,
            "exempt.*'predicts'.*'predict'",
        ),
    ],
)  # fmt: skip
def test_arguments_that_make_no_sense(
    kind: str, model: Any, arguments: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.compile(message, re.DOTALL)):
        run_model_checks(kind, model, **arguments)


def test_an_unknown_name() -> None:
    with pytest.raises(UnknownName, match=r"'phantom-nut'.*'phantom-net'"):
        check_classifier("phantom-nut")


# -- what it says


def test_an_exemption_is_reported_and_one_that_is_not_needed_fails() -> None:
    reason = {"float16": "it squares pixels of 1024"}
    assert one("float16", wrong("classifier", wrong_models, "Squares"), exempt=reason).status == "exempt"
    found = one("float16", right_models.NET, exempt=reason)
    assert found.status == "failed"
    assert "it squares pixels of 1024" in found.detail


def test_what_depends_on_a_broken_thing_is_not_run() -> None:
    broken = dataclasses.replace(right_models.NET, factory="right_models:nowhere")
    results = {r.name: r for r in run_model_checks("classifier", broken, only=quick("classifier"))}
    assert "FactoryError" in results["builds"].detail
    assert "right_models:nowhere" in results["builds"].detail
    for name in ("names", "forward", "other_sizes", "gradient", "pickling", "bfloat16", "no_printing"):
        assert results[name].status == "not run"
        assert "'builds'" in results[name].detail


def test_every_check_says_what_it_wants() -> None:
    for checks in MODEL_CHECKS.values():
        for name, check in checks.items():
            assert re.fullmatch(r"[A-Z`].*\.\)?", check.__doc__ or ""), name


def test_differences_are_reported_in_numbers() -> None:
    expected = {"out": torch.tensor([[1.0, -4.0, torch.nan]])}
    assert list(output_differences({"out": torch.tensor([[1.1, -4.0, torch.nan]])}, expected, 0.05)) == []
    for found, words in (
        ({"out": torch.tensor([[2.0, -4.0, torch.nan]])}, "'out' differs by up to 1, .* 4"),
        ({"out": torch.tensor([[1.0, torch.inf, 0.0]])}, "'out' .*0 NaN.* 1 infinite"),
        ({"out": torch.zeros(1, 2)}, r"'out' .*\[1, 2\].*\[1, 3\]"),
        ({"z": torch.zeros(1, 2)}, r"\['z'\].*\['out'\]"),
    ):
        (sentence,) = output_differences(found, expected, 0.05, "here, ")
        assert re.match(f"here, .*{words}", sentence)


# -- how it is done


def test_images_are_the_same_in_every_precision() -> None:
    x = xray_like(2, 50, seed=4)
    assert x.shape == (2, 1, 50, 50)
    assert x.min() >= -1024
    assert x.max() <= 1024
    assert torch.equal(x.bfloat16().float(), x)
    assert torch.equal(x.half().float(), x)
    assert torch.equal(x, xray_like(2, 50, seed=4))
    assert not torch.equal(x, xray_like(2, 50, seed=5))


def test_a_network_with_set_batch_statistics_keeps_its_size_through_many_layers() -> None:
    with torch.random.fork_rng():
        blocks = [nn.Sequential(nn.Conv2d(8, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU()) for _ in range(30)]
        model = nn.Sequential(nn.Conv2d(1, 8, 3), *blocks).eval()
    x = xray_like(1, 32, seed=0)
    with torch.no_grad():
        before = float(model(x).abs().max())
        set_batch_statistics(model, x)
        after = float(model(x).abs().max())
    assert before < 0.5 or before > 50
    assert 0.5 < after < 50
    assert not model.training
    assert all(not module._forward_pre_hooks for module in model.modules())


def test_the_kit_for_models_leaves_no_trace() -> None:
    before = (torch.get_rng_state().tolist(), list(warnings.filters), list(sys.path), dict(os.environ))
    for toy in ("Seeds", "AlwaysTheSame"):
        run_model_checks("classifier", wrong("classifier", wrong_models, toy), only=["initialisation", "float16"])
    assert before == (torch.get_rng_state().tolist(), list(warnings.filters), list(sys.path), dict(os.environ))


# -- pytest


@pytest.mark.parametrize(
    ("tests", "checks"),
    [(ClassifierTests, CLASSIFIER_CHECKS), (AutoencoderTests, AUTOENCODER_CHECKS), (SegmenterTests, SEGMENTER_CHECKS)],
)
def test_there_is_one_test_for_each_check(tests: type, checks: dict[str, Any]) -> None:
    assert [name for name in vars(tests) if name.startswith("test_")] == [f"test_{name}" for name in checks]
    assert tests.test_pickling.__doc__ == "A pickled copy has the same weights and the same attributes."


def test_a_wrong_exemption_is_an_error_of_the_class() -> None:
    with pytest.raises(ArgumentError, match=r"exempt.*'features'"):
        type("TestWrong", (SegmenterTests,), {"name": "cxas", "exempt": {"features": "it has none"}})


def test_a_broken_contract_fails_the_test_of_its_check(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(
        "import wrong_models\n"
        "from test_testing_wrong_models import wrong\n"
        "from xrv_core.testing import ClassifierTests\n\n"
        "class TestPercent(ClassifierTests):\n"
        "    name = wrong('classifier', wrong_models, 'Percent')\n"
    )
    result = pytester.runpytest_inprocess("-k", "predict or names")
    result.assert_outcomes(passed=3, failed=1)
    printed = result.stdout.str()
    assert "but forward gives" in printed
    assert "Traceback" not in printed


def test_the_front_door_of_the_kit_names_them() -> None:
    assert xrv_core.testing.check_segmenter is check_segmenter
    assert set(MODEL_CHECKS) == {"classifier", "autoencoder", "segmenter"}
