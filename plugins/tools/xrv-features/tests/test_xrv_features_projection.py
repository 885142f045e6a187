"""PCA is scikit-learn's; UMAP is umap-learn's, with the seed; what is not installed is said."""

from __future__ import annotations

import importlib.machinery
import sys
import types
from typing import Any, ClassVar

import numpy as np
import pytest

from xrv_core.errors import MissingDependency
from xrv_features import project, projection


def blobs(items: int, dimension: int, seed: int = 0) -> np.ndarray:
    """Three clusters with unequal variances, far from the origin."""
    draw = np.random.default_rng(seed)
    centres = draw.normal(0, 8, (3, dimension))
    spread = draw.uniform(0.1, 2, dimension)
    values = 50 + centres[np.arange(items) % 3] + draw.normal(size=(items, dimension)) * spread
    return values.astype(np.float32)


@pytest.mark.parametrize(("items", "dimension"), [(200, 12), (30, 300), (40, 40), (2, 5), (50, 2)])
def test_pca_is_scikit_learns(items: int, dimension: int, monkeypatch: pytest.MonkeyPatch) -> None:
    from sklearn.decomposition import PCA

    monkeypatch.setattr(projection, "_ROWS", 16)
    values = blobs(items, dimension)
    found = project(values, "pca")
    reference = PCA(2, svd_solver="full").fit(values.astype(np.float64))
    expected = reference.transform(values.astype(np.float64))
    np.testing.assert_allclose(found.points, expected, atol=1e-4 * np.abs(expected).max())
    np.testing.assert_allclose(found.explained, reference.explained_variance_ratio_, atol=1e-9)
    assert (found.method, found.points.dtype, found.note) == ("pca", np.float32, "")


@pytest.mark.parametrize("values", [np.ones((5, 3)), np.ones((3, 9)), np.arange(6.0)[:, None], np.eye(2)])
def test_pca_of_what_hardly_varies(values: np.ndarray) -> None:
    found = project(values, "pca")
    assert np.isfinite(found.points).all()
    assert not found.points[:, 1].any()
    assert found.explained in ((0.0, 0.0), (1.0, 0.0))
    if values.shape[1] == 1:
        np.testing.assert_allclose(found.points[:, 0], values[:, 0] - 2.5)


def test_pca_is_the_same_every_time_whatever_the_seed() -> None:
    values = blobs(60, 9)
    assert np.array_equal(project(values, "pca", seed=0).points, project(values, "pca", seed=7).points)


class FakeUmap:
    asked: ClassVar[dict[str, Any]] = {}

    def __init__(self, **options: Any) -> None:
        FakeUmap.asked = options

    def fit_transform(self, values: np.ndarray) -> np.ndarray:
        return np.random.default_rng(self.asked["random_state"]).normal(size=(len(values), 2))


@pytest.fixture
def fake_umap(monkeypatch: pytest.MonkeyPatch) -> type[FakeUmap]:
    module: Any = types.ModuleType("umap")
    module.UMAP, module.__spec__ = FakeUmap, importlib.machinery.ModuleSpec("umap", None)
    monkeypatch.setitem(sys.modules, "umap", module)
    return FakeUmap


def test_umap_is_asked_with_the_seed(fake_umap: type[FakeUmap]) -> None:
    found = project(blobs(9, 4), seed=3, min_dist=0.5)
    assert fake_umap.asked == {"n_components": 2, "n_neighbors": 8, "min_dist": 0.5, "random_state": 3, "n_jobs": 1}
    assert (found.method, found.explained, found.note) == ("umap", (), "")
    assert found.parameters == {"neighbors": 8, "min_dist": 0.5, "seed": 3}
    assert found.points.shape == (9, 2)
    project(blobs(30, 4), "umap", neighbors=5)
    assert fake_umap.asked["n_neighbors"] == 5


def test_without_umap_it_is_a_pca_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(projection, "_installed", lambda: False)
    found = project(blobs(9, 4))
    assert found.method == "pca"
    assert "pip install 'xrv-features[umap]'" in found.note
    with pytest.raises(MissingDependency, match=r"pip install 'xrv-features\[umap\]'.* method='pca'"):
        project(blobs(9, 4), "umap")


@pytest.mark.slow
def test_umap_itself_separates_clusters_and_repeats() -> None:
    pytest.importorskip("umap")
    from sklearn.metrics import silhouette_score

    values, before = blobs(150, 20), np.random.get_state()[1].copy()
    found = project(values, "umap", seed=5)
    assert np.array_equal(np.random.get_state()[1], before)
    assert silhouette_score(found.points, np.arange(150) % 3) > 0.7
    assert np.array_equal(project(values, "umap", seed=5).points, found.points)
    assert not np.array_equal(project(values, "umap", seed=6).points, found.points)
    assert np.isfinite(project(values[:4], "umap").points).all(), "the fewest that it takes"
