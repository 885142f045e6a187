"""Labels of the eight datasets whose real tables torchxrayvision packages, element by element."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from real_tables import EIGHT, seed_cache

import xrv_core

EVERY_VIEW = {"views": "*", "unique_patients": False}


@dataclass(frozen=True)
class Peer:
    """How torchxrayvision opens all views and patients, and which of its columns identifies an image."""

    cls: str
    options: dict[str, Any]
    column: str
    key: Callable[[str], str] = lambda name: name


PEERS = {
    "nih": Peer("NIH_Dataset", EVERY_VIEW, "Image Index"),
    "nih-google": Peer("NIH_Google_Dataset", EVERY_VIEW, "Image Index"),
    "rsna": Peer("RSNA_Pneumonia_Dataset", {"views": "*"}, "patientId"),
    "padchest": Peer("PC_Dataset", EVERY_VIEW, "ImageID"),
    "chexpert": Peer("CheX_Dataset", EVERY_VIEW, "Path", lambda path: path.split("/", 1)[1]),
    "openi": Peer("Openi_Dataset", EVERY_VIEW, "imageid"),
    "siim": Peer("SIIM_Pneumothorax_Dataset", {}, "ImageId"),
    "vinbrain": Peer("VinBrain_Dataset", {"views": "*"}, "image_id"),
}


def stem(name: str) -> str:
    """An image's name without folder prefix of the release and without suffix."""
    for suffix in (".png", ".jpg", ".dcm", ".dicom"):
        name = name.removesuffix(suffix)
    return name


@pytest.fixture(scope="module", params=EIGHT)
def both(
    request: pytest.FixtureRequest, xrv_tables: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Any, Any, pd.DataFrame]]:
    """Our dataset under the peer's policy and under our own, and the peer's labels by image."""
    torchxrayvision = pytest.importorskip("torchxrayvision")
    peer = PEERS[request.param]
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        patch.setenv("XRV_CACHE_DIR", str(tmp_path_factory.mktemp("tables")))
        patch.setenv("XRV_OFFLINE", "1")
        seed_cache(xrv_tables)
        ours = xrv_core.get_dataset(request.param, labels="torchxrayvision")
        strict = xrv_core.get_dataset(request.param, labels="strict")
        theirs = getattr(torchxrayvision.datasets, peer.cls)(imgpath=".", **peer.options)
        keys = [stem(peer.key(str(name))) for name in theirs.csv[peer.column]]
        table = pd.DataFrame(theirs.labels, columns=[str(p) for p in theirs.pathologies], index=keys)
        yield ours, strict, table


@pytest.mark.parity
def test_every_label_of_every_image_is_equal(both: tuple[Any, Any, pd.DataFrame]) -> None:
    ours, _, theirs = both
    theirs = theirs.groupby(level=0, sort=False).max()  # siim has a row for each annotation: any of them counts
    keys = [stem(ours.image_name(row)) for row in range(len(ours))]
    assert len(set(keys)) == len(keys) == len(theirs)
    assert set(ours.pathologies) == set(theirs.columns)
    np.testing.assert_array_equal(ours.labels, theirs.loc[keys, ours.pathologies].to_numpy(np.float32))


@pytest.mark.parity
def test_where_the_two_policies_differ_the_source_can_be_asked_why(both: tuple[Any, Any, pd.DataFrame]) -> None:
    ours, strict, _ = both
    rows = {strict.image_name(row): row for row in range(len(strict))}
    pairs = [(row, rows[name]) for row in range(len(ours)) if (name := ours.image_name(row)) in rows]
    assert len(pairs) == len(ours), "strict leaves no image out that the peer has"
    a, b = np.array(pairs).T
    columns = [strict.pathologies.index(p) for p in ours.pathologies]
    differ = np.argwhere((ours.labels[a] == 1) != (strict.labels[b][:, columns] == 1))
    for row, column in differ[:: max(1, len(differ) // 50)]:
        assert ours.why(int(a[row]), ours.pathologies[column])
        assert strict.why(int(b[row]), ours.pathologies[column])


@pytest.mark.parity
def test_published_totals_in_the_spec_are_the_strict_ones(both: tuple[Any, Any, pd.DataFrame]) -> None:
    _, strict, _ = both
    totals = strict.totals()
    assert {label: totals[label].get(1.0, 0) for label in strict.spec.positives} == dict(strict.spec.positives)
