"""Who comes to be X-rayed: patients, visits, views, findings and sites, drawn without drawing an image."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from xrv_phantom.findings import PATHOLOGIES

__all__ = ["PREVALENCE", "SITES", "SPLITS", "draw_population"]

#: Each split has a stream of random numbers of its own: no patient can be in two. None is a fourth one.
SPLITS: Mapping[str | None, int] = {None: 0, "train": 1, "valid": 2, "test": 3}

#: Share of visits at which each finding is there.
PREVALENCE = {
    "Atelectasis": 0.16,
    "Cardiomegaly": 0.16,
    "Effusion": 0.18,
    "Lung Opacity": 0.18,
    "Mass": 0.10,
    "Nodule": 0.14,
    "Pneumothorax": 0.12,
}

# How much of a finding's chance stays with the patient from visit to visit
_LASTING = np.array([0.4, 0.97, 0.5, 0.3, 0.95, 0.95, 0.2])

# Correlations of the normal variables behind the findings, in the order of PATHOLOGIES
_TOGETHER = {
    ("Atelectasis", "Cardiomegaly"): 0.15,
    ("Atelectasis", "Effusion"): 0.45,
    ("Atelectasis", "Lung Opacity"): 0.3,
    ("Atelectasis", "Mass"): 0.2,
    ("Atelectasis", "Pneumothorax"): 0.15,
    ("Cardiomegaly", "Effusion"): 0.35,
    ("Effusion", "Lung Opacity"): 0.3,
    ("Effusion", "Mass"): 0.15,
    ("Effusion", "Pneumothorax"): 0.1,
    ("Mass", "Nodule"): 0.3,
}

_VISITS, _BLOCK = 3, 2048


@dataclass(frozen=True)
class Site:
    """A hospital: middle and spread of what its machines do to a picture, and what it burns in."""

    exposure: tuple[float, float]
    contrast: tuple[float, float]
    noise: tuple[float, float]
    border: tuple[float, float]
    marker: str


#: The hospitals. One image in ten has no marker.
SITES = {
    "A": Site((0.0, 0.05), (1.0, 0.06), (1.0, 0.2), (0.0, 0.0), "L"),
    "B": Site((0.09, 0.05), (0.88, 0.06), (1.7, 0.3), (0.015, 0.015), "R"),
    "C": Site((-0.07, 0.05), (1.14, 0.06), (0.7, 0.2), (0.045, 0.02), "text"),
}


def draw_population(
    n: int, seed: int, split: str | None, prevalence: Mapping[str, float], sites: tuple[str, ...]
) -> tuple[pd.DataFrame, NDArray[np.float32]]:
    """The first ``n`` images of a split.

    Every patient has a row of its own in the stream of random numbers, so the first images are the same for
    every ``n``, and patients stay who they are when ``prevalence`` or ``sites`` change.

    Args:
        n: Number of images.
        seed: Seed, 0 or more.
        split: A key of ``SPLITS``.
        prevalence: Share of each of ``PATHOLOGIES``, 0..1.
        sites: Keys of ``SITES``; every patient comes to one of them, with equal chances.

    Returns:
        A table with n rows and the labels, float32 ``[n, 7]`` of 0 and 1.
    """
    entropy = (seed, SPLITS[split])
    choices, chances = (np.random.default_rng(np.random.SeedSequence((*entropy, 0, kind))) for kind in (0, 1))
    tables, labels, start, images = [], [], 0, 0
    while images < n:
        uniform = choices.random((_BLOCK, 4 + 12 * _VISITS))
        normal = chances.standard_normal((_BLOCK, 1 + _VISITS, len(PATHOLOGIES)))
        table = pd.DataFrame(dict(_columns(uniform, sites)))
        table["patient"] += start
        present = _findings(normal, prevalence)
        labels.append(present[table["patient"].to_numpy() - start, table["visit"].to_numpy()])
        tables.append(table)
        start, images = start + _BLOCK, images + len(table)
    return pd.concat(tables, ignore_index=True).iloc[:n].copy(), np.concatenate(labels)[:n]


def _findings(normal: NDArray[np.float64], prevalence: Mapping[str, float]) -> NDArray[np.float32]:
    """Findings ``[patients, visits, P]``: correlated normal variables under the threshold of each prevalence."""
    correlation = np.eye(len(PATHOLOGIES))
    for (one, other), value in _TOGETHER.items():
        i, j = PATHOLOGIES.index(one), PATHOLOGIES.index(other)
        correlation[i, j] = correlation[j, i] = value
    mixed = normal @ np.linalg.cholesky(correlation).T
    value = np.sqrt(_LASTING) * mixed[:, :1] + np.sqrt(1.0 - _LASTING) * mixed[:, 1:]
    return (value < [_threshold(prevalence[name]) for name in PATHOLOGIES]).astype(np.float32)


def _threshold(share: float) -> float:
    if not 0 < share < 1:
        return float("inf") if share else float("-inf")
    return NormalDist().inv_cdf(share)


def _columns(uniform: NDArray[np.float64], sites: tuple[str, ...]) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """Columns of the table of one block of patients, a row an image, from ``[patients, numbers]``."""
    own, rest = uniform[:, :4], uniform[:, 4:].reshape(len(uniform), _VISITS, 12)
    visits = 1 + (own[:, 0] > 0.6) + (own[:, 0] > 0.85)
    age = 20.0 + 70.0 * np.sqrt(own[:, 1]) * (0.55 + 0.45 * own[:, 1])
    # a visit is one PA image, a PA and a lateral one, or an AP image at the bedside
    kind = rest[:, :, 0]
    first = np.where(kind < 0.7, "PA", "AP")
    exists = np.arange(_VISITS) < visits[:, None]
    image = np.stack([exists, exists & (kind > 0.3) & (kind < 0.7)], axis=2)
    patient, visit, number = np.nonzero(image)
    day = np.cumsum(np.where(np.arange(_VISITS), np.ceil(400.0 * rest[:, :, 1] ** 3), 0.0), axis=1)[patient, visit]
    site = np.minimum((own[:, 2] * len(sites)).astype(int), len(sites) - 1)[patient]
    yield "patient", patient
    yield "visit", visit
    yield "image", 2 * visit + number
    yield "view", np.where(number, "L", first[patient, visit])
    yield "offset_day_int", day.astype(int)
    yield "age_years", np.round(age[patient] + day / 365.25, 1)
    yield "sex", np.where(own[:, 3] < 0.5, "F", "M")[patient]
    yield "site", np.array(sites)[site]
    yield from _film(rest[:, :, 2:].reshape(len(uniform), _VISITS, 2, 5)[patient, visit, number], sites, site)


def _film(
    uniform: NDArray[np.float64], sites: tuple[str, ...], site: NDArray[np.intp]
) -> Iterator[tuple[str, NDArray[np.generic]]]:
    """What the site does to each image, from ``[images, 5]``."""
    houses = [SITES[name] for name in sites]
    for column, name in enumerate(("exposure", "contrast", "noise", "border")):
        middle, spread = np.array([getattr(house, name) for house in houses])[site].T
        yield name, np.round(middle + spread * (2.0 * uniform[:, column] - 1.0), 4)
    yield "marker", np.where(uniform[:, 4] < 0.1, "none", np.array([house.marker for house in houses])[site])
