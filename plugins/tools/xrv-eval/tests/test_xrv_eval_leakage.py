"""An evaluation on patients of the training data is refused unless the caller acknowledges it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from click.testing import CliRunner

import xrv_core
from xrv_core.cli import main
from xrv_core.errors import LeakageError
from xrv_eval import evaluate

OVERLAP = "phantom:train and phantom: the model was trained on images of this collection"


@pytest.fixture
def trained(usual: SimpleNamespace) -> SimpleNamespace:
    """The usual fakes, as if they were phantom-net and its training data."""
    usual.classifier.spec = xrv_core.describe_classifier("phantom-net")
    usual.dataset.spec, usual.dataset.split = xrv_core.describe_dataset("phantom"), "train"
    return usual


def test_it_is_refused(trained: SimpleNamespace) -> None:
    with pytest.raises(LeakageError, match=f"^'phantom-net' .*{OVERLAP}.*acknowledge_leakage=True"):
        evaluate(trained.classifier, trained.dataset, bootstrap=0)


def test_an_acknowledged_overlap_is_reported(trained: SimpleNamespace, tmp_path: Path) -> None:
    result = evaluate(
        trained.classifier, trained.dataset, bootstrap=0, examples=0, out=tmp_path / "out", acknowledge_leakage=True
    )
    assert result.run["leakage"] == [OVERLAP]
    warning = f"Tested on patients of the training data. {OVERLAP}."
    assert f"Warning: {warning}" in str(result)
    assert result.report is not None
    assert warning in result.report.read_text()


@pytest.mark.parametrize("split", ["test", "valid", "all"])
def test_another_split_is_no_leak(trained: SimpleNamespace, split: str) -> None:
    trained.dataset.split = split
    assert evaluate(trained.classifier, trained.dataset, bootstrap=0).run["leakage"] == []


def test_a_model_without_a_spec_is_no_leak(usual: SimpleNamespace) -> None:
    assert evaluate(usual.classifier, usual.dataset, bootstrap=0).run["leakage"] == []


def test_a_known_overlap_of_two_collections(usual: SimpleNamespace) -> None:
    usual.classifier.spec = xrv_core.describe_classifier("densenet121-res224-rsna")
    usual.dataset.spec = xrv_core.describe_dataset("nih")
    with pytest.raises(LeakageError, match="all images of RSNA are images of NIH under other names"):
        evaluate(usual.classifier, usual.dataset, bootstrap=0)


def test_on_the_command_line(classifier: Callable[..., object]) -> None:
    arguments = ["evaluate", "phantom-net", "phantom", "-o", "n=20", "-o", "split=train", "--bootstrap", "0"]
    refused = CliRunner().invoke(main, arguments)
    assert refused.exit_code == 1
    assert refused.stderr.startswith("Error: 'phantom-net' ")
    assert "--acknowledge-leakage" in refused.stderr
    done = CliRunner().invoke(main, [*arguments, "--acknowledge-leakage"])
    assert done.exit_code == 0, done.output
    assert "Warning: Tested on patients of the training data." in done.stderr
