"""Who is drawn: the body of a phantom patient, how it stands before the detector, and the picture being drawn."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from xrv_phantom.canvas import Grid, Map

__all__ = ["Anatomy", "Pose", "Scene", "dome_height", "draw_anatomy", "draw_pose", "empty_scene"]


@dataclass(frozen=True)
class Anatomy:
    """One patient's build. Lengths in cm; x grows to the image's right (the patient's left), y downwards, 0 mid-chest.

    Attributes:
        half_width: Inner half width of the chest at its widest.
        depth: Half of the body's front-to-back thickness.
        wall: Thickness of the chest wall at the side.
        apex: Height of the top of the lungs.
        dome: Height of the right dome of the diaphragm at full inspiration.
        heart_ratio: Width of the heart over the inner width of the chest, on a PA view.
        heart_turn: Angle of the heart's long axis, in radians.
        knob: Radius of the aortic knob.
        mediastinum: Half width of the upper mediastinum.
        rib_gap: Distance from rib to rib.
        rib_drop: How far a rib falls from the spine to the side.
        rib_phase: Position of the first rib, as a fraction of the gap.
        angle: Depth of the costophrenic angles below the domes.
        bone: Density of bone relative to a young adult's.
        curve: Sideways curve of the spine.
        breast: Size of the breast shadows, 0 for none.
        air: Share of air in aerated lung.
        vessels: Strength of the vessel markings.
        bubble: Size of the gastric bubble, 0 for none.
        seed: Seed of the fine structure (vessel paths, lung texture).
    """

    half_width: float
    depth: float
    wall: float
    apex: float
    dome: float
    heart_ratio: float
    heart_turn: float
    knob: float
    mediastinum: float
    rib_gap: float
    rib_drop: float
    rib_phase: float
    angle: float
    bone: float
    curve: float
    breast: float
    air: float
    vessels: float
    bubble: float
    seed: int

    @property
    def arch(self) -> float:
        """Height of the aortic arch; windpipe and lung roots are placed by it."""
        return self.apex + 7.6


@dataclass(frozen=True)
class Pose:
    """How one image was taken.

    Attributes:
        view: "PA", "AP" or "L" (left lateral).
        magnification: Size on the detector per size in the patient.
        shift: Offset of the patient on the detector, cm.
        lean: Tangent of the lean to one side.
        turn: Shift of the midline against the chest by a turned patient, cm.
        rise: How far the diaphragm stands above full inspiration, cm.
        heart_scale: Magnification of the heart against the chest.
    """

    view: str
    magnification: float
    shift: tuple[float, float]
    lean: float
    turn: float
    rise: float
    heart_scale: float


@dataclass
class Scene:
    """A picture in the making: how much of what the beam passes at every pixel, in cm of path.

    Attributes:
        anatomy: The patient.
        pose: How the image is taken.
        grid: Pixel positions.
        middle: ``[H, 1]`` middle of the chest at every height.
        half: ``[H, 1]`` inner half width of the chest.
        side: ``[H, W]`` distance from the middle.
        soft: Soft tissue, as if the lungs were soft tissue too.
        bone: Bone.
        air: Lung; ``anatomy.air`` of its path is air.
        vessels: Soft tissue of lung vessels.
        free: Air outside the lung (windpipe, stomach, pneumothorax), cm of pure air.
        lungs: Silhouettes of the healthy lung fields, 0..1: -1 the right lung, +1 the left.
        heart: Silhouette of the heart, 0..1.
        floor: Height of the diaphragm at every pixel, by side.
        share: Part of ``air`` that belongs to one lung: 1 from the front, 0.5 from the side.
        masks: Findings drawn so far, by name, 0..1.
    """

    anatomy: Anatomy
    pose: Pose
    grid: Grid
    middle: Map
    half: Map
    side: Map
    soft: Map
    bone: Map
    air: Map
    vessels: Map
    free: Map
    lungs: dict[int, Map]
    heart: Map
    floor: dict[int, Map]
    share: float
    masks: dict[str, Map] = field(default_factory=dict)


def empty_scene(anatomy: Anatomy, pose: Pose, grid: Grid, middle: Map, half: Map) -> Scene:
    """A scene without a body."""
    shape = grid.x.shape
    soft, bone, air, vessels, free, heart = (np.zeros(shape, np.float32) for _ in range(6))
    return Scene(
        anatomy=anatomy,
        pose=pose,
        grid=grid,
        middle=middle,
        half=half,
        side=np.abs(grid.x - middle),
        soft=soft,
        bone=bone,
        air=air,
        vessels=vessels,
        free=free,
        lungs={},
        heart=heart,
        floor={},
        share=0.5 if pose.view == "L" else 1.0,
    )


def draw_anatomy(rng: np.random.Generator, age: float, female: bool, enlarged: bool) -> Anatomy:
    """Draw a patient's build.

    Args:
        rng: The patient's own generator; it is used alike for every value of the other arguments.
        age: Years; the aorta widens and bone thins with it.
        female: A smaller chest, breast shadows.
        enlarged: Whether the cardiothoracic ratio is above one half (0.505 to 0.66) or below (0.36 to 0.495).
    """
    size = float(np.clip(rng.normal(0.96 if female else 1.02, 0.04), 0.86, 1.12))
    old = float(np.clip((age - 40.0) / 45.0, 0.0, 1.0))
    slim = float(rng.uniform())
    normal, large = float(np.clip(rng.normal(0.445, 0.03), 0.36, 0.495)), float(min(0.505 + rng.gamma(1.5, 0.03), 0.66))
    breast = float(rng.uniform(0.0, 1.0))
    return Anatomy(
        half_width=12.9 * size * float(rng.uniform(0.96, 1.04)),
        depth=10.2 + 2.6 * (1.0 - slim) * size,
        wall=1.3 + 2.8 * (1.0 - slim) ** 1.5,
        apex=-13.9 * size + float(rng.normal(0.0, 0.4)),
        dome=8.3 * size + float(rng.normal(0.0, 0.6)),
        heart_ratio=large if enlarged else normal,
        heart_turn=float(rng.uniform(0.7, 0.95)),
        knob=1.35 + 0.7 * old + float(rng.uniform(0.0, 0.3)),
        mediastinum=2.5 + 0.4 * old + float(rng.uniform(0.0, 0.4)),
        rib_gap=2.5 * size * float(rng.uniform(0.94, 1.06)),
        rib_drop=float(rng.uniform(3.6, 5.6)) + 1.0 * old,
        rib_phase=float(rng.uniform()),
        angle=float(rng.uniform(3.3, 4.7)),
        bone=float(rng.uniform(0.85, 1.1)) * (1.0 - 0.25 * old),
        curve=float(rng.normal(0.0, 0.35)),
        breast=breast if female else 0.0,
        air=float(rng.uniform(0.68, 0.76)),
        vessels=float(rng.uniform(0.7, 1.3)),
        bubble=float(max(rng.normal(0.5, 0.5), 0.0)),
        seed=int(rng.integers(2**31)),
    )


def dome_height(anatomy: Anatomy, pose: Pose, sign: int, lift: float = 0.0) -> float:
    """Height of the top of one dome of the diaphragm; the right one (-1) stands higher."""
    return anatomy.dome - pose.rise - lift + (1.3 if sign > 0 else 0.0)


def draw_pose(rng: np.random.Generator, view: str) -> Pose:
    """Draw how one image was taken: an AP image magnifies the heart and catches less inspiration."""
    portable = view == "AP"
    return Pose(
        view=view,
        magnification=float(rng.normal(1.06 if portable else 1.02, 0.025)),
        shift=(float(rng.normal(0.0, 0.5)), float(rng.normal(0.6, 0.6))),
        lean=float(rng.normal(0.0, 0.035 if portable else 0.012)),
        turn=float(rng.normal(0.0, 0.6 if portable else 0.25)),
        rise=float(rng.uniform(1.0, 3.2) if portable else rng.uniform(0.0, 1.0)),
        heart_scale=float(rng.uniform(1.06, 1.14)) if portable else 1.0,
    )
