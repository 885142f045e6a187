"""The numbers: against scikit-learn, against naive resampling, and against what is known to be true."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn import metrics as sk

from xrv_eval.bootstrap import bootstrap_aurocs, cluster_codes, interval, rank, weighted_auroc
from xrv_eval.metrics import metrics_table, point_metrics, reliability

#: Scores on a coarse grid, so that ties are the rule; 0, 0.5 and 1 among them.
GRID = st.integers(0, 8).map(lambda k: k / 8)


@st.composite
def cases(draw: st.DrawFn) -> tuple[np.ndarray, np.ndarray]:
    n = draw(st.integers(2, 40))
    positive = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    positive[:2] = [True, False]
    elements = draw(st.sampled_from([GRID, st.floats(0, 1, width=32)]))
    scores = np.array(draw(st.lists(elements, min_size=n, max_size=n)), dtype=np.float32)
    return positive, scores


@given(cases())
def test_point_metrics_are_those_of_scikit_learn(case: tuple[np.ndarray, np.ndarray]) -> None:
    positive, scores = case
    found = point_metrics(positive, scores)
    assert found["auroc"] == pytest.approx(sk.roc_auc_score(positive, scores), abs=1e-9)
    assert found["auprc"] == pytest.approx(sk.average_precision_score(positive, scores), abs=1e-9)
    assert found["sensitivity"] == pytest.approx(sk.recall_score(positive, scores >= 0.5), abs=1e-9)
    assert found["specificity"] == pytest.approx(sk.recall_score(~positive, scores < 0.5), abs=1e-9)
    assert found["brier"] == pytest.approx(sk.brier_score_loss(positive, scores.astype(float)), abs=1e-9)


@given(cases(), st.randoms(use_true_random=False))
def test_weights_are_the_same_as_repeated_images(case: tuple[np.ndarray, np.ndarray], random: object) -> None:
    positive, scores = case
    n = len(scores)
    clusters = np.array([random.randrange(n) for _ in range(n)])  # type: ignore[attr-defined]
    weights = np.array([[random.randrange(4) for _ in range(n)] for _ in range(5)])  # type: ignore[attr-defined]
    found = weighted_auroc(rank(positive, scores, clusters), weights)
    for row, auroc in zip(weights, found, strict=True):
        again = np.repeat(np.arange(n), row[clusters])
        if len(set(positive[again])) == 2:
            assert auroc == pytest.approx(sk.roc_auc_score(positive[again], scores[again]), abs=1e-9)
        else:
            assert math.isnan(auroc)


@given(cases())
def test_calibration_error_is_that_of_its_definition(case: tuple[np.ndarray, np.ndarray]) -> None:
    positive, scores = case
    bins = np.minimum(np.floor(scores.astype(float) * 15), 14)
    members = [bins == b for b in range(15) if (bins == b).any()]
    gaps = [m.mean() * abs(positive[m].mean() - scores[m].astype(float).mean()) for m in members]
    found = reliability(positive, scores)
    assert found.error == pytest.approx(sum(gaps), abs=1e-9)
    assert found.count.sum() == len(scores)


def test_calibration_error_of_known_cases() -> None:
    half = np.array([True, False] * 50)
    assert reliability(half, np.full(100, 0.5, dtype=np.float32)).error == 0
    assert reliability(half, half.astype(np.float32)).error == 0
    assert reliability(half, (~half).astype(np.float32)).error == 1
    assert reliability(half, np.full(100, 0.9, dtype=np.float32)).error == pytest.approx(0.4, abs=1e-6)


@settings(max_examples=30)
@given(hnp.arrays(np.float32, st.integers(2, 50), elements=st.floats(0, 1, width=32)))
def test_a_constant_shift_of_ranks_changes_no_auroc(scores: np.ndarray) -> None:
    positive = np.arange(len(scores)) % 2 == 0
    everyone = np.ones((1, len(scores)), dtype=int)
    once = weighted_auroc(rank(positive, scores, np.arange(len(scores))), everyone)
    again = weighted_auroc(rank(positive, scores.astype(np.float64) ** 3, np.arange(len(scores))), everyone)
    assert once == again


def test_unknown_patients_are_clusters_of_their_own() -> None:
    codes = cluster_codes(["b", None, "a", "b", None, "unknown"])
    assert codes.tolist() == [0, 1, 2, 0, 3, 4]


def test_the_bootstrap_draws_patients_and_not_images() -> None:
    """Ten copies of every image under its patient's name are no new information: the interval must not shrink."""
    generator = np.random.default_rng(0)
    labels = (generator.random(80) < 0.5).astype(np.float32)[:, None]
    scores = np.clip(generator.normal(0.4 + 0.15 * labels, 0.15), 0, 1).astype(np.float32)
    patients = np.arange(80)

    def width(repeat: int, clusters: np.ndarray) -> float:
        table = metrics_table(["A"], np.repeat(labels, repeat, 0), np.repeat(scores, repeat, 0), clusters).table
        return float(table.at[0, "auroc_high"] - table.at[0, "auroc_low"])

    assert width(10, np.repeat(patients, 10)) == pytest.approx(width(1, patients), abs=1e-12)
    assert width(10, np.arange(800)) < 0.5 * width(1, patients)


def test_chunks_do_not_change_the_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    generator = np.random.default_rng(1)
    ranked = rank(generator.random(50) < 0.5, generator.random(50).astype(np.float32), np.arange(50) // 2)
    whole = bootstrap_aurocs([ranked], 25, 101, seed=3)
    advanced: list[int] = []
    monkeypatch.setattr("xrv_eval.bootstrap._CELLS", 350)
    parts = bootstrap_aurocs([ranked], 25, 101, seed=3, advance=advanced.append)
    assert np.array_equal(whole, parts)
    assert len(advanced) > 10
    assert sum(advanced) == 101


def test_interval_needs_half_of_the_resamples() -> None:
    values = np.linspace(0, 1, 1001)
    assert interval(values) == pytest.approx((0.025, 0.975))
    values[:501] = np.nan
    assert interval(values)[0] != interval(values)[0]
    assert all(math.isnan(v) for v in interval(np.array([])))


def test_labels_that_cannot_be_scored_say_why_and_leave_the_mean_alone() -> None:
    nan = np.nan
    labels = np.array([[1, 0, nan, 3, 1], [0, 0, nan, 0, 0], [1, nan, nan, 1, 0], [0, 0, nan, 0, 0]], dtype=np.float32)
    scores = np.array([[0.9] * 5, [0.2] * 5, [0.4] * 5, [0.6] * 5], dtype=np.float32)
    found = metrics_table(list("ABCDE"), labels, scores, np.arange(4), bootstrap=200)
    table = found.table.set_index("pathology")
    assert table["status"].to_dict() == {
        "A": "scored",
        "B": "one class only",
        "C": "no labels",
        "D": "labels other than 0 and 1",
        "E": "scored",
    }
    assert table.loc["B", ["n_positive", "n_negative", "n_unknown"]].tolist() == [0, 3, 1]
    metrics = ["auroc", "auroc_low", "auroc_high", "auprc", "sensitivity", "specificity", "ece", "brier"]
    assert table.loc[["B", "C", "D"], metrics].isna().all(axis=None)
    assert table.loc[["A", "E"], "auroc"].tolist() == [0.75, 1.0]
    assert table.loc["E", "note"].startswith("no interval: fewer than 2 patients")
    assert table.loc["A", "note"] == ""


def test_perfect_separation_has_no_interval() -> None:
    labels = np.array([[1], [1], [0], [0]] * 5, dtype=np.float32)
    found = metrics_table(["A"], labels, labels * 0.8, np.arange(20))
    row = found.table.loc[0]
    assert all(math.isnan(v) for v in found.mean_interval)
    assert row["auroc"] == 1
    assert math.isnan(row["auroc_low"])
    assert row["note"].startswith("no interval: all resamples agree")


def test_no_bootstrap_no_interval() -> None:
    labels = np.array([[1], [0]] * 10, dtype=np.float32)
    scores = np.linspace(0, 1, 20, dtype=np.float32)[:, None]
    found = metrics_table(["A"], labels, scores, np.arange(20), bootstrap=0)
    assert found.table.loc[0, ["auroc_low", "auroc_high"]].isna().all()
    assert all(math.isnan(v) for v in found.mean_interval)


def coverage(runs: int, *, clusters_known: bool) -> float:
    """Share of simulated data sets whose interval holds the true AUROC.

    100 patients with 4 images each; patient and image each give half of the variance of a score, and the finding,
    which is the patient's, shifts it by 1 standard deviation: AUROC = Phi(1 / sqrt 2) = 0.7602.
    """
    truth = 0.5 * (1 + math.erf(0.5))
    hits = 0
    for run in range(runs):
        generator = np.random.default_rng(1000 + run)
        patients = np.repeat(np.arange(100), 4)
        labels = (generator.random(100) < 0.4)[patients]
        scores = labels + math.sqrt(0.5) * (generator.normal(size=100)[patients] + generator.normal(size=400))
        codes = patients if clusters_known else np.arange(400)
        resampled = bootstrap_aurocs([rank(labels, scores, codes)], int(codes.max()) + 1, 400, seed=run)
        low, high = interval(resampled[:, 0])
        hits += low <= truth <= high
    return hits / runs


@pytest.mark.slow
def test_the_interval_covers_the_truth_as_often_as_it_says() -> None:
    """Of 2000 runs, 95 % +- 1.5 is three standard errors; the percentile interval is known to be a little short."""
    assert 0.925 <= coverage(2000, clusters_known=True) <= 0.965
    assert coverage(500, clusters_known=False) < 0.85, "resampling images would promise too much"
