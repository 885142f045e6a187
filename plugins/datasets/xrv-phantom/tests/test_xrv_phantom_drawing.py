"""The drawings: anatomy where it belongs, findings where their masks are, sites that differ."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

import xrv_core as xrv
from xrv_phantom.canvas import FIELD_CM
from xrv_phantom.dataset import PhantomDataset
from xrv_phantom.findings import PATHOLOGIES
from xrv_phantom.marks import LABEL, _stencil

HEALTHY = dict.fromkeys(PATHOLOGIES, 0.0)
IN_THE_LUNGS = sorted(set(PATHOLOGIES) - {"Cardiomegaly"})

Image = NDArray[np.float32]


def phantom(**options: Any) -> PhantomDataset:
    d = xrv.get_dataset("phantom", **{"n": 24, "size": 128, **options})
    assert isinstance(d, PhantomDataset)
    return d


def findings(d: PhantomDataset, row: int) -> dict[str, Image]:
    return {name: mask[0] for name, mask in d.pathology_masks_of(row, (d.size, d.size)).items()}


def structures(d: PhantomDataset, row: int) -> dict[str, Image]:
    return {name: mask[0] for name, mask in d.semantic_masks_of(row, (d.size, d.size)).items()}


def of_view(d: PhantomDataset, *views: str) -> list[int]:
    return [int(i) for i in np.flatnonzero(d.csv["view"].isin(views))]


# -- pixels


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), size=st.integers(64, 300), row=st.integers(0, 5))
def test_any_seed_and_size_give_sound_pixels_and_masks(seed: int, size: int, row: int) -> None:
    d = phantom(seed=seed, size=size, n=6, prevalence=0.5)
    pixels = d.pixels(row)
    assert pixels.dtype == np.float32
    assert pixels.shape == (1, size, size)
    assert np.abs(pixels).max() <= 1024
    assert -700 < pixels.mean() < 700
    assert pixels.std() > 250
    masks = findings(d, row)
    assert sorted(masks) == [name for name, value in zip(d.pathologies, d.labels[row], strict=True) if value]
    for mask in (*masks.values(), *structures(d, row).values()):
        assert mask.dtype == np.float32
        assert mask.any()
        assert set(np.unique(mask)) <= {0.0, 1.0}


def test_every_size_shows_the_same_picture() -> None:
    small, large = phantom(size=128, n=12), phantom(size=512, n=12)
    for row in range(12):
        shrunk = large.pixels(row)[0].reshape(128, 4, 128, 4).mean((1, 3))
        inside = slice(16, 112)  # letters and border are made of whole pixels
        assert np.corrcoef(small.pixels(row)[0][inside, inside].ravel(), shrunk[inside, inside].ravel())[0, 1] > 0.985
        for name, mask in findings(small, row).items():
            assert mask.mean() == pytest.approx(findings(large, row)[name].mean(), rel=0.2, abs=5e-4)


def test_every_picture_says_synthetic_at_the_same_place() -> None:
    d = phantom(size=224)
    letters = _stencil(LABEL, 1)
    window = (slice(-letters.shape[0], None), slice(0, letters.shape[1]))
    for row in range(8):
        assert ((d.pixels(row)[0][window] == 1024) == letters).all()
        assert (d.pixels(row)[0][window][~letters] == -1024).all()


# -- anatomy


def test_the_frontal_chest_is_laid_out_as_it_should_be() -> None:
    d = phantom(n=60, prevalence=HEALTHY, sites=["A"])
    columns = np.arange(128)
    for row in of_view(d, "PA", "AP"):
        pixels, parts = d.pixels(row)[0], structures(d, row)
        lungs, heart = parts["Lungs"] > 0, parts["Heart"] > 0
        right, left = parts["Right Lung"] > 0, parts["Left Lung"] > 0
        assert not (right & left).any()
        assert (right | left).sum() == lungs.sum()
        middle = (columns * right.sum(0)).sum() / right.sum(), (columns * left.sum(0)).sum() / left.sum()
        assert middle[0] < 58 < 70 < middle[1], "the patient's right lung is on the image's left"
        above = heart & (np.arange(128)[:, None] < np.flatnonzero(right.any(1))[-1] - 20)
        assert pixels[lungs].mean() + 400 < pixels[above].mean(), "the heart is brighter than the lungs"
        assert (columns * heart.sum(0)).sum() / heart.sum() > sum(middle) / 2, "it lies to the patient's left"
        assert not (lungs & heart).any()
        assert pixels[64, 64 - 3 : 64 + 4].mean() > pixels[lungs].mean() + 400, "the spine is bright"


def test_the_right_dome_stands_higher_and_angles_are_deep() -> None:
    d = phantom(n=40, size=224, prevalence=HEALTHY)
    centimetre = 224 / FIELD_CM
    for row in of_view(d, "PA"):
        dome = {}
        for name in ("Right Lung", "Left Lung"):
            mask = structures(d, row)[name] > 0
            bottoms = [int(np.flatnonzero(mask[:, c])[-1]) for c in np.flatnonzero(mask.any(0))]
            outwards = bottoms if name == "Left Lung" else bottoms[::-1]
            dome[name] = outwards[round(0.7 * len(outwards))]  # clear of the heart
            assert max(outwards) > dome[name] + 1.0 * centimetre, "the costophrenic angle"
        assert dome["Right Lung"] < dome["Left Lung"]


def test_the_heart_of_a_pa_image_is_wide_where_labelled() -> None:
    d = phantom(n=200, size=224, prevalence={"Cardiomegaly": 0.5})
    column = d.pathologies.index("Cardiomegaly")
    for row in of_view(d, "PA"):
        parts = structures(d, row)
        heart, chest = (np.flatnonzero((parts[k] > 0).any(0)) for k in ("Heart", "Lungs"))
        ratio = np.ptp(heart) / np.ptp(chest)
        assert (ratio > 0.5) == bool(d.labels[row, column]) or abs(ratio - 0.5) < 0.025


# -- findings


@pytest.mark.parametrize("view", ["PA", "AP", "L"])
@pytest.mark.parametrize("name", IN_THE_LUNGS)
def test_a_finding_is_in_the_lungs_and_changes_what_its_mask_covers(name: str, view: str) -> None:
    options: dict[str, Any] = {"n": 120, "views": [view], "sites": ["A"]}
    sick, well = phantom(prevalence={**HEALTHY, name: 1.0}, **options), phantom(prevalence=HEALTHY, **options)
    changes, outside, seen = [], [], []
    for row in range(12):
        mask, parts = findings(sick, row)[name] > 0, structures(well, row)
        chest = (parts["Lungs"] > 0) | (parts["Heart"] > 0)
        seen.append((mask & chest).sum() / mask.sum())
        change = sick.pixels(row)[0] - well.pixels(row)[0]
        changes.append(change[mask].mean())
        outside.append(np.abs(change[~chest]).mean())
    assert np.mean(seen) > 0.85, seen  # a collapse raises the diaphragm, so its lung is not quite the healthy one
    sign = -1 if name == "Pneumothorax" else 1
    assert np.mean(np.sign(changes) == sign) >= 0.9, changes
    assert sign * np.mean(changes) > 20
    assert np.mean(outside) < 25, "the rest of the body stays as it was"


def test_a_pneumothorax_begins_at_the_apex_and_touches_the_wall() -> None:
    d = phantom(n=60, prevalence={**HEALTHY, "Pneumothorax": 1.0}, views=["PA"])
    for row in range(10):
        mask, parts = findings(d, row)["Pneumothorax"] > 0, structures(d, row)
        sides = (parts["Left Lung"] > 0, parts["Right Lung"] > 0)
        healthy, hurt = sorted(sides, key=lambda side, air=mask: (side & air).sum())
        assert not (mask & healthy).any(), "one side only"
        assert np.flatnonzero(mask.any(1))[0] == np.flatnonzero(hurt.any(1))[0], "it begins at the apex"
        level = np.flatnonzero(mask.any(1))[10]
        edges = np.flatnonzero(hurt[level])[[0, -1]]
        assert mask[level, edges].any(), "it touches the wall"


def test_nodules_are_up_to_three_centimetres_and_masses_above() -> None:
    centimetre = 224 / FIELD_CM
    for name, low, high in (("Nodule", 0.8, 3.3), ("Mass", 2.4, 9.5)):
        d = phantom(n=80, size=224, prevalence={**HEALTHY, name: 1.0}, views=["L"])
        for row in range(15):
            wide = connected_width(findings(d, row)[name] > 0) / centimetre
            assert low <= wide <= high, (name, row)


def connected_width(mask: NDArray[np.bool_]) -> float:
    """Height of the highest column of a mask without a gap, in pixels."""
    best = 0
    for column in mask.T:
        edges = np.flatnonzero(np.diff(np.concatenate([[0], column.astype(int), [0]])))
        best = max([best, *(edges[1::2] - edges[::2])])
    return float(best)


def test_a_lasting_finding_keeps_its_place_between_visits() -> None:
    d = phantom(n=400, prevalence={**HEALTHY, "Mass": 1.0}, views=["PA"])
    checked = 0
    for _, rows in d.csv.groupby("patientid"):
        if len(rows) < 2:
            continue
        first, second = (findings(d, int(row))["Mass"] for row in rows.index[:2])
        centres = [np.argwhere(mask > 0).mean(0) for mask in (first, second)]
        assert np.abs(centres[0] - centres[1]).max() < 14, "another breath, another stance, the same mass"
        checked += 1
        if checked == 8:
            return
    raise AssertionError("too few patients with two PA images")


# -- sites


def test_sites_differ_for_the_same_people() -> None:
    by_site = {site: phantom(n=40, sites=[site]) for site in "ABC"}
    assert all((by_site["A"].labels == d.labels).all() for d in by_site.values())
    assert all((by_site["A"].csv["patientid"] == d.csv["patientid"]).all() for d in by_site.values())
    means = {site: np.mean([d.pixels(i).mean() for i in range(20)]) for site, d in by_site.items()}
    assert means["B"] > means["A"] + 40 > means["C"] + 80
    assert {site: set(d.csv["marker"]) - {"none"} for site, d in by_site.items()} == {
        "A": {"L"}, "B": {"R"}, "C": {"text"},
    }  # fmt: skip
    row = int(np.flatnonzero(by_site["A"].csv["marker"] == "L")[0])
    corner = by_site["A"].pixels(row)[0][6:20, 110:127]
    assert (corner == 1000).sum() == 11, "the letter L: seven pixels down, four more across"


def test_the_site_says_nothing_about_the_findings() -> None:
    d = phantom(n=20_000)
    share = d.csv.assign(any=d.labels.any(axis=1)).groupby("site")["any"].mean()
    assert np.ptp(share) < 0.03
    assert np.ptp(d.csv.assign(any=d.labels.any(axis=1)).groupby("view")["any"].mean()) < 0.04
