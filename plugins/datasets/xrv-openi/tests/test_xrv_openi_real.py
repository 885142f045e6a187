"""The real reports, beside torchxrayvision 1.5.7."""

from __future__ import annotations

import hashlib
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xrv_core as xrv
from xrv_core import Asset
from xrv_openi.plugin import OPENI
from xrv_openi.reports import read_reports
from xrv_openi.terms import rules, term_values

# Images: present, unknown (strict), and positive by torchxrayvision. All 7,470; the rest is absent.
COUNTS = {
    "Atelectasis": (616, 172, 711),
    "Calcified Granuloma": (511, 357, 416),
    "Cardiomegaly": (655, 210, 493),
    "Edema": (87, 172, 144),
    "Effusion": (292, 172, 346),
    "Emphysema": (199, 172, 193),
    "Fibrosis": (36, 172, 39),
    "Fracture": (85, 252, 189),
    "Granuloma": (610, 357, 781),
    "Hernia": (90, 172, 97),
    "Infiltration": (116, 410, 174),
    "Lung Lesion": (208, 203, 7),
    "Lung Opacity": (762, 552, 819),
    "Mass": (23, 181, 13),
    "Nodule": (189, 194, 157),
    "Pleural_Thickening": (82, 172, 68),
    "Pneumonia": (77, 172, 158),
    "Pneumothorax": (54, 172, 44),
}


@pytest.fixture(scope="module")
def paths(xrv_tables: Path) -> dict[str, Path]:
    reports, dicom, tsne = (xrv_tables / asset.name.rpartition("/")[2] for asset in OPENI.tables)
    return {"csvpath": reports, "dicomcsv": dicom, "tsnecsv": tsne}


@pytest.fixture
def reference(monkeypatch: pytest.MonkeyPatch) -> Any:
    """torchxrayvision's datasets, kept from reseeding numpy for the tests that follow."""
    datasets = pytest.importorskip("torchxrayvision").datasets
    monkeypatch.setattr(np.random, "seed", lambda seed: None)
    return datasets


@pytest.mark.parity
@pytest.mark.parametrize("asset", OPENI.tables, ids=lambda a: a.name)
def test_the_assets_are_the_packaged_tables(xrv_tables: Path, asset: Asset) -> None:
    data = (xrv_tables / asset.name.rpartition("/")[2]).read_bytes()
    assert (asset.sha256, asset.size) == (hashlib.sha256(data).hexdigest(), len(data))


@pytest.mark.parity
def test_torchxrayvision_labels_bit_for_bit(paths: dict[str, Path], reference: Any) -> None:
    d = xrv.get_dataset("openi", **paths, labels="torchxrayvision")
    theirs = reference.Openi_Dataset(imgpath="/", views=["*"], unique_patients=False)
    position = {image: i for i, image in enumerate(theirs.csv["imageid"])}
    rows = [position[image] for image in d.csv["imageid"]]
    assert d.pathologies == [str(name) for name in theirs.pathologies]
    np.testing.assert_array_equal(d.labels, theirs.labels[rows])
    assert d.csv["patientid"].tolist() == theirs.csv["patientid"].iloc[rows].tolist()
    lateral = {"LATERAL": "L", "LARGE LATERAL": "L"}
    assert d.csv["view"].tolist() == theirs.csv["view"].iloc[rows].replace(lateral).tolist()
    assert {name: int(total[1.0]) for name, total in d.totals().items()} == {n: c[2] for n, c in COUNTS.items()}


@pytest.mark.parity
def test_counts_are_the_published_ones(paths: dict[str, Path]) -> None:
    d = xrv.get_dataset("openi", **paths)
    assert (len(d), d.csv["patientid"].nunique(), tuple(d.views)) == (OPENI.images, OPENI.patients, OPENI.views)
    assert int(d.csv["view"].isin(["PA", "AP"]).sum()) == OPENI.images_frontal
    assert len(xrv.get_dataset("openi", **paths, views="PA", unique_patients=True)) == 2_314
    derived = xrv.get_dataset("openi", **paths, use_tsne_derived_view=True)
    assert derived.csv["view"].value_counts().to_dict() == {"PA": 3_267, "L": 584, "UNKNOWN": 3_619}
    assert d.csv["age_years"].between(17, 100).sum() == 7_467


@pytest.mark.parity
def test_the_papers_calcified_granulomas_are_those_of_the_derived_pa_views(paths: dict[str, Path]) -> None:
    d = xrv.get_dataset("openi", **paths, use_tsne_derived_view=True, views="PA", labels="torchxrayvision")
    assert d.totals()["Calcified Granuloma"][1.0] == 193


@pytest.mark.parity
def test_strict_counts(paths: dict[str, Path]) -> None:
    d = xrv.get_dataset("openi", **paths)
    ours = {n: (int(total[1.0]), 7_470 - int(sum(total.values()))) for n, total in d.totals().items()}
    assert ours == {name: counts[:2] for name, counts in COUNTS.items()}
    nobody = d.csv["mesh_major"] == "No Indexing"
    assert nobody.sum() == 172
    assert np.isnan(d.labels[nobody]).all()
    silent = d.csv["mesh_automatic"] == ""
    assert silent.sum() == 3_408
    assert d.labels[silent & (d.csv["mesh_major"] == "normal")].sum() == 0
    assert np.nansum(d.labels[silent]) == 76, "what the program missed, people coded"


@pytest.mark.parity
def test_every_rule_decides_a_real_term_and_no_term_is_in_doubt(paths: dict[str, Path]) -> None:
    cells = read_reports(paths["csvpath"], "openi")["mesh_major"]
    terms = sorted({term for cell in cells for term in cell.split("|")})
    assert len(terms) == 1_681
    used = set()
    for term in terms:
        heading, *own = (" ".join(part.split()).lower() for part in term.split("/"))
        fit = [r for r in rules() if r.heading == heading and r.qualifiers <= {*own}]
        for label, value in term_values(term).items():
            most = max(len(r.qualifiers) for r in fit if r.label == label)
            decide = {r for r in fit if r.label == label and len(r.qualifiers) == most}
            assert {r.value for r in decide} == {value}, (term, label, decide)
            used |= decide
    assert [r for r in rules() if r not in used] == []


@pytest.mark.parity
def test_opening_takes_seconds_at_most(paths: dict[str, Path]) -> None:
    start = time.perf_counter()
    xrv.get_dataset("openi", **paths)
    assert time.perf_counter() - start < 10, "1.4 s on two quiet cores"


@pytest.mark.parity
def test_torchxrayvision_opens_our_miniature_and_agrees(tmp_path: Path, reference: Any) -> None:
    mini = xrv.miniature("openi", tmp_path)
    theirs = reference.Openi_Dataset(
        str(mini["imgpath"]), mini["csvpath"], mini["dicomcsv"], mini["tsnecsv"], views=["*"], unique_patients=False
    )
    d = xrv.get_dataset("openi", **mini, labels="torchxrayvision")
    assert d.csv["imageid"].tolist() == theirs.csv["imageid"].tolist()
    np.testing.assert_array_equal(d.labels, theirs.labels)
    for i in range(8):
        np.testing.assert_array_equal(d[i]["img"].numpy(), theirs[i]["img"])
