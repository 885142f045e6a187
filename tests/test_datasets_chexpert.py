"""Tables in the format of the CheXpert labeler, days between studies, and folders of a release."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from messages import says

from xrv_core import DatasetSpec
from xrv_core.datasets import ChexpertLabelled, ImageSource, Index, chexpert_labels, days_from_first, release_folder
from xrv_core.errors import ArgumentError, TableError

NAN = float("nan")
NAMES = ["Edema", "Effusion", "Support Devices"]


def table(*rows: tuple[Any, Any, Any, Any]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["No Finding", "Edema", "Pleural Effusion", "Support Devices"])


def test_cells_are_labels_and_uncertain_and_blank_are_unknown() -> None:
    labels = chexpert_labels(table((NAN, 1, 0, -1), (0, NAN, -1, 1)), NAMES)
    assert labels.dtype == np.float32
    np.testing.assert_array_equal(labels, [[1, 0, NAN], [NAN, NAN, 1]])


def test_no_finding_fills_blanks_but_tells_nothing_about_devices() -> None:
    labels = chexpert_labels(table((1, NAN, NAN, NAN), (1, NAN, 0, 1)), NAMES)
    np.testing.assert_array_equal(labels, [[0, 0, NAN], [0, 0, 1]])


def test_no_finding_overrules_cells_only_in_torchxrayvision() -> None:
    contradiction = table((1, 1, -1, 1))
    np.testing.assert_array_equal(chexpert_labels(contradiction, NAMES), [[1, NAN, 1]])
    np.testing.assert_array_equal(chexpert_labels(contradiction, NAMES, policy="torchxrayvision"), [[0, 0, 1]])
    mimic = chexpert_labels(contradiction, NAMES, policy="torchxrayvision", clears_devices=True)
    np.testing.assert_array_equal(mimic, [[0, 0, 0]])


@pytest.mark.parametrize(
    ("uncertain", "blank", "expected"),
    [
        ("zero", "nan", [[0, NAN, 1], [0, 0, NAN]]),
        ("one", "nan", [[1, NAN, 1], [0, 0, NAN]]),
        ("nan", "zero", [[NAN, 0, 1], [0, 0, 0]]),
        ("one", "zero", [[1, 0, 1], [0, 0, 0]]),
    ],
)
def test_uncertain_and_blank_mean_what_was_asked_for(uncertain: str, blank: str, expected: list[list[float]]) -> None:
    rows = table((NAN, -1, NAN, 1), (1, NAN, NAN, NAN))
    np.testing.assert_array_equal(chexpert_labels(rows, NAMES, uncertain=uncertain, blank=blank), expected)


def test_a_table_without_no_finding() -> None:
    rows = table((1, NAN, 0, 1)).drop(columns="No Finding")
    np.testing.assert_array_equal(chexpert_labels(rows, NAMES), [[NAN, 0, 1]])


@given(st.lists(st.tuples(*[st.sampled_from([1.0, 0.0, -1.0, NAN])] * 4), min_size=1, max_size=8))
def test_a_known_cell_keeps_its_value_and_options_only_decide_the_unknown(rows: list[Any]) -> None:
    source = table(*rows)
    labels = chexpert_labels(source, NAMES)
    cells = source[["Edema", "Pleural Effusion", "Support Devices"]].to_numpy()
    known = np.isin(cells, (0, 1))
    np.testing.assert_array_equal(labels[known], cells[known])
    assert np.isin(labels[~np.isnan(labels)], (0, 1)).all()
    filled = chexpert_labels(source, NAMES, uncertain="one", blank="zero")
    assert not np.isnan(filled).any()
    np.testing.assert_array_equal(filled[~np.isnan(labels)], labels[~np.isnan(labels)])
    np.testing.assert_array_equal(filled == 1, (cells == 1) | (cells == -1))


def test_a_cell_that_is_no_label_is_named() -> None:
    rows = table((NAN, "1.0", 0, 1), (NAN, "yes", 0, 1), (NAN, None, 0, 2))
    with pytest.raises(TableError, match=says("train.csv", "1 of 3 cells of 'Edema'", "1, 0, -1 or blank", "'yes'")):
        chexpert_labels(rows, NAMES, where="train.csv")
    with pytest.raises(TableError, match=r"^table: 1 of 3 cells of 'Support Devices' .* the first is '2'"):
        chexpert_labels(rows, ["Support Devices"])


# -- the base class


class Toy(ChexpertLabelled):
    needs = ("Edema", "No Finding", "Support Devices")

    def build(self, table: pd.DataFrame) -> Index:
        labels = self.labels_of(table)
        return Index.of(table, images=table["file"], labels=labels, source_uid="toy:" + table["file"])


class PeerToy(Toy):
    peer_clears_devices = True


@pytest.fixture
def arguments(tmp_path: Path) -> dict[str, Any]:
    path = tmp_path / "toy.csv"
    path.write_text("file,No Finding,Edema,Support Devices\na.png,1.0,,1.0\nb.png,,-1.0,\n")
    spec = DatasetSpec(
        name="toy",
        title="Toy",
        factory="toy:Toy",
        licence="CC0",
        citation="-",
        homepage="-",
        obtain="-",
        pathologies=("Edema", "Support Devices"),
    )
    return {"spec": spec, "csvpath": path}


def test_options_reach_the_labels(arguments: dict[str, Any]) -> None:
    np.testing.assert_array_equal(Toy(**arguments).labels, [[0, 1], [NAN, NAN]])
    np.testing.assert_array_equal(Toy(**arguments, uncertain="one", blank="zero").labels, [[0, 1], [1, 0]])


def test_only_torchxrayvisions_labels_may_clear_devices(arguments: dict[str, Any]) -> None:
    np.testing.assert_array_equal(PeerToy(**arguments).labels, [[0, 1], [NAN, NAN]])
    np.testing.assert_array_equal(PeerToy(**arguments, labels="torchxrayvision").labels, [[0, 0], [NAN, NAN]])
    np.testing.assert_array_equal(Toy(**arguments, labels="torchxrayvision").labels, [[0, 1], [NAN, NAN]])


def test_why_shows_the_cell_and_no_finding(arguments: dict[str, Any]) -> None:
    d = Toy(**arguments)
    assert d.why(0, "Support Devices") == {"Support Devices": 1.0, "No Finding": 1.0}
    assert d.why(1, "Edema")["Edema"] == -1


def test_wrong_options(arguments: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=says("uncertain='two'", "nan, zero, one")):
        Toy(**arguments, uncertain="two")
    with pytest.raises(ArgumentError, match=says("blank='one'", "nan, zero")):
        Toy(**arguments, blank="one")
    with pytest.raises(
        ArgumentError, match=says('labels="torchxrayvision"', "leave blank='zero' out", 'labels="strict"')
    ):
        Toy(**arguments, blank="zero", labels="torchxrayvision")


# -- days


def test_days_count_from_each_patients_first_study() -> None:
    patients = pd.Series(["a", "b", "a", "a", None, "b"])
    dates = pd.Series(["20120301", "21800101", "20120228", "2012", "20120101", "21791231"])
    days = days_from_first(dates, patients)
    assert days.dtype == "Int64"
    assert days.tolist() == [2, 1, 0, pd.NA, pd.NA, 0]


def test_dates_may_be_numbers_and_have_blanks() -> None:
    days = days_from_first(pd.Series([20110101, np.nan, 20101231.0]), pd.Series([7, 7, 7]))
    assert days.tolist() == [1, pd.NA, 0]
    assert days_from_first(pd.Series([20110101, 20110103]), pd.Series([7, 7])).tolist() == [0, 2]


# -- folders


def test_the_folder_of_a_release_is_found_or_left_out(tmp_path: Path) -> None:
    assert release_folder(None, "files") == ""
    assert release_folder(ImageSource(tmp_path), "files") == ""
    (tmp_path / "x/files").mkdir(parents=True)
    (tmp_path / "x/files/a.png").touch()
    (tmp_path / "y").touch()
    source = ImageSource(tmp_path)
    assert release_folder(source, "images", "x/files", "x") == "x/files/"
    assert release_folder(source, "y") == "", "a file"


def test_the_folder_of_a_release_is_found_in_an_archive(tmp_path: Path) -> None:
    for name in ("val/a.png", "CheXpert/val/a.png"):  # the only folder at the top is no part of the names
        with zipfile.ZipFile(tmp_path / "i.zip", "w") as archive:
            archive.writestr(name, b"")
            archive.writestr(f"{name[:-9]}t.csv", b"")
        source = ImageSource(tmp_path / "i.zip")
        assert source.resolve(f"{release_folder(source, 'valid', 'val')}a.png")
        assert source.resolve("val/a.png")
        assert release_folder(source, "va", "CheXpert") == ""
