"""The findings: their place, size and density, and how they change the picture.

A finding's numbers come from a stream of its own and do not depend on the picture, so that one patient's
nodule is the same nodule on both views, at every size, and whatever else is found. Severities run from
hardly visible to plain; nothing here was fitted to patients.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from xrv_phantom.anatomy import Scene, dome_height
from xrv_phantom.canvas import Map, disc, ellipse, line, ramp, sphere, step, texture
from xrv_phantom.frontal import heart_extent

__all__ = ["ACUTE", "DRAWERS", "PATHOLOGIES", "draw_lift"]

#: Columns of the labels.
PATHOLOGIES = ("Atelectasis", "Cardiomegaly", "Effusion", "Lung Opacity", "Mass", "Nodule", "Pneumothorax")

#: Findings that look different at every visit; the others keep their place.
ACUTE = frozenset({"Atelectasis", "Effusion", "Lung Opacity", "Pneumothorax"})


@dataclass(frozen=True)
class Place:
    """A point in the lungs, in units of the lungs.

    Attributes:
        side: -1 the right lung, +1 the left.
        out: 0 at the mediastinum, 1 at the chest wall.
        down: 0 at the apex, 1 at the dome.
        behind: 0 at the front, 1 at the back.
    """

    side: int
    out: float
    down: float
    behind: float


def _place(rng: np.random.Generator, low: float = 0.05, high: float = 0.95) -> Place:
    side = 1 if rng.uniform() < 0.5 else -1
    return Place(side, float(rng.uniform(0.25, 0.85)), float(rng.uniform(low, high)), float(rng.uniform(0.2, 0.8)))


def _locate(scene: Scene, place: Place) -> tuple[float, float]:
    """Where a place is in this view, in cm: (x, y)."""
    anatomy, pose = scene.anatomy, scene.pose
    top, floor = anatomy.apex + 2.2, dome_height(anatomy, pose, place.side) - 1.0
    y = top + place.down * (floor - top)
    half = float(np.interp(y, scene.grid.y[:, 0], scene.half[:, 0]))
    middle = float(np.interp(y, scene.grid.y[:, 0], scene.middle[:, 0]))
    if pose.view == "L":
        return middle + (2.0 * place.behind - 1.0) * 0.8 * half, y
    heart = heart_extent(anatomy, pose)[0 if place.side < 0 else 1]
    beside = float(np.clip((y - anatomy.apex - 8.0) / 8.0, 0.0, 1.0))
    inner = 4.2 + max(heart - 3.4, 0.0) * beside
    return place.side * (inner + place.out * max(half - 0.4 - inner, 0.0)), y


def _replace(scene: Scene, tissue: Map) -> None:
    """Put tissue (cm of path) where lung was, as far as there is lung."""
    scene.air -= np.minimum(tissue, scene.air)


def _hand(scene: Scene, sign: int) -> Map | float:
    """The half of the picture that holds one lung, the part behind the heart included."""
    return 1.0 if scene.pose.view == "L" else step(scene.grid.x * np.float32(sign) - 1.0, 1.0)


def _chest(scene: Scene) -> Map:
    """Where a lump can be seen: in the lungs, and before or behind the heart."""
    return np.maximum(np.maximum(scene.lungs[-1], scene.lungs[1]), scene.heart)


def draw_lift(rng: np.random.Generator) -> dict[int, float]:
    """How far a collapse raises the diaphragm; drawn with the stream of :func:`atelectasis`."""
    lobar, side, lift = rng.uniform() < 0.4, rng.uniform() < 0.5, float(rng.uniform(0.6, 2.2))
    return {sign: lift if lobar and side == (sign > 0) else 0.0 for sign in (-1, 1)}


def atelectasis(scene: Scene, rng: np.random.Generator) -> Map:
    """A collapsed lower lobe (a wedge beside the heart, under a raised dome) or one to three plates above the dome."""
    lift = draw_lift(rng)
    grid, strength = scene.grid, float(rng.uniform(0.35, 0.9))
    for sign, raised in lift.items():
        if raised > 0:
            return _wedge(scene, sign, raised, strength)
    mask = np.zeros_like(scene.soft)
    for _ in range(int(rng.integers(1, 4))):
        place = _place(rng, 0.74, 0.98)
        length, thick, turn = (
            float(rng.uniform(1.6, 3.4)),
            float(rng.uniform(0.25, 0.55)),
            float(rng.uniform(-0.35, 0.35)),
        )
        plate = ellipse(grid, _locate(scene, place), (length, thick), turn)
        _replace(scene, sphere(plate, 3.0 * strength) * scene.lungs[place.side])
        mask = np.maximum(mask, disc(plate, thick, grid) * scene.lungs[place.side])
    return mask


def _wedge(scene: Scene, sign: int, raised: float, strength: float) -> Map:
    """A collapsed lower lobe on one side, from the hilum down to the dome."""
    grid = scene.grid
    inner, _ = _locate(scene, Place(sign, 0.0, 0.8, 0.55))
    top = dome_height(scene.anatomy, scene.pose, sign) - 8.0
    width = ramp(grid.y, top, top + 11.0) * (4.0 + 1.5 * raised) - 1.0
    across = np.abs(grid.x - inner) if scene.pose.view == "L" else grid.x * np.float32(sign) - abs(inner)
    wedge = step(width - across, 1.6) * step(grid.y - top - 2.0, 3.0) * _hand(scene, sign)
    _replace(scene, wedge * scene.air * (strength * scene.share))
    return wedge * scene.lungs[sign]


def cardiomegaly(scene: Scene, rng: np.random.Generator) -> Map:
    """The heart itself: its width is part of the anatomy."""
    del rng
    return scene.heart


def effusion(scene: Scene, rng: np.random.Generator) -> Map:
    """Fluid that fills the costophrenic angle and climbs the wall, on one side or both."""
    which = rng.uniform()
    sides = (-1,) if which < 0.35 else (1,) if which < 0.7 else (-1, 1)
    heights = [float(np.clip(1.4 + rng.gamma(1.2, 2.0), 1.8, 13.0)) for _ in (-1, 1)]
    fill = float(rng.uniform(0.45, 0.95))
    soft = 3.5 if scene.pose.view == "AP" else 1.3
    grid, anatomy = scene.grid, scene.anatomy
    ratio = np.minimum(scene.side / np.maximum(scene.half, 0.1), 1.0)
    climb = 0.5 + 0.5 * ratio * ratio * ratio * ratio
    mask = np.zeros_like(scene.soft)
    for sign, height in zip((-1, 1), heights, strict=True):
        if sign not in sides:
            continue
        angle = dome_height(anatomy, scene.pose, sign) + anatomy.angle
        fluid = step(grid.y - angle + height * climb, soft)
        _replace(scene, fluid * _hand(scene, sign) * scene.air * (fill * scene.share))
        mask = np.maximum(mask, fluid * scene.lungs[sign])
    return mask


def lung_opacity(scene: Scene, rng: np.random.Generator) -> Map:
    """One to three hazy patches without sharp borders."""
    mask = np.zeros_like(scene.soft)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.55, 0.3, 0.15]))):
        place = _place(rng, 0.15, 1.0)
        wide, high, turn = float(rng.uniform(2.2, 4.6)), float(rng.uniform(2.0, 4.6)), float(rng.uniform(-0.6, 0.6))
        fill = float(rng.uniform(0.16, 0.55))
        rough = texture(scene.grid, np.random.default_rng(int(rng.integers(2**31))), 4.5)
        inside = ellipse(scene.grid, _locate(scene, place), (wide, high), turn) + 0.3 * rough
        patch = ramp(inside, -0.5, 1.0) * scene.lungs[place.side]
        _replace(scene, patch * scene.air * (fill * scene.share) * (1.0 + 0.12 * rough))
        mask = np.maximum(mask, patch)
    return mask


def mass(scene: Scene, rng: np.random.Generator) -> Map:
    """One lobulated mass of more than 3 cm."""
    place, size = _place(rng, 0.08, 0.9), float(min(3.2 + rng.gamma(1.4, 1.0), 8.0))
    shape, turn, density = float(rng.uniform(0.85, 1.0)), float(rng.uniform(-1.5, 1.5)), float(rng.uniform(0.6, 1.1))
    lobes = texture(scene.grid, np.random.default_rng(int(rng.integers(2**31))), 0.8 * size)
    inside = ellipse(scene.grid, _locate(scene, place), (0.5 * size, 0.5 * size * shape), turn)
    inside = inside + 0.12 * lobes * (1.0 - np.maximum(inside, 0.0))
    _replace(scene, sphere(inside, density * size))
    return disc(inside, 0.5 * size, scene.grid) * _chest(scene)


def nodule(scene: Scene, rng: np.random.Generator) -> Map:
    """One to three round nodules of 1 to 3 cm."""
    mask = np.zeros_like(scene.soft)
    for _ in range(int(rng.choice([1, 2, 3], p=[0.65, 0.2, 0.15]))):
        place, size = _place(rng), float(rng.triangular(1.0, 1.8, 3.0))
        density = float(rng.uniform(1.0, 1.8))
        inside = ellipse(scene.grid, _locate(scene, place), (0.5 * size, 0.5 * size))
        _replace(scene, sphere(inside, density * size) * disc(inside, 0.5 * size, scene.grid, 2.0))
        mask = np.maximum(mask, disc(inside, 0.5 * size, scene.grid))
    return mask * _chest(scene)


def pneumothorax(scene: Scene, rng: np.random.Generator) -> Map:
    """Air between lung and chest wall, widest at the top, behind a fine pleural line; no vessels in it."""
    sign = 1 if rng.uniform() < 0.5 else -1
    size = float(min(0.5 + rng.gamma(1.2, 0.7), 6.0))
    long, shrink = float(rng.uniform(0.3, 1.0)), float(rng.uniform(0.02, 0.1))
    edge = float(rng.uniform(0.15, 1.0))
    grid, anatomy = scene.grid, scene.anatomy
    drop = 1.5 * size
    gap = size * (1.0 - (1.0 - 0.6 * long * long) * ramp(grid.y, anatomy.apex + 3.0, anatomy.apex + 16.0 + 8.0 * long))
    shrunken = np.interp(grid.y[:, 0] - drop, grid.y[:, 0], scene.half[:, 0]).astype(np.float32)[:, None] - gap
    inward = shrunken - scene.side
    below = step(grid.y - (anatomy.apex + drop), 2.0 * grid.soft)
    crescent = scene.lungs[sign] * (1.0 - below * step(inward, grid.soft))
    line_ = line(inward, 0.14, grid) * below * scene.lungs[sign]
    lung = scene.air * scene.share
    scene.free += crescent * lung * (0.36 - 0.36 * anatomy.air)
    scene.vessels *= 1.0 - crescent * scene.share
    _replace(scene, line_ * edge + lung * (1.0 - crescent) * scene.lungs[sign] * shrink)
    return crescent


#: How each finding is drawn; in this order, so that fluid covers what it covers.
DRAWERS: Mapping[str, Callable[[Scene, np.random.Generator], Map]] = {
    "Pneumothorax": pneumothorax,
    "Nodule": nodule,
    "Mass": mass,
    "Lung Opacity": lung_opacity,
    "Atelectasis": atelectasis,
    "Effusion": effusion,
    "Cardiomegaly": cardiomegaly,
}
