"""VinDr-CXR: readers, boxes, tables of Kaggle and PhysioNet, windows, headers, resized copies."""

from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says
from PIL import Image

import xrv_core as xrv
from xrv_core.datasets import PixelRecipe
from xrv_core.errors import ArgumentError, MissingColumns, TableError
from xrv_vinbrain.plugin import VINBRAIN, xrv_datasets

IDS = [f"a000000000000000000000000000000{n}" for n in (1, 2, 3, 4)]


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("vinbrain", tmp_path / "mini")


def edit(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def positive(dataset: Any) -> list[set[str]]:
    return [{p for p, v in zip(dataset.pathologies, row, strict=True) if v == 1} for row in dataset.labels]


def test_the_hook_offers_it_under_two_names(mini: dict[str, Any]) -> None:
    assert [spec.name for spec in xrv_datasets()] == ["vinbrain"]
    assert xrv.describe_dataset("vindr") is xrv.describe_dataset("vinbrain")
    assert len(xrv.get_dataset("vindr", **mini)) == 4


def test_common_columns(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("vinbrain", **mini)
    assert d.pathologies == list(VINBRAIN.pathologies)
    assert d.csv["source_uid"].tolist() == [f"vinbrain:{i}" for i in IDS]
    assert d.csv["has_masks"].tolist() == [False, True, True, True]
    assert d.csv["rad_id"].tolist() == ["R10|R8|R9", "R10|R8|R9", "R11|R12|R13", "R14|R15|R16"]
    assert d.csv["class_name"][2] == "No finding|Nodule/Mass|Pleural effusion|Pleural thickening"
    assert d.views == ["PA"]
    for column in ("patientid", "sex", "age_years", "offset_day_int"):
        assert d.csv[column].isna().all()
    with pytest.raises(ArgumentError, match=says("'vinbrain'", "patients", "leave unique_patients out")):
        xrv.get_dataset("vinbrain", **mini, unique_patients=True)


# -- readers


@pytest.mark.parametrize(
    ("readers", "expected"),
    [
        (
            "any",
            [
                set(),
                {"Cardiomegaly", "Aortic enlargement"},
                {"Effusion", "Pleural_Thickening", "Nodule/Mass"},
                {"Other Lesion"},
            ],
        ),
        ("majority", [set(), {"Cardiomegaly"}, {"Effusion"}, set()]),
        ("all", [set(), {"Cardiomegaly"}, set(), set()]),
    ],
)
def test_how_many_readers_make_a_label(mini: dict[str, Any], readers: str, expected: list[set[str]]) -> None:
    d = xrv.get_dataset("vinbrain", **mini, readers=readers, pathology_masks=True)
    assert d.readers == readers
    assert positive(d) == expected
    assert not np.isnan(d.labels).any()
    assert d.csv["has_masks"].tolist() == [bool(found) for found in expected]
    assert [{d.pathologies[k] for k in d[i]["pathology_masks"]} for i in range(4)] == expected


def test_readers_are_counted_as_the_table_names_them(mini: dict[str, Any]) -> None:
    """Two readers: both are needed for more than half. One reader's boxes are one vote."""
    edit(mini["csvpath"], f"{IDS[2]},No finding,14,R11,,,,\n", "")
    d = xrv.get_dataset("vinbrain", **mini, readers="majority")
    assert positive(d)[2] == {"Effusion"}
    edit(mini["csvpath"], f"{IDS[2]},Pleural effusion,10,R13", f"{IDS[2]},Pneumothorax,12,R13")
    assert positive(xrv.get_dataset("vinbrain", **mini, readers="majority"))[2] == set()


def test_why_tells_who(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("vinbrain", **mini, readers="majority")
    everything = "No finding|Nodule/Mass|Pleural effusion|Pleural thickening"
    readers = "majority of R11|R12|R13"
    assert d.why(2, "Effusion") == {"class_name": everything, "rad_id": "R12|R13", "readers": readers}
    assert d.why(2, "Nodule/Mass") == {"class_name": everything, "rad_id": "R13", "readers": readers}
    assert d.why(0, "ILD") == {"class_name": "No finding", "rad_id": "", "readers": "majority of R10|R8|R9"}


def test_wrong_readers(mini: dict[str, Any]) -> None:
    with pytest.raises(ArgumentError, match=r"readers='most'.*any, majority, all"):
        xrv.get_dataset("vinbrain", **mini, readers="most")
    with pytest.raises(ArgumentError, match=r'labels="torchxrayvision" .*readers="any"'):
        xrv.get_dataset("vinbrain", **mini, readers="all", labels="torchxrayvision")


# -- masks


def test_a_mask_is_the_union_of_all_readers_boxes(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("vinbrain", **mini, pathology_masks=True)
    assert d[1]["img"].shape == (1, 80, 96)
    masks = {d.pathologies[k]: mask for k, mask in d[1]["pathology_masks"].items()}
    expected = torch.zeros(1, 80, 96)
    expected[:, 48:70, 30:66] = 1
    expected[:, 50:72, 32:70] = 1
    expected[:, 46:68, 28:64] = 1
    assert torch.equal(masks["Cardiomegaly"], expected)
    assert masks["Aortic enlargement"].sum() == 12 * 12
    masks = {d.pathologies[k]: mask for k, mask in d[2]["pathology_masks"].items()}
    assert masks["Effusion"].sum() == 24 * 18 + 16 * 12


@pytest.mark.parametrize("names", ["height,width", "dim0,dim1"])
def test_boxes_follow_resized_copies(mini: dict[str, Any], tmp_path: Path, names: str) -> None:
    original = xrv.get_dataset("vinbrain", **mini, pathology_masks=True)
    (tmp_path / "png").mkdir()
    lines = [f"image_id,{names}"]
    for i, image in enumerate(IDS):
        pixels = (original[i]["img"][0].numpy() / 2048 + 0.5) * 255
        small = Image.fromarray(np.rint(pixels).astype(np.uint8)).resize((48, 40))
        small.save(tmp_path / f"png/{image}.png")
        lines.append(f"{image},{pixels.shape[0]},{pixels.shape[1]}")
    (tmp_path / "sizes.csv").write_text("\n".join(lines))
    paths = {**mini, "imgpath": tmp_path / "png"}
    d = xrv.get_dataset("vinbrain", **paths, sizes=tmp_path / "sizes.csv", pathology_masks=True)
    assert d.extension == ".png"
    column = d.pathologies.index("Aortic enlargement")
    mask = d[1]["pathology_masks"][column][0]  # (44, 20) to (56, 32) of 96 x 80
    assert mask.shape == (40, 48)
    assert mask[10:16, 22:28].all()
    assert mask.sum() == 36
    without = xrv.get_dataset("vinbrain", **paths)
    assert not without.csv["has_masks"].any()
    with pytest.raises(ArgumentError, match=r"boxes of 'vinbrain' .*\.png files .*sizes=\.\.\. "):
        xrv.get_dataset("vinbrain", **paths, pathology_masks=True)


def test_sizes_that_are_none(mini: dict[str, Any], tmp_path: Path) -> None:
    table = tmp_path / "sizes.csv"
    for image in IDS:
        (tmp_path / f"{image}.png").touch()
    paths = {**mini, "imgpath": tmp_path, "extension": ".png", "sizes": table}
    table.write_text("image_id,width\nx,1\n")
    with pytest.raises(
        MissingColumns,
        match=says(
            table, "'vinbrain'", "missing columns 'dim0', 'dim1'", "'image_id', 'width'", "height, width or dim0, dim1"
        ),
    ):
        xrv.get_dataset("vinbrain", **paths)
    table.write_text("image_id,height,width\nx,1,2\ny,3,\n")
    with pytest.raises(TableError, match=f"{table}, line 3: 'y' .*height and width"):
        xrv.get_dataset("vinbrain", **paths)
    table.write_text(f"image_id,height,width\n{IDS[0]},1,2\n{IDS[1]},1,2\n")
    with pytest.raises(TableError, match=f"{table}: .*2 of 4 images .*first is {IDS[2]!r}"):
        xrv.get_dataset("vinbrain", **paths)


# -- pixels and headers


def test_pixels_go_through_the_window_and_the_recipe_says_so(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("vinbrain", **mini)
    assert d.recipe == PixelRecipe(modality_lut=True, voi_lut=True)
    raw = xrv.get_dataset("vinbrain", **mini, recipe=PixelRecipe())
    for i in range(4):
        assert raw[i]["img"].max() < 1 or i == 1, "raw values fill half of the range"
        assert d[i]["img"].max() - d[i]["img"].min() > 1.7 * (raw[i]["img"].max() - raw[i]["img"].min())
        lung, body = d[i]["img"][0, 40, 28], d[i]["img"][0, 8, 40]
        assert lung < body - 500, "also where the file is MONOCHROME1"


def test_sex_and_age_from_the_headers_when_asked(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("vinbrain", **mini, read_headers=True).csv
    assert csv["sex"].fillna("?").tolist() == ["M", "F", "F", "?"]
    assert csv["age_years"].fillna(-1).tolist() == [57, 33, -1, -1]


def test_two_workers_give_what_one_gives(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("vinbrain", **mini, pathology_masks=True)
    loader = torch.utils.data.DataLoader(d, batch_size=1, num_workers=2, multiprocessing_context="fork")
    for i, batch in enumerate(loader):
        assert torch.equal(batch["img"][0], d[i]["img"])
        assert batch["pathology_masks"].keys() == d[i]["pathology_masks"].keys()
    again = pickle.loads(pickle.dumps(d))
    assert torch.equal(again[1]["pathology_masks"][3], d[1]["pathology_masks"][3])


# -- tables


def test_physionets_tables_open(mini: dict[str, Any], tmp_path: Path) -> None:
    kaggle = xrv.get_dataset("vinbrain", **mini)
    table = pd.read_csv(mini["csvpath"])[["image_id", "rad_id", "class_name", "x_min", "y_min", "x_max", "y_max"]]
    table.loc[len(table)] = [IDS[0], "R8", "Rib fracture", 1, 2, 3, 4]
    table.to_csv(tmp_path / "annotations_train.csv", index=False)
    d = xrv.get_dataset("vinbrain", mini["imgpath"], tmp_path / "annotations_train.csv")
    np.testing.assert_array_equal(d.labels, kaggle.labels)
    assert d.csv["has_masks"].tolist() == kaggle.csv["has_masks"].tolist(), "Rib fracture is no label"
    table.drop(columns="rad_id").to_csv(tmp_path / "annotations_test.csv", index=False)
    for readers in ("any", "majority", "all"):
        d = xrv.get_dataset("vinbrain", mini["imgpath"], tmp_path / "annotations_test.csv", readers=readers)
        np.testing.assert_array_equal(d.labels, kaggle.labels)
    assert d.csv["rad_id"].tolist() == ["consensus"] * 4


def test_terms_are_exact_when_strict(mini: dict[str, Any]) -> None:
    edit(mini["csvpath"], "Nodule/Mass", "Calcified Nodule/Mass")
    terms = (
        "Aortic enlargement, Atelectasis, Calcification, Cardiomegaly, Consolidation, Pleural effusion, ILD, "
        "Infiltration, Lung Opacity, Nodule/Mass, Other lesion, Pleural thickening, Pneumothorax, Pulmonary fibrosis, "
        "No finding, Clavicle fracture, Edema, Emphysema, Enlarged PA, Lung cavity, Lung cyst, Mediastinal shift, "
        "Rib fracture, COPD, Lung tumor, Pneumonia, Tuberculosis, Other disease, Other diseases"
    )
    with pytest.raises(TableError, match=f"csv: .*class_name 'Calcified Nodule/Mass'.*{terms}"):
        xrv.get_dataset("vinbrain", **mini)
    theirs = xrv.get_dataset("vinbrain", **mini, labels="torchxrayvision")
    assert "Nodule/Mass" in positive(theirs)[2], "a part of a name is enough"


@pytest.mark.parametrize("column", ["image_id", "rad_id", "class_name"])
def test_a_blank_cell(mini: dict[str, Any], column: str) -> None:
    table = pd.read_csv(mini["csvpath"])
    table.loc[3, column] = None
    table.to_csv(mini["csvpath"], index=False)
    with pytest.raises(TableError, match=says(mini["csvpath"], "line 5", column, "blank")):
        xrv.get_dataset("vinbrain", **mini)


@pytest.mark.parametrize(
    ("box", "shown"),
    [
        (",,,", "x nan to nan and y nan to nan"),
        ("30.0,70.0,66.0,48.0", "x 30.0 to 66.0 and y 70.0 to 48.0"),
        ("-1.0,48.0,66.0,70.0", "x -1.0 to 66.0 and y 48.0 to 70.0"),
    ],
)
def test_a_box_that_is_none(mini: dict[str, Any], box: str, shown: str) -> None:
    edit(mini["csvpath"], "30.0,48.0,66.0,70.0", box)
    with pytest.raises(
        TableError,
        match=says(
            mini["csvpath"],
            "line 5",
            "0 <= x_min < x_max and 0 <= y_min < y_max",
            "'Cardiomegaly'",
            repr(IDS[1]),
            shown,
        ),
    ):
        xrv.get_dataset("vinbrain", **mini)
