"""The kit as pytest tests: one for each check, in a class that names a dataset."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any, ClassVar

import pytest
import right_toy
from test_testing_wrong_toys import spec
from test_toy_plugin import TOY

from xrv_core.errors import ArgumentError
from xrv_core.testing import DATASET_CHECKS, DatasetTests


class TestScores(DatasetTests):
    """An author brings a miniature and an exemption."""

    name = spec("Scores", miniature="")
    exempt: ClassVar = {"label_values": "severity scores, not findings"}

    @classmethod
    def miniature(cls, folder: Path) -> Mapping[str, Any]:
        return right_toy.write(cls.name, folder)


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


def run_pytest(*arguments: str | Path, path: str) -> tuple[Counter[str], str]:
    """Outcomes of a run of its own, and what it printed."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-q", "-rA", *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    lines = done.stdout.splitlines()
    words = ("PASSED", "FAILED", "ERROR", "XFAIL", "XPASS")
    return Counter(line.split()[0] for line in lines if line.startswith(words)), done.stdout + done.stderr


def test_there_is_one_test_for_each_check() -> None:
    tests = [name for name in vars(DatasetTests) if name.startswith("test_")]
    assert tests == [f"test_{name}" for name in DATASET_CHECKS]
    assert DatasetTests.test_labels.__doc__ == "``labels`` is a float32 array ``[N, P]``."


def test_a_broken_contract_fails_the_test_of_its_check(tmp_path: Path) -> None:
    (tmp_path / "test_wrong.py").write_text(WRONG)
    only = "test_label_values or test_totals or test_labels or test_opens"
    outcomes, printed = run_pytest(tmp_path, "-k", only, path=str(Path(__file__).parent))
    assert outcomes == {"PASSED": 6, "FAILED": 2}, printed
    assert "the label 'Effusion' of item 4 is -1: 1, 0 and NaN are labels." in printed
    assert "it passes: take the exemption ('counted by hand') back" in printed
    assert "Traceback" not in printed


def test_a_wrong_exemption_is_an_error_of_the_class() -> None:
    with pytest.raises(ArgumentError, match="exempt names 'total', which is no check"):
        type("TestWrong", (DatasetTests,), {"name": "nih", "exempt": {"total": "counted by hand"}})


def test_the_plugin_that_people_copy_proves_itself(tmp_path: Path) -> None:
    """Its own tests, in a process where it is installed."""
    info = tmp_path / "xrv_toy-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: xrv-toy\nVersion: 0.1.0\n")
    (info / "entry_points.txt").write_text("[xrv_core]\ntoy = xrv_toy.plugin\n")
    outcomes, printed = run_pytest(TOY / "tests", path=os.pathsep.join((str(TOY / "src"), str(tmp_path))))
    assert set(outcomes) == {"PASSED"}, printed
    assert outcomes["PASSED"] > len(DATASET_CHECKS) - 8, "masks apart, nothing is skipped"
