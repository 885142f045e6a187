"""Importing and listing load nothing heavy. In subprocesses, since pytest itself loads a lot."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = "torch torchvision timm pandas numpy PIL pooch scipy sklearn matplotlib pydicom safetensors requests click"

CASES = {
    "import": "import xrv_core",
    "list": (
        "import xrv_core as x; assert x.list_datasets() and x.list_classifiers() and x.list_autoencoders(); "
        "x.list_segmenters()"
    ),
    "describe": (
        "import xrv_core as x; [x.describe_dataset(n) for n in x.list_datasets()]; "
        "[x.describe_classifier(n) for n in x.list_classifiers()]; x.describe_classifier('timm/resnet18')"
    ),
    "plugins": "import xrv_core as x; assert all(p.state == 'ok' for p in x.plugins()), x.plugins()",
    "rooms": "import xrv_core.datasets; xrv_core.datasets.default_pathologies",
}


def modules_after(code: str) -> set[str]:
    report = f"{code}\nimport sys; print(*[m for m in {HEAVY.split()!r} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", report], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return set(done.stdout.split())


@pytest.mark.parametrize("case", CASES)
def test_nothing_heavy_is_loaded(case: str) -> None:
    assert modules_after(CASES[case]) == set()


def test_the_command_line_lists_with_click_alone() -> None:
    code = (
        "from click.testing import CliRunner; from xrv_core.cli import main; "
        "r = CliRunner().invoke(main, {!r}); assert r.exit_code == 0, r.output"
    )
    for arguments in (["--help"], ["list"], ["plugins"], ["show", "nih"]):
        assert modules_after(code.format(arguments)) <= {"click"}, arguments


def test_the_tables_room_loads_no_torch() -> None:
    code = "from xrv_core.datasets import FileDataset, read_table, term_labels, split, boxes_mask, ImageSource"
    assert "torch" not in modules_after(code)


def test_the_case_that_must_load_something_does() -> None:
    assert "numpy" in modules_after("import numpy"), "the probe itself works"
