"""The kit itself: exemptions, what it raises and returns, and that it leaves no trace."""

from __future__ import annotations

import dataclasses
import random
import re
import socket
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import right_toy
import torch
import wrong_toys
from test_testing_wrong_toys import spec

import xrv_core
from xrv_core.errors import ArgumentError, ConformanceError, XrvError
from xrv_core.testing import DATASET_CHECKS, SPEC_CHECKS, check_dataset, check_dataset_spec, run_checks

SCORES = {"label_values": "severity scores, not findings"}


# -- exemptions


def test_an_exempt_check_that_fails_is_reported_with_its_reason() -> None:
    (result,) = run_checks(spec("Scores"), exempt=SCORES, only=["label_values"])
    assert (result.status, result.detail) == ("exempt", "severity scores, not findings")


def test_an_exempt_check_that_passes_is_a_failure() -> None:
    (result,) = run_checks(right_toy.SPEC, exempt=SCORES, only=["label_values"])
    assert result.status == "failed"
    assert "severity scores, not findings" in result.detail


def test_an_exempt_check_that_does_not_apply_stays_what_it_is() -> None:
    def no_files(folder: Path) -> dict[str, Any]:
        return {"csvpath": right_toy.write(right_toy.SPEC, folder)["csvpath"]}

    made, exempt = spec("GreyWithoutImages"), {"archives_equal": "images are made, not read"}
    (result,) = run_checks(made, exempt=exempt, only=["archives_equal"], miniature=no_files)
    assert result.status == "not applicable"
    assert "imgpath" in str(result)


@pytest.mark.parametrize(
    ("exempt", "message"),
    [
        ({"archive": "made, not read"}, "exempt.*'archive'.*'archives_equal'"),
        ({"labels": ""}, r"exempt\['labels'\] is ''.*why"),
        ({"labels": "because"}, r"exempt\['labels'\] is 'because'.*why"),
        ({"labels": None}, r"exempt\['labels'\] is None.*why"),
        ({"0": "made, not read"}, f"exempt.*'0'.*{', '.join(DATASET_CHECKS)}"),
    ],
)
def test_an_exemption_must_name_a_check_and_a_reason(exempt: dict[str, Any], message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        check_dataset(right_toy.SPEC, exempt=exempt)


def test_only_names_checks() -> None:
    with pytest.raises(ArgumentError, match=f"only.*'speed'.*{', '.join(DATASET_CHECKS)}"):
        run_checks(right_toy.SPEC, only=["speed"])


# -- what it says


def test_one_error_lists_every_check_that_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "xrv_core.testing.datasets.checks.DATASET_CHECKS", {n: DATASET_CHECKS[n] for n in ("opens", "labels", "totals")}
    )
    with pytest.raises(ConformanceError, match=r"'toy' fails 1 of 3 checks:\n- totals: .*'Mass': \{0.0: 3") as caught:
        check_dataset(spec("CountsUnknown"))
    assert isinstance(caught.value, AssertionError)
    assert isinstance(caught.value, XrvError)


def test_a_long_list_of_the_same_fault_is_cut() -> None:
    (result,) = run_checks(spec("MasksByName"), only=["mask_keys"])
    assert re.fullmatch(r"item 0 .*'Mass'.* 0 to 1\. item 2 .*'Mass'.* 0 to 1\.", result.detail)
    (result,) = run_checks(spec("UidWithoutCollection"), only=["source_uid"])
    assert result.detail.count("'<collection>:<image>'") == 3
    assert "more problems" in result.detail


def test_an_unexpected_error_is_reported_with_its_place() -> None:
    (result,) = run_checks(spec("CannotBeRead"), only=["items"])
    line = next(
        i for i, text in enumerate(Path(wrong_toys.__file__).read_text().split("\n"), 1) if "ZeroDivision" in text
    )
    assert f"ZeroDivisionError: row 0 (raised at {wrong_toys.__file__}:{line})" in result.detail


def test_what_depends_on_a_broken_thing_is_not_run() -> None:
    results = {r.name: r for r in run_checks(spec("CannotBeRead"), only=["items", "img", "pickling"])}
    assert results["img"].status == results["pickling"].status == "not run"
    assert "'items'" in results["img"].detail


def test_a_dataset_without_a_miniature_is_given_one(tmp_path: Path) -> None:
    bare = spec("Scores", miniature="")
    (result,) = run_checks(bare, only=["opens"])
    assert "ArgumentError: its spec names no miniature" in result.detail
    (result,) = run_checks(bare, only=["opens"], miniature=lambda folder: right_toy.write(bare, folder))
    assert result.status == "passed"


# -- names, specs and plain functions


def test_a_spec_alone_is_checked() -> None:
    assert [result.name for result in check_dataset_spec("nih")] == list(SPEC_CHECKS)
    with pytest.raises(ConformanceError, match=r"1 of 8 checks:\n- spec_texts: title='Title'.*licence='none'"):
        check_dataset_spec(spec("Scores", title="Title", licence="none"))


def test_a_dataset_of_this_session_is_checked_by_its_name() -> None:
    class Local(right_toy.Toy):
        pass

    only = ["opens", "listing_is_light", "miniature_stays_inside"]
    with xrv_core.register(dataclasses.replace(right_toy.SPEC, name="toy-of-today", factory=Local)):
        results = run_checks("toy-of-today", only=only)
    assert [result.status for result in results] == ["passed", "not applicable", "not applicable"]
    assert "another process" in results[1].detail


def test_it_needs_no_pytest_and_a_script_needs_no_guard_for_checks_of_the_code(tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(
        "import sys, xrv_core.testing as t\n"
        "heavy = {'torch', 'numpy', 'pandas', 'pytest'}\n"
        "assert not heavy & set(sys.modules)\n"
        "print(*t.run_checks('nih', only=['import_touches_nothing']), 'pytest' in sys.modules)\n"
        "assert set(dir(t)) == set(t.__all__)\n"
    )
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "import_touches_nothing: passed False\n"), done.stderr
    assert xrv_core.testing.check_dataset is check_dataset
    with pytest.raises(AttributeError, match="'check_models'"):
        _ = xrv_core.testing.check_models


def test_every_check_says_what_it_wants() -> None:
    for name, check in DATASET_CHECKS.items():
        assert check.__doc__, name
        assert re.fullmatch(r"[A-Z`].*\.\)?", check.__doc__), name


# -- traces


def test_the_kit_leaves_no_trace(monkeypatch: pytest.MonkeyPatch) -> None:
    random.seed(3)
    before = (
        random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist(), torch.get_num_threads(),
        list(warnings.filters), list(sys.path), socket.getaddrinfo, dict(vars(socket.socket)),
    )  # fmt: skip
    for toy in ("Seeds", "HidesWarnings", "ChangesPath", "PhonesHome"):
        run_checks(spec(toy), only=["opens", "random_state", "masks_follow_v2"])
    assert before == (
        random.getstate(), repr(np.random.get_state()), torch.get_rng_state().tolist(), torch.get_num_threads(),
        list(warnings.filters), list(sys.path), socket.getaddrinfo, dict(vars(socket.socket)),
    )  # fmt: skip


def test_nothing_reaches_the_network_while_checks_run() -> None:
    (result,) = run_checks(spec("PhonesHome"), only=["no_network"])
    assert "203.0.113.7" in result.detail
