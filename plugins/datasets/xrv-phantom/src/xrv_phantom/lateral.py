"""The left lateral view: the patient faces the image's left."""

from __future__ import annotations

import numpy as np

from xrv_phantom.anatomy import Anatomy, Pose, Scene, dome_height, empty_scene
from xrv_phantom.canvas import Grid, Map, disc, ellipse, make_grid, ramp, sphere, step
from xrv_phantom.skeleton import lateral_bones
from xrv_phantom.vessels import draw_vessels

__all__ = ["lateral_scene"]


def lateral_scene(anatomy: Anatomy, pose: Pose, size: int, lift: dict[int, float]) -> Scene:
    """The healthy chest from the left side.

    Args:
        anatomy: The patient.
        pose: How the image is taken.
        size: Height and width in pixels.
        lift: How far lost volume raises the diaphragm, cm, by side (-1 the right lung, +1 the left).
    """
    grid = make_grid(size, pose.magnification, pose.shift, pose.lean)
    front, back = _edges(grid, anatomy)
    scene = empty_scene(anatomy, pose, grid, 0.5 * (front + back), 0.5 * (back - front))
    for sign in (-1, 1):
        scene.floor[sign] = _diaphragm(scene, sign, lift[sign])
    _body(scene, front, back)
    _lungs(scene)
    _heart(scene)
    _airways(scene)
    lateral_bones(scene)
    arch = anatomy.arch
    draw_vessels(scene, grid.x - 0.8, grid.y - (arch + 4.2), grid.x < 0.8)
    return scene


def _edges(grid: Grid, anatomy: Anatomy) -> tuple[Map, Map]:
    """Front and back of the chest's inside at every height: the breast bone slopes, the back is rounded."""
    depth = anatomy.depth - 1.0
    height = anatomy.dome + 4.5 - anatomy.apex
    u = np.clip((grid.y - anatomy.apex) * (1.0 / height), 0.0, 1.0)
    front = 0.6 - (depth + 0.6) * (1.0 - (1.0 - np.minimum(u * 1.5, 1.0)) ** 1.7) ** 0.75
    back = 0.6 + (depth - 0.6) * (1.0 - (1.0 - np.minimum(u * 1.6, 1.0)) ** 2.2) ** 0.6
    return front, back


def _diaphragm(scene: Scene, sign: int, lift: float) -> Map:
    """One dome from the side: highest in front of the middle, lowest in the sharp angle behind."""
    anatomy = scene.anatomy
    across = (scene.grid.x + 0.15 * anatomy.depth) * (1.0 / anatomy.depth)
    behind, before = np.maximum(across, 0.0), np.maximum(-across, 0.0)
    fall = (anatomy.angle + 0.7) * behind * behind * np.sqrt(behind) + 2.6 * before * before
    return dome_height(anatomy, scene.pose, sign, lift) + fall


def _body(scene: Scene, front: Map, back: Map) -> None:
    """The trunk, the shoulders with the arms raised before the face, and the breasts."""
    grid, anatomy = scene.grid, scene.anatomy
    shoulder = 1.0 - ramp(grid.y, anatomy.apex - 2.0, anatomy.apex + 9.0)
    start = front - 0.9 - 0.8 * anatomy.wall - 5.0 * shoulder
    end = back + 2.4 + 0.7 * anatomy.wall + 2.5 * shoulder
    q = (grid.x - 0.5 * (start + end)) / (0.5 * (end - start))
    q *= q
    trunk = 2.0 * anatomy.half_width + anatomy.wall
    width = 13.0 + (trunk - 13.0) * ramp(grid.y, anatomy.apex - 5.0, anatomy.apex + 3.0)
    scene.soft += width * np.sqrt(np.maximum(1.0 - q * q, 0.0))
    arm = np.abs((grid.x + 3.0) * 0.62 - (grid.y - anatomy.apex - 2.0) * 0.78) * (1.0 / 4.2)
    raised = step(anatomy.apex + 1.0 - grid.y, 5.0) * step(-3.0 - grid.x, 5.0)
    scene.soft += 9.0 * np.sqrt(np.maximum(1.0 - arm * arm, 0.0)) * raised
    if anatomy.breast > 0:
        low = 4.0 + 2.0 * anatomy.breast
        centre = (1.0 - anatomy.depth - 0.8 * anatomy.wall, low)
        bulge = ellipse(grid, centre, (2.2 + 2.4 * anatomy.breast, 4.8 + anatomy.breast), 0.3)
        scene.soft += sphere(bulge, 4.0 + 4.0 * anatomy.breast) * ramp(grid.y, low - 5.0, low + 1.0)


def _lungs(scene: Scene) -> None:
    """Both lungs, one behind the other, each down to its own dome."""
    grid, anatomy = scene.grid, scene.anatomy
    ratio = scene.side / np.maximum(scene.half, 0.1)
    ratio *= ratio
    thick = (2.0 * anatomy.half_width - 4.5) * ramp(grid.y, anatomy.apex - 3.0, anatomy.apex + 12.0)
    path = np.sqrt(np.maximum(1.0 - ratio * ratio, 0.0)) * thick
    wall = step(scene.half - scene.side, grid.soft)
    for sign in (-1, 1):
        scene.lungs[sign] = wall * step(scene.floor[sign] - grid.y, 1.5 * grid.soft)
        scene.air += 0.5 * path * scene.lungs[sign]


def _heart(scene: Scene) -> None:
    """The heart behind the lower breast bone, the great vessels above it, the aorta before the spine."""
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    width = 2.0 * anatomy.half_width * anatomy.heart_ratio
    bottom = anatomy.dome - pose.rise + 2.6
    short, long = 0.40 * width, 0.50 * width
    outline = ellipse(grid, (0.85 * short - anatomy.depth + 1.6, bottom - 0.85 * long), (short, long), -0.45)
    scene.heart = disc(outline, short, grid, 2.0) * np.maximum(scene.lungs[-1], scene.lungs[1])
    arch = anatomy.arch
    great = ellipse(grid, (-1.2, arch + 2.5), (3.0, 5.0), -0.3)
    knob = ellipse(grid, (1.6, arch), (1.6 + anatomy.knob, 1.4 + anatomy.knob))
    descent = step(1.2 - np.abs(grid.x - 3.6), 1.0) * step(grid.y - arch, 2.0)
    soft = sphere(outline, 1.9 * short) + sphere(great, 3.0) + sphere(knob, 3.5) + 1.6 * descent
    scene.air -= np.minimum(soft, 0.75 * scene.air)
    hilum = ellipse(grid, (0.8, arch + 4.2), (1.9, 2.4))
    scene.vessels += np.maximum(hilum, 0.0) * (2.2 * anatomy.vessels)


def _airways(scene: Scene) -> None:
    """Windpipe down to its fork, gas in the stomach."""
    grid, anatomy = scene.grid, scene.anatomy
    arch = anatomy.arch
    strip = grid.rows(-19.0, arch + 4.0)
    y = grid.y[strip]
    pipe = step(0.95 - np.abs(grid.x[strip] + 0.4 - 0.14 * (y - arch)), 0.6) * (1.0 - ramp(y, arch + 2.0, arch + 4.0))
    scene.free[strip] += 1.7 * pipe
    if anatomy.bubble > 0:
        top = dome_height(anatomy, scene.pose, 1)
        gas = ellipse(grid, (-0.1 * anatomy.depth, top + 2.2), (1.8 + 1.2 * anatomy.bubble, 0.9 + 0.5 * anatomy.bubble))
        scene.free += sphere(gas, 4.0 * min(anatomy.bubble, 1.2))
