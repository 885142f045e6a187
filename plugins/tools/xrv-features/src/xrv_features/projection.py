"""From D features to two coordinates: UMAP, or the first two principal components."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xrv_core.datasets import whole_number
from xrv_core.errors import ArgumentError, InputError, MissingDependency
from xrv_features.table import Features

__all__ = ["METHODS", "NO_UMAP", "Projection", "choose_method", "project"]

METHODS = ("umap", "pca")
NO_UMAP = "umap-learn is not installed, so this is a PCA. For UMAP: pip install 'xrv-features[umap]'"
_INSTALL = "UMAP needs umap-learn, which is not installed: pip install 'xrv-features[umap]', or use method='pca'."

#: Rows of features that are converted to float64 together.
_ROWS = 4096
#: Least number of images; UMAP starts with a spectral layout, which needs 4.
_LEAST = {"umap": 4, "pca": 2}


@dataclass(frozen=True)
class Projection:
    """Two coordinates for every item.

    Attributes:
        points: float32 ``[N, 2]``, in the order of the features.
        method: "umap" or "pca".
        explained: Share of the variance that each axis of a PCA explains, in 0..1; empty for UMAP, whose axes
            have no meaning.
        parameters: Other values that the result depends on.
        note: A remark for the reader, or "".
    """

    points: NDArray[np.float32]
    method: str
    explained: tuple[float, ...] = ()
    parameters: dict[str, Any] = field(default_factory=dict)
    note: str = ""


def choose_method(method: str | None) -> tuple[str, str]:
    """The chosen method, by default UMAP if it is installed, and a note if it is not.

    Raises:
        ArgumentError: No such method.
        MissingDependency: UMAP is chosen but not installed.
    """
    if method is None:
        return ("umap", "") if _installed() else ("pca", NO_UMAP)
    if method not in METHODS:
        raise ArgumentError(f"method={method!r} is not valid. Choose one of: {', '.join(METHODS)}.")
    if method == "umap" and not _installed():
        raise MissingDependency(_INSTALL)
    return method, ""


def _installed() -> bool:
    """Whether umap-learn is installed. The check does not import it, which takes seconds."""
    return importlib.util.find_spec("umap") is not None


def project(
    features: Features | NDArray[np.float32],
    method: str | None = None,
    seed: int = 0,
    *,
    neighbors: int = 15,
    min_dist: float = 0.1,
) -> Projection:
    """Two coordinates for every row of ``features``.

    UMAP (McInnes et al., arXiv:1802.03426) keeps neighbours together; distances between clusters, their sizes and
    the axes mean little. PCA is linear: its axes are the directions of most variance. Features are not
    scaled. The same features, seed and versions give the same points on the same machine.

    Args:
        features: The result of ``extract_features``, or an array ``[N, D]`` of finite numbers.
        method: "umap" or "pca"; None: UMAP where umap-learn is installed, else PCA (the ``note`` says so).
        seed: Seed of UMAP; PCA is not random.
        neighbors: UMAP: number of neighbours of a point; few show detail, many the whole. At most N - 1.
        min_dist: UMAP: least distance of points in the picture, 0..1.

    Raises:
        ArgumentError: An argument is not valid.
        InputError: Too few rows, or values that are no finite numbers.
        MissingDependency: UMAP is chosen but not installed.
    """
    method, note = choose_method(method)
    seed, neighbors = whole_number("seed", seed, 0), whole_number("neighbors", neighbors, 2)
    if not 0 <= min_dist <= 1:
        raise ArgumentError(f"min_dist must be in 0..1, got {min_dist!r}.")
    values = _checked(features.values if isinstance(features, Features) else features, method)
    if method == "pca":
        points, explained = _pca(values)
        return Projection(points, method, explained, {}, note)
    parameters: dict[str, Any] = {
        "neighbors": min(neighbors, len(values) - 1),
        "min_dist": float(min_dist),
        "seed": seed,
    }
    return Projection(_umap(values, **parameters), method, (), parameters, note)


def _checked(values: Any, method: str) -> NDArray[np.float32]:
    values = np.asarray(values)
    if values.ndim != 2 or values.dtype.kind not in "fiu" or not values.shape[1]:
        raise InputError(f"features must be numbers [N, D], got {values.dtype} of shape {list(values.shape)}.")
    if len(values) < _LEAST[method]:
        raise InputError(f"{method.upper()} needs at least {_LEAST[method]} images, got {len(values)}.")
    if not np.isfinite(values).all():
        row = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"Row {row} of the features has NaN or infinite numbers.")
    checked: NDArray[np.float32] = values.astype(np.float32, copy=False)
    return checked


def _umap(values: NDArray[np.float32], *, neighbors: int, min_dist: float, seed: int) -> NDArray[np.float32]:
    import umap  # type: ignore[import-untyped]

    # a seed makes it run on one core anyway; said here so that it does not warn
    made = umap.UMAP(n_components=2, n_neighbors=neighbors, min_dist=min_dist, random_state=seed, n_jobs=1)
    return np.asarray(made.fit_transform(values), dtype=np.float32)


def _pca(values: NDArray[np.float32]) -> tuple[NDArray[np.float32], tuple[float, ...]]:
    """The first two principal components, from the smaller one of covariance and Gram matrix.

    The largest coefficient of each direction is positive, as in scikit-learn: else the sign is arbitrary.
    """
    items, dimension = values.shape
    mean = values.mean(axis=0, dtype=np.float64)
    small = np.zeros((min(items, dimension),) * 2)
    if dimension <= items:
        for start in range(0, items, _ROWS):
            block = values[start : start + _ROWS] - mean
            small += block.T @ block
    else:
        for start in range(0, dimension, _ROWS):
            block = values[:, start : start + _ROWS] - mean[start : start + _ROWS]
            small += block @ block.T
    variances, vectors = np.linalg.eigh(small)
    total = float(np.trace(small))
    points, explained = np.zeros((items, 2)), [0.0, 0.0]
    for axis in range(min(2, len(small))):
        variance, vector = max(float(variances[-1 - axis]), 0.0), vectors[:, -1 - axis]
        if variance <= total * 1e-12:
            continue  # nothing varies in this direction
        direction = vector if dimension <= items else _times(values, mean, vector) / np.sqrt(variance)
        direction = direction * np.sign(direction[np.argmax(np.abs(direction))])
        for start in range(0, items, _ROWS):
            points[start : start + _ROWS, axis] = (values[start : start + _ROWS] - mean) @ direction
        explained[axis] = variance / total
    return points.astype(np.float32), tuple(explained)


def _times(values: NDArray[np.float32], mean: NDArray[np.float64], vector: NDArray[np.float64]) -> Any:
    """``(values - mean).T @ vector``, without a float64 copy of all values."""
    product = np.zeros(values.shape[1])
    for start in range(0, len(values), _ROWS):
        product += (values[start : start + _ROWS] - mean).T @ vector[start : start + _ROWS]
    return product
