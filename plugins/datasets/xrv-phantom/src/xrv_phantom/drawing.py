"""One phantom: from a row of the population to its picture and its masks."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

import numpy as np

from xrv_phantom.anatomy import draw_anatomy, draw_pose
from xrv_phantom.canvas import Map
from xrv_phantom.exposure import Film, expose
from xrv_phantom.findings import ACUTE, DRAWERS, PATHOLOGIES, draw_lift
from xrv_phantom.frontal import frontal_scene
from xrv_phantom.lateral import lateral_scene

__all__ = ["Drawing", "Order", "draw"]


@dataclass(frozen=True)
class Order:
    """What to draw.

    Attributes:
        stream: Seed and number of the split.
        patient: Number of the patient in the split.
        visit: Number of the visit of this patient.
        image: Number of the image of this patient.
        view: "PA", "AP" or "L".
        age: Years.
        female: Whether the patient is a woman.
        findings: Names out of ``PATHOLOGIES``.
        film: What the site does.
    """

    stream: tuple[int, int]
    patient: int
    visit: int
    image: int
    view: str
    age: float
    female: bool
    findings: Collection[str]
    film: Film


@dataclass(frozen=True)
class Drawing:
    """A picture with everything that is known about it.

    Attributes:
        picture: float32 ``[1, H, W]`` in [-1024, 1024].
        findings: For each finding its mask ``[1, H, W]`` of 0 and 1.
        structures: "Lungs", "Left Lung", "Right Lung" and "Heart", likewise. Lung fields are those of
            the healthy chest: findings are inside them.
    """

    picture: Map
    findings: dict[str, Map]
    structures: dict[str, Map]


def draw(order: Order, size: int) -> Drawing:
    """Draw a phantom of ``size`` x ``size`` pixels.

    Build, pose and each finding have random streams of their own, so that the same order without a finding
    is the same patient in the same pose without it.
    """
    anatomy = draw_anatomy(_stream(order, 0), order.age, order.female, "Cardiomegaly" in order.findings)
    by_image = _stream(order, 1, order.image)
    pose = draw_pose(by_image, order.view)
    lift = draw_lift(_of_finding(order, "Atelectasis")) if "Atelectasis" in order.findings else {-1: 0.0, 1: 0.0}
    scene = (lateral_scene if order.view == "L" else frontal_scene)(anatomy, pose, size, lift)
    masks = {
        name: _mask(paint(scene, _of_finding(order, name))) for name, paint in DRAWERS.items() if name in order.findings
    }
    right, left = _mask(scene.lungs[-1]), _mask(scene.lungs[1])
    structures = {
        "Lungs": np.maximum(right, left),
        "Left Lung": left,
        "Right Lung": right,
        "Heart": _mask(scene.heart),
    }
    return Drawing(expose(scene, order.film, by_image)[None], masks, structures)


def _stream(order: Order, *path: int) -> np.random.Generator:
    return np.random.default_rng(np.random.SeedSequence((*order.stream, 1, order.patient, *path)))


def _of_finding(order: Order, name: str) -> np.random.Generator:
    return _stream(order, 2, PATHOLOGIES.index(name), order.visit if name in ACUTE else 0)


def _mask(silhouette: Map) -> Map:
    """0 and 1; what is smaller than a pixel covers one."""
    return (silhouette > min(0.5, 0.999 * float(silhouette.max()))).astype(np.float32)[None]
