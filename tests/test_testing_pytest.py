"""The kit as pytest tests: one for each check, in a class that names a dataset."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import right_toy
from test_testing_wrong_toys import spec
from test_toy_plugin import TOY

from xrv_core.errors import ArgumentError
from xrv_core.testing import DATASET_CHECKS, DatasetTests

ENVIRONMENT = os.environ.get("PYTHONPATH", "")


class TestScores(DatasetTests):
    """An author brings a miniature and an exemption."""

    name = spec("Scores", miniature="")
    exempt: ClassVar = {"label_values": "severity scores, not findings"}

    @classmethod
    def miniature(cls, folder: Path) -> Mapping[str, Any]:
        return right_toy.write(cls.name, folder)


pytest_plugins = ["pytester"]

WRONG = """
from right_toy import SPEC
from test_testing_wrong_toys import spec
from xrv_core.testing import DatasetTests

class TestLabels(DatasetTests):
    name = spec("MinusOneIsUnknown")

class TestExemption(DatasetTests):
    name = SPEC
    exempt = {"totals": "counted by hand"}
"""


def test_there_is_one_test_for_each_check() -> None:
    tests = [name for name in vars(DatasetTests) if name.startswith("test_")]
    assert tests == [f"test_{name}" for name in DATASET_CHECKS]
    assert DatasetTests.test_labels.__doc__ == "``labels`` is a float32 array ``[N, P]``."


def test_a_broken_contract_fails_the_test_of_its_check(pytester: pytest.Pytester) -> None:
    pytester.makepyfile(WRONG)
    result = pytester.runpytest_inprocess("-k", "test_label_values or test_totals or test_labels or test_opens")
    result.assert_outcomes(passed=6, failed=2)
    printed = result.stdout.str()
    assert "the label 'Effusion' of item 4 is -1" in printed
    assert "the check passes: remove its exemption ('counted by hand')" in printed
    assert "Traceback" not in printed


def test_a_wrong_exemption_is_an_error_of_the_class() -> None:
    with pytest.raises(ArgumentError, match=r"exempt.*'total'"):
        type("TestWrong", (DatasetTests,), {"name": "nih", "exempt": {"total": "counted by hand"}})


def test_the_plugin_that_people_copy_proves_itself(tmp_path: Path) -> None:
    """Its own tests, in a process where it is installed."""
    info = tmp_path / "xrv_toy-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xrv-toy\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[xrv_core]\ntoy = xrv_toy.plugin\n")
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", str(TOY / "tests")],
        env={**os.environ, "PYTHONPATH": os.pathsep.join((str(TOY / "src"), str(tmp_path), ENVIRONMENT))},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    passed = re.search(r"(\d+) passed", done.stdout)
    assert passed is not None
    assert int(passed[1]) > len(DATASET_CHECKS) - 8, "nothing is skipped but checks of masks"
