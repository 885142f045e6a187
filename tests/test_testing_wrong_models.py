"""Every wrong toy model is caught by the check that is about its fault, and by no other."""

from __future__ import annotations

import dataclasses
from types import ModuleType
from typing import Any

import pytest
import right_models
import wrong_models
import wrong_models_others
import wrong_models_places

from xrv_core import Asset, ReferenceOutput
from xrv_core.specs import ModelSpec
from xrv_core.testing import MODEL_CHECKS, CheckResult, run_model_checks

SPECS: dict[str, Any] = {
    "classifier": right_models.NET,
    "autoencoder": right_models.AE,
    "segmenter": right_models.SEG,
}
#: These start processes or take a second: only the toys whose fault shows there run them.
SLOW = ("listing_is_light", "import_touches_nothing", "export")

#: Kind, module and toy, and the checks that must fail; where there are several, they look at the same fault.
WRONG: dict[str, dict[str, str]] = {
    "classifier wrong_models": {
        "not_a_module": "builds",
        "NoMaps": "members feature_maps",
        "ComesInEvaluation": "built_state",
        "OperatingPointsOfOthers": "built_state forward",
        "Seeds": "initialisation random_state",
        "AlwaysTheSame": "initialisation",
        "OtherResolution": "input_resolution",
        "FrozenNorms": "modes",
        "GivesNothingBack": "modes",
        "OtherNames": "names",
        "Doubles": "forward",
        "AnswersUntrained": "untrained operating_points",
        "PredictsUntrained": "untrained",
        "IgnoresOperatingPoints": "operating_points",
        "SigmoidOfSigmoid": "operating_points",
        "OperatingPointsAreWeights": "operating_points weights_file",
        "MaskSpoilsGradients": "known_gradients",
        "NotALayer": "classifier",
        "KeepsTheFirstHead": "fine_tuning",
        "LogitsAreProbabilities": "logits",
        "OtherFeatures": "features",
        "KeepsItsFeatures": "in_place",
        "PooledMaps": "feature_maps",
        "CutOff": "known_gradients fine_tuning gradient",
        "Percent": "predict",
        "AlwaysAList": "predict",
        "ThawsInPredict": "predict_leaves",
        "PredictsInTraining": "predict_leaves",
        "Squares": "float16",
        "FarFromZero": "bfloat16 float16",
    },
    "classifier wrong_models_places": {
        "Blind": "known_gradients fine_tuning sees_the_image gradient copies",
        "SharesABatch": "untrained predict batch_of_one other_sizes",
        "NearestPixel": "other_sizes",
        "ChangesItsInput": "input_untouched",
        "DividesByDeviation": "constant_image",
        "TakesColour": "wrong_type",
        "RefusesOnce": "wrong_range",
        "TakesNormalised": "wrong_range",
        "RefusesNoise": "noise",
        "BadInput": "wrong_type wrong_range not_square",
        "Squeezes": "not_square",
        "LearnsOutsideItsState": "state_dict weights_file",
        "IgnoresItsFile": "weights_file wrong_weights",
        "LoadsInTraining": "weights_file",
        "ForgetsWhatWasTrained": "weights_file",
        "TakesWhatFits": "wrong_weights",
        "HoldsTheFirst": "fine_tuning copies pickling device_move bfloat16 float16",
        "CannotBePickled": "pickling",
        "CannotBeCopied": "copies",
        "StaysBehind": "device_move",
        "Draws": "random_state",
        "SeedsNumpy": "random_state",
        "HidesWarnings": "warning_filters",
        "ChangesPath": "sys_path",
        "PhonesHome": "no_network",
        "Prints": "no_printing",
    },
    "autoencoder wrong_models_others": {
        "GivesALoss": "forward parts",
        "TwoCodes": "parts",
        "BeyondTheScale": "any_code",
        "AnyCode": "wrong_codes",
        "CutCode": "gradient",
        "FrozenEncoder": "training gradient",
    },
    "segmenter wrong_models_others": {
        "OneMore": "forward activation",
        "OtherStructures": "names",
        "SizeOfTheNetwork": "predict",
        "OneStructureAPixel": "activation",
        "ThawsInPredict": "predict_leaves",
        "CutOff": "training gradient",
    },
}
TOYS = [(*place.split(), toy, checks) for place, toys in WRONG.items() for toy, checks in toys.items()]

_OPEN = Asset(name="toy/net.safetensors", urls=("http://example.org/net.safetensors",))
_NOWHERE = Asset(name="toy/net.safetensors", urls=("ftp://example.org/net.safetensors",))
_OTHER = Asset(name="toy/net.py", urls=("package://right_models/right_models.py",), sha256="0" * 64)
_IMAGE = Asset(name="toy/image.png", urls=("https://example.org/image.png",), sha256="0" * 64)


def reference(**changes: Any) -> ReferenceOutput:
    return ReferenceOutput(**{"image": _IMAGE, "outputs": {"Mass": 0.5}, "source": "drawn", **changes})


#: Kind, what is changed in the spec of the toy that is right, and the checks that must fail.
WRONG_SPECS: list[tuple[str, dict[str, Any], str]] = [
    ("classifier", {"licence": "TBD"}, "spec_texts"),
    ("classifier", {"title": "A net of " + 30 * "many "}, "spec_texts"),
    ("classifier", {"pathologies": ("Mass", "mass", "Nodule")}, "spec_names"),
    ("segmenter", {"structures": ("Heart ", "Left Lung")}, "spec_names"),
    ("classifier", {"op_threshs": (0.3, None, None)}, "spec_heads"),
    ("classifier", {"op_threshs": (0.3, 0.5, 0.6)}, "spec_heads"),
    ("classifier", {"parameters": 0}, "spec_numbers parameters"),
    ("classifier", {"parameters": 116}, "parameters"),
    ("classifier", {"weights": _OPEN}, "spec_weights"),
    ("segmenter", {"weights": _NOWHERE}, "spec_weights"),
    ("classifier", {"weights": _OTHER}, "spec_weights"),
    ("classifier", {"training_data": ("nih", "chestxray14")}, "spec_training_data"),
    ("classifier", {"reference_outputs": (reference(outputs={"Heart": 0.5}),)}, "spec_references"),
    ("classifier", {"reference_outputs": (reference(image=_OPEN),)}, "spec_references"),
    ("classifier", {"factory": "right_models:nowhere"}, "code_is_found builds"),
    ("autoencoder", {"code_shape": (8, 8, 4), "factory": "wrong_models_others:ShapeOfItsOwn"}, "code_shape"),
]


def wrong(kind: str, module: ModuleType | str, toy: str) -> ModelSpec:
    name = module if isinstance(module, str) else module.__name__
    return dataclasses.replace(SPECS[kind], factory=f"{name}:{toy}")


def failed(results: list[CheckResult]) -> dict[str, str]:
    return {result.name: result.detail for result in results if result.status == "failed"}


def quick(kind: str) -> list[str]:
    return [name for name in MODEL_CHECKS[kind] if name not in SLOW]


@pytest.mark.parametrize("kind", SPECS)
def test_the_right_model_passes_every_check(kind: str) -> None:
    results = {result.name: result for result in run_model_checks(kind, SPECS[kind])}
    assert {r.status for r in results.values()} <= {"passed", "not applicable"}, failed(list(results.values()))
    passed_over = {name for name, result in results.items() if result.status == "not applicable"}
    assert passed_over <= {"spec_weights", "parameters", "accelerator"}


@pytest.mark.parametrize(("kind", "module", "toy", "checks"), TOYS, ids=[f"{t[0]}-{t[2]}" for t in TOYS])
def test_the_right_check_catches_a_toy_and_no_other(kind: str, module: str, toy: str, checks: str) -> None:
    found = failed(run_model_checks(kind, wrong(kind, module, toy), only=quick(kind)))
    assert set(found) == set(checks.split()), found


@pytest.mark.parametrize(("kind", "changes", "checks"), WRONG_SPECS, ids=lambda value: str(value)[:40])
def test_the_right_check_catches_a_spec_and_no_other(kind: str, changes: dict[str, Any], checks: str) -> None:
    found = failed(run_model_checks(kind, dataclasses.replace(SPECS[kind], **changes), only=quick(kind)))
    assert set(found) == set(checks.split()), found


def test_a_network_that_looks_at_values_cannot_be_exported() -> None:
    checks = [*quick("classifier"), "export"]
    found = failed(
        run_model_checks("classifier", wrong("classifier", wrong_models_places, "BranchesOnPixels"), only=checks)
    )
    assert set(found) == {"export", "device_move"}, found


def test_a_model_that_gives_other_values_on_an_accelerator_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where no accelerator is at hand, the CPU plays one."""
    monkeypatch.setattr("xrv_core.testing.models.devices._accelerator", lambda: "cpu")
    (right,) = run_model_checks("classifier", right_models.NET, only=["accelerator"])
    assert right.status == "passed"
    toy = wrong("classifier", wrong_models_places, "HalvesOnTheWay")
    found = failed(run_model_checks("classifier", toy, only=["accelerator"]))
    assert "on cpu, 'out' differs" in found["accelerator"]


def test_code_that_changes_global_state_is_caught_at_its_import() -> None:
    spec = dataclasses.replace(right_models.NET, factory="wrong_toy_import:Toy")
    found = failed(run_model_checks("classifier", spec, only=["listing_is_light", "import_touches_nothing"]))
    assert set(found) == {"import_touches_nothing"}
    for word in ("warnings.filterwarnings()", "sys.path", "random state", "more problems"):
        assert word in found["import_touches_nothing"]


def test_a_model_plugin_that_is_heavy_to_list_is_caught(install: Any) -> None:
    source = """
    import numpy
    @hookimpl
    def xrv_segmenters():
        return [xrv_core.SegmenterSpec(
            name="heavy", title="A toy", factory="right_models:ToySegmenter", licence="CC0", citation="none",
            homepage="https://example.org", obtain="Nothing to obtain.", structures=("Heart",))]
    """
    install("xrv-heavy", source)
    assert "numpy" in failed(run_model_checks("segmenter", "heavy", only=["listing_is_light"]))["listing_is_light"]


def test_every_check_has_a_toy_that_it_catches() -> None:
    caught = {name for *_, names in TOYS for name in names.split()}
    caught |= {name for *_, names in WRONG_SPECS for name in names.split()}
    every = {name for checks in MODEL_CHECKS.values() for name in checks}
    assert caught | {*SLOW, "accelerator", "spec_is_plain_data"} == every, "the others have tests of their own"


def test_every_toy_is_tried() -> None:
    tried = {(module, toy) for _, module, toy, _ in TOYS}
    for module in (wrong_models, wrong_models_places, wrong_models_others):
        toys = {n for n, v in vars(module).items() if getattr(v, "__module__", "") == module.__name__ and n[0] != "_"}
        here = {toy for name, toy in tried if name == module.__name__}
        assert toys == here | ({"BranchesOnPixels", "HalvesOnTheWay", "ShapeOfItsOwn"} & toys)
