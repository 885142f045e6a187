"""Open-i: reports, terms, views, files."""

from __future__ import annotations

import io
import pickle
import shutil
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from messages import says

import xrv_core as xrv
from xrv_core.errors import ImageMissing, MissingColumns, OfflineError, PathMissing, TableError
from xrv_openi.plugin import OPENI, xrv_datasets
from xrv_openi.terms import mesh_labels, rules, term_values


@pytest.fixture
def mini(tmp_path: Path) -> dict[str, Any]:
    return xrv.miniature("openi", tmp_path / "mini")


def add_report(archive: Path, data: bytes, name: str = "ecgen-radiology/90009.xml") -> None:
    """Put one more file into the .tgz."""
    with tarfile.open(archive) as old:
        files = [(m, old.extractfile(m).read()) for m in old]  # type: ignore[union-attr]
    member = tarfile.TarInfo(name)
    with tarfile.open(archive, "w:gz") as new:
        for info, content in [*files, (member, data)]:
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))


# -- the miniature


def test_the_hook_offers_it() -> None:
    assert xrv_datasets() == [OPENI]
    assert xrv.describe_dataset("openi") == OPENI


def test_strict_labels_are_what_people_coded(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("openi", **mini)
    assert len(d) == 8
    positive = [{d.pathologies[k] for k in np.flatnonzero(row == 1)} for row in d.labels]
    assert positive == [set(), set(), *[{"Cardiomegaly", "Lung Opacity"}] * 2, set(), set(), set(), set()]
    unknown = [{d.pathologies[k] for k in np.flatnonzero(np.isnan(row))} for row in d.labels]
    assert unknown[:6] == [set(), set(), {"Fracture"}, {"Fracture"}, set(), set()], "healed: neither one nor none"
    assert unknown[6] == set(d.pathologies), "nobody coded it"
    assert unknown[7] == {"Nodule", "Lung Lesion"}, "a nodule over the thorax may be outside of the lung"


def test_torchxrayvision_labels_are_what_a_program_found(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("openi", **mini, labels="torchxrayvision")
    positive = [{d.pathologies[k] for k in np.flatnonzero(row == 1)} for row in d.labels]
    found = {"Cardiomegaly", "Lung Opacity", "Pneumonia", "Fracture"}
    assert positive == [set(), set(), found, found, {"Fibrosis"}, {"Fibrosis"}, {"Nodule"}, {"Effusion"}]
    assert not np.isnan(d.labels).any()


def test_why_gives_the_terms_behind_a_label(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("openi", **mini)
    assert d.why(2, "Lung Opacity") == {"mesh_major": "Opacity/lung/base/bilateral"}
    assert d.why(2, "Fracture") == {"mesh_major": "Fractures, Bone/ribs/left/healed"}
    assert d.why(4, "Fibrosis") == {"mesh_major": "Cystic Fibrosis"}
    assert d.why(0, "Hernia") == {"mesh_major": "normal"}
    assert d.why(6, "Hernia") == {"mesh_major": "No Indexing"}
    theirs = xrv.get_dataset("openi", **mini, labels="torchxrayvision")
    assert theirs.why(4, "Fibrosis") == {"mesh_automatic": "cystic fibrosis|Cystic Fibrosis"}


def test_common_columns_and_reports(mini: dict[str, Any]) -> None:
    csv = xrv.get_dataset("openi", **mini).csv
    assert csv["patientid"].tolist()[:3] == ["CXR90001", "CXR90001", "CXR90002"]
    assert csv["source_uid"][0] == "openi:CXR90001_IM-0001-1001"
    assert csv["view"].tolist() == ["PA", "LL", "AP", "L", "PA", "UNKNOWN", "PA", "UNKNOWN"]
    np.testing.assert_allclose(csv["age_years"][:4], [55.6, 55.6, 71.1, 71.1], atol=0.05)
    assert csv["offset_day_int"].tolist() == [0] * 7 + [pd.NA], "one examination a patient"
    assert csv["sex"].isna().all()
    assert csv.loc[7, ["age_years", "offset_day_int"]].isna().all(), "of this image there is no header"
    assert csv.loc[2, "findings"] == "Large heart. Opacities of both bases. No pneumonia."
    assert (csv.loc[0, "indication"], csv.loc[0, "impression"]) == ("To be drawn.", "A drawing.")
    assert csv.loc[0, "mesh_automatic"] == ""


def test_views_by_t_sne(mini: dict[str, Any]) -> None:
    d = xrv.get_dataset("openi", **mini, use_tsne_derived_view=True)
    assert d.csv["view"].tolist() == ["PA", "L", "PA", "L", "PA", "L", "PA", "UNKNOWN"]
    assert d.csv["View Position"].fillna("").tolist()[:4] == ["PA", "LL", "AP", "LATERAL"]
    assert len(xrv.get_dataset("openi", **mini, use_tsne_derived_view=True, views=["L"], unique_patients=True)) == 3


def test_nothing_is_fetched_that_was_not_asked_for(mini: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_OFFLINE", "1")
    alone = {"imgpath": mini["imgpath"], "csvpath": mini["csvpath"]}
    d = xrv.get_dataset("openi", **alone)
    assert d.views == ["UNKNOWN"]
    assert d.csv[["age_years", "offset_day_int"]].isna().all(axis=None)
    with pytest.raises(OfflineError, match="nlmcxr_tsne_pa"):
        xrv.get_dataset("openi", **alone, use_tsne_derived_view=True)
    with pytest.raises(OfflineError, match="nlmcxr_dicom_metadata"):
        xrv.get_dataset("openi")


def test_reports_from_the_unpacked_folder(mini: dict[str, Any], tmp_path: Path) -> None:
    packed = xrv.get_dataset("openi", **mini)
    with tarfile.open(mini["csvpath"]) as archive:
        archive.extractall(tmp_path / "unpacked", filter="data")
    d = xrv.get_dataset("openi", **{**mini, "csvpath": tmp_path / "unpacked"})
    pd.testing.assert_frame_equal(d.csv, packed.csv)


def test_zip_and_tar_give_equal_images(mini: dict[str, Any], tmp_path: Path) -> None:
    flat = xrv.get_dataset("openi", **mini)
    with zipfile.ZipFile(tmp_path / "i.zip", "w") as z, tarfile.open(tmp_path / "i.tar", "w") as t:
        for path in mini["imgpath"].iterdir():
            z.write(path, f"NLMCXR_png/{path.name}")
            t.add(path, path.name)
    for root in ("i.zip", "i.tar"):
        d = xrv.get_dataset("openi", **{**mini, "imgpath": tmp_path / root})
        assert all(torch.equal(d[i]["img"], flat[i]["img"]) for i in range(8))
    assert torch.equal(pickle.loads(pickle.dumps(d))[3]["img"], flat[3]["img"])


# -- the rules


def test_a_rule_needs_its_heading_and_its_qualifiers_as_whole_words() -> None:
    assert term_values("Nodule/lung/lingula").get("Nodule") == "present"
    assert term_values("Nodule/thorax/left").get("Nodule") == "unknown"
    assert term_values("Opacity/left/retrocardiac").get("Lung Opacity") == "present"
    assert term_values("Fractures, Bone/ribs/left/multiple/HEALED").get("Fracture") == "unknown"
    assert term_values("Subcutaneous  Emphysema/right").get("Emphysema") == "absent", "written with two blanks"
    assert term_values("Cystic Fibrosis").get("Fibrosis") == "absent"
    assert term_values("Nodules/lung") == {}
    assert term_values("No Indexing") == {"*": "unknown"}


def test_what_is_present_has_the_last_word() -> None:
    cells = ["Nodule/thorax|Nodule/lung", "Nodule/lung|Nodule/thorax", "Nodule/thorax", "normal", "", None]
    labels = mesh_labels(pd.Series(cells), ["Nodule", "Hernia"])
    nan = np.nan
    np.testing.assert_array_equal(labels, [[1, 0], [1, 0], [nan, 0], [0, 0], [nan, nan], [nan, nan]])


def test_the_rules_are_sound() -> None:
    assert {r.label for r in rules()} == {*OPENI.pathologies, "*"}
    assert {r.value for r in rules()} == {"present", "unknown", "absent"}
    keys = [(r.label, r.heading, r.qualifiers) for r in rules()]
    assert len(keys) == len(set(keys))


# -- bad input


BOMB = b"""<?xml version="1.0"?>
<!DOCTYPE eCitation [<!ENTITY a "aaaaaaaaaa">%s]>
<eCitation><uId id="CXR9"/><parentImage id="&h;"/></eCitation>
""" % b"".join(b'<!ENTITY %c "%s">' % (98 + n, b"&%c;" % (97 + n) * 10) for n in range(7))


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (BOMB, "document type declaration.* not read"),
        (BOMB.decode().encode("utf-16"), "cannot be read .*utf-8.*Download it again"),
        (b"<eCitation><uId", "cannot be read .*unclosed token.*Download it again"),
        (b"<eCitation/>", "not a report of Open-i.*no <uId id=...>"),
    ],
)
def test_a_report_that_is_none_is_named(mini: dict[str, Any], data: bytes, what: str) -> None:
    add_report(mini["csvpath"], data)
    with pytest.raises(TableError, match=f"{mini['csvpath']}/ecgen-radiology/90009.xml: .*{what}"):
        xrv.get_dataset("openi", **mini)


def test_damaged_empty_and_missing_archives(mini: dict[str, Any], tmp_path: Path) -> None:
    path = mini["csvpath"]
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(TableError, match=f"{path}.*cannot be read .*end-of-stream.*Download it again"):
        xrv.get_dataset("openi", **mini)
    (tmp_path / "empty").mkdir()
    with pytest.raises(TableError, match=f"{tmp_path / 'empty'}: no report with an image.*'openi'"):
        xrv.get_dataset("openi", **{**mini, "csvpath": tmp_path / "empty"})
    with pytest.raises(PathMissing, match=says(tmp_path / "no.tgz", "no such file", "NLMCXR_reports.tgz of 'openi'")):
        xrv.get_dataset("openi", **{**mini, "csvpath": tmp_path / "no.tgz"})


def test_wrong_tables_and_missing_images(mini: dict[str, Any]) -> None:
    with pytest.raises(
        MissingColumns,
        match=says(
            mini["tsnecsv"],
            "'openi'",
            "missing columns 'View Position', 'Study Date', \"Patient's Birth Date\"",
            "'imageid', 'tsne-view'",
            "nlmcxr_dicom_metadata.csv.gz",
        ),
    ):
        xrv.get_dataset("openi", **{**mini, "dicomcsv": mini["tsnecsv"]})
    (mini["imgpath"] / "CXR90003_IM-0001-1001.png").unlink()
    with pytest.raises(
        ImageMissing,
        match=says(
            mini["imgpath"],
            "1 of the 8 images",
            mini["csvpath"],
            "'CXR90003_IM-0001-1001.png'",
            "imgpath",
            'on_error="skip"',
        ),
    ):
        xrv.get_dataset("openi", **mini)
    assert len(xrv.get_dataset("openi", **mini, on_error="skip")) == 7


def test_a_header_table_that_names_an_image_twice_adds_no_row(mini: dict[str, Any], tmp_path: Path) -> None:
    table = pd.read_csv(mini["dicomcsv"])
    pd.concat([table, table]).to_csv(tmp_path / "twice.csv", index=False)
    assert len(xrv.get_dataset("openi", **{**mini, "dicomcsv": tmp_path / "twice.csv"})) == 8
    shutil.rmtree(mini["imgpath"])
    assert len(xrv.get_dataset("openi", **{**mini, "imgpath": None})) == 8
