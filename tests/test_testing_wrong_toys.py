"""Every wrong toy is caught by the check that is about its fault, and by no other."""

from __future__ import annotations

import dataclasses
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import right_toy
import wrong_toys
import wrong_toys_files

from xrv_core import DatasetSpec
from xrv_core.testing import DATASET_CHECKS, SPEC_CHECKS, CheckResult, run_checks
from xrv_core.testing.common.spec_checks import spec_is_plain_data
from xrv_core.testing.datasets import files, processes

#: These look at a fresh process.
FRESH = ("listing_is_light", "import_touches_nothing", "miniature_stays_inside")
#: These start processes, or open the miniature once for each way in which its files can be wrong. Only the toys whose
#: fault shows there run them.
SLOW = (*FRESH, "workers_fork", "workers_fork_archive", "workers_spawn", *(check.__name__ for check in files.CHECKS))
QUICK = [name for name in DATASET_CHECKS if name not in SLOW]
#: These read the spec.
OF_SPEC = [
    *(name for name in SPEC_CHECKS if name not in FRESH),
    "opens",
    "pathologies",
    "views",
    "source_uid",
    "mask_kinds",
]

#: Toy, and the checks that must fail; where there are several, they look at the same fault from several sides.
WRONG = {
    "Labels64": "labels",
    "MinusOneIsUnknown": "label_values",
    "OtherPathologies": "pathologies",
    "NothingIsKnown": "label_range",
    "OwnLabelsByDefault": "label_policies",
    "NoTotals": "members totals",
    "DaysAreFloat": "csv_columns",
    "NanIsAPatient": "csv_values",
    "OwnViews": "views",
    "UidWithoutCollection": "source_uid",
    "CountsUnknown": "totals",
    "LongRepr": "representation",
    "KnowsNoReason": "why",
    "UnitRange": "img_range pixel_scale",
    "Stretched": "pixel_scale",
    "Flat": "img",
    "Blank": "img_content",
    "MoreKeys": "sample_keys",
    "SharedLabels": "lab items_are_fresh",
    "WrapsRound": "index_errors",
    "CountsFromTheFront": "index_errors",
    "KeepsItems": "items_are_fresh",
    "Noisy": "deterministic",
    "IgnoresFunctions": "transform",
    "CannotBeRead": "items",
    "IgnoresViews": "views_filter bad_options",
    "MixesPatients": "unique_patients",
    "KeepsTheLast": "unique_patients",
    "ForgetsTheFilter": "alignment",
    "MasksStay": "masks_follow_v2 masks_follow_v1 masks_crop_resize",
    "MasksDrawAgain": "masks_follow_v2 masks_follow_v1",
    "MasksAreCut": "masks_crop_resize",
    "MasksByName": "mask_keys",
    "MasksOf255": "mask_tensors",
    "MasksEverywhere": "has_masks",
    "FoldersOnly": "archives_equal",
    "LeavesOut": "missing_image",
    "SkipsInSilence": "skip_missing",
    "BlackForBroken": "corrupt_image",
    "GoesAnywhere": "path_escape",
    "AnyTable": "wrong_table",
    "GreyWithoutImages": "without_images",
    "HoldsAFile": "pickling",
    "OneProcess": "workers_fork workers_fork_archive",
    "Seeds": "random_state",
    "HidesWarnings": "warning_filters",
    "ChangesPath": "sys_path",
    "Prints": "no_printing",
    "PhonesHome": "no_network",
}

#: What is changed in the spec of the toy that is right, and the checks that must fail.
WRONG_SPECS: list[tuple[dict[str, Any], str]] = [
    ({"licence": "TBD"}, "spec_texts"),
    ({"homepage": "example.org/toy"}, "spec_texts"),
    ({"patients": 7}, "spec_counts"),
    ({"tables": (right_toy.TABLE,)}, "spec_tables"),
    ({"overlaps": ("toy",)}, "spec_relations"),
    ({"miniature": "right_toy:nowhere"}, "code_is_found opens"),
    ({"miniature": ""}, "opens"),
    ({"views": ("PA", "L")}, "views"),
    ({"masks": ()}, "mask_kinds"),
]


def spec(toy: str, **changes: Any) -> DatasetSpec:
    module = wrong_toys if hasattr(wrong_toys, toy) else wrong_toys_files
    return dataclasses.replace(right_toy.SPEC, factory=f"{module.__name__}:{toy}", **changes)


def failed(results: list[CheckResult]) -> dict[str, str]:
    return {result.name: result.detail for result in results if result.status == "failed"}


def test_the_right_toy_passes_every_check() -> None:
    assert [result for result in run_checks(right_toy.SPEC) if result.status != "passed"] == []


@pytest.mark.parametrize("toy", WRONG)
def test_the_right_check_catches_a_toy_and_no_other(toy: str) -> None:
    checks = set(WRONG[toy].split())
    own = [check.__name__ for group in (files.CHECKS, processes.CHECKS) for check in group]
    slow = own if checks & set(own) else []
    results = run_checks(
        spec(toy), only=[name for name in DATASET_CHECKS if name in {*QUICK, *slow} - {"workers_spawn"}]
    )
    assert set(failed(results)) == checks, failed(results)


@pytest.mark.parametrize(("changes", "checks"), WRONG_SPECS, ids=lambda value: str(value)[:40])
def test_the_right_check_catches_a_spec_and_no_other(changes: dict[str, Any], checks: str) -> None:
    results = run_checks(dataclasses.replace(right_toy.SPEC, **changes), only=OF_SPEC)
    assert set(failed(results)) == set(checks.split()), failed(results)


def test_a_spawned_worker_sees_what_a_forked_one_may_not() -> None:
    results = run_checks(spec("NoSecondImport"), only=[*QUICK, "workers_spawn"])
    assert set(failed(results)) == {"workers_spawn"}, failed(results)


def test_a_miniature_that_writes_elsewhere_is_caught() -> None:
    wrong = dataclasses.replace(right_toy.SPEC, miniature="wrong_toys_files:write_outside")
    found = failed(run_checks(wrong, only=[*QUICK, *FRESH]))
    assert set(found) == {"miniature_stays_inside"}, found
    assert "beside.txt" in found["miniature_stays_inside"]


def test_code_that_changes_global_state_is_caught_at_its_import() -> None:
    wrong = dataclasses.replace(right_toy.SPEC, factory="wrong_toy_import:Toy")
    found = failed(run_checks(wrong, only=FRESH))
    assert set(found) == {"import_touches_nothing"}
    for word in ("warnings.filterwarnings()", "sys.path", "random state", "more problems"):
        assert word in found["import_touches_nothing"]


def test_a_plugin_that_is_heavy_to_list_is_caught_and_not_its_neighbour(
    install: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    offer = "@hookimpl\ndef xrv_datasets(): return [dataset({!r})]\n"
    install("xrv-heavy", f"import numpy\n{offer.format('heavy')}")
    install("xrv-light", offer.format("light"))
    (tmp_path / "toy_code.py").write_text("class Toy:\n    def __init__(self, spec): pass\n")
    monkeypatch.delitem(sys.modules, "toy_code", raising=False)
    assert failed(run_checks("light", only=["listing_is_light"])) == {}
    assert "numpy" in failed(run_checks("heavy", only=["listing_is_light"]))["listing_is_light"]


def test_a_spec_that_cannot_be_written_as_json() -> None:
    spec = SimpleNamespace(to_dict=lambda: {"more": {1, 2}})  # specs themselves refuse it, a class of a plugin may not
    assert list(spec_is_plain_data(SimpleNamespace(spec=spec)))  # type: ignore[arg-type]


def test_every_check_has_a_toy_that_it_catches() -> None:
    caught = {name for names in (*WRONG.values(), *(names for _, names in WRONG_SPECS)) for name in names.split()}
    assert caught | {*FRESH, "workers_spawn", "spec_is_plain_data"} == set(DATASET_CHECKS), (
        "the others have tests of their own"
    )
