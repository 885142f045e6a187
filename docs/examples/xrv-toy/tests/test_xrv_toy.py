"""The toy keeps the contract, and its labels are those of the table."""

from pathlib import Path

import numpy as np

import xrv_core
from xrv_core.testing import DatasetTests


class TestToy(DatasetTests):
    """The conformance kit: one test for each thing that every dataset must do."""

    name = "toy"


def test_the_miniature_opens(tmp_path: Path) -> None:
    toy = xrv_core.get_dataset("toy", **xrv_core.miniature("toy", tmp_path))
    np.testing.assert_array_equal(toy.labels, [[0, 0], [0, 1], [1, 1]])
    assert toy.csv["patientid"].tolist() == ["a", "a", "b"]
    assert toy[2]["img"].shape == (1, 64, 64)
