"""The frontal views, PA and AP: body, lungs, heart, great vessels."""

from __future__ import annotations

import numpy as np

from xrv_phantom.anatomy import Anatomy, Pose, Scene, dome_height, empty_scene
from xrv_phantom.canvas import Grid, Map, disc, ellipse, make_grid, ramp, sphere, step
from xrv_phantom.skeleton import frontal_bones
from xrv_phantom.vessels import draw_vessels

__all__ = ["frontal_scene", "heart_extent"]


def frontal_scene(anatomy: Anatomy, pose: Pose, size: int, lift: dict[int, float]) -> Scene:
    """The healthy chest from the front.

    Args:
        anatomy: The patient.
        pose: How the image is taken.
        size: Height and width in pixels.
        lift: How far lost volume raises the diaphragm, cm, by side (-1 the right lung, +1 the left).
    """
    grid = make_grid(size, pose.magnification, pose.shift, pose.lean)
    half = _chest_half_width(grid, anatomy)
    scene = empty_scene(anatomy, pose, grid, np.zeros_like(half), half)
    for sign in (-1, 1):
        scene.floor[sign] = _diaphragm(scene, sign, lift[sign])
    _body(scene)
    _lungs(scene)
    _heart(scene)
    _mediastinum(scene)
    _abdomen(scene)
    frontal_bones(scene)
    arch = anatomy.arch
    right = grid.x < pose.turn
    root = scene.side - (anatomy.mediastinum + 0.6) - pose.turn * (1.0 - 2.0 * right.astype(np.float32))
    draw_vessels(scene, root, grid.y - (arch + 3.8) - right * np.float32(0.8), right)
    return scene


def _chest_half_width(grid: Grid, anatomy: Anatomy) -> Map:
    """Inner half width of the chest at every height, ``[H, 1]``; the top is rounded around the lung apices."""
    base = anatomy.dome + 4.5
    u = np.clip((grid.y - anatomy.apex) * (1.0 / (0.72 * (base - anatomy.apex))), 0.0, 1.0)
    rounded = (1.0 - (1.0 - u) ** 2.3) ** 0.6
    narrow = 1.0 - 0.04 * ramp(grid.y, base - 6.0, base + 2.0)
    centre = 0.36 * anatomy.half_width
    return (centre + (anatomy.half_width - centre) * rounded) * narrow


def _diaphragm(scene: Scene, sign: int, lift: float) -> Map:
    """Height of one dome at every pixel: the left one (+1) is lower, both fall to the costophrenic angle."""
    anatomy = scene.anatomy
    top = dome_height(anatomy, scene.pose, sign, lift)
    wide = anatomy.half_width
    across = (scene.side - 0.47 * wide) * (1.0 / (0.53 * wide))
    lateral, medial = np.maximum(across, 0.0), np.maximum(-across, 0.0)
    return top + (anatomy.angle + lift) * lateral * lateral * np.sqrt(lateral) + 1.6 * medial * medial


def _body(scene: Scene) -> None:
    """The trunk as a flattened ellipse of soft tissue at every height, with neck, shoulders and armpits."""
    grid, anatomy = scene.grid, scene.anatomy
    neck = 5.6 + 16.5 * ramp(grid.y, anatomy.apex - 4.6, anatomy.apex + 1.0)
    trunk = anatomy.half_width + 1.0 + anatomy.wall + 0.5 * ramp(grid.y, 2.0, 14.0) * anatomy.wall
    armpit = ramp(grid.y, anatomy.apex + 4.0, anatomy.apex + 11.0)
    half = np.minimum(neck, trunk + (22.0 - trunk) * (1.0 - armpit))
    depth = anatomy.depth * (0.72 + 0.28 * ramp(grid.y, anatomy.apex - 2.0, anatomy.apex + 9.0))
    q = grid.x / half
    q *= q
    scene.soft += 2.0 * depth * np.sqrt(np.maximum(1.0 - q * q, 0.0))
    if anatomy.breast > 0:
        for sign in (-1, 1):
            centre = (sign * 0.58 * anatomy.half_width, 3.2 + 2.0 * anatomy.breast)
            bulge = ellipse(grid, centre, (5.0 + anatomy.breast, 4.6 + anatomy.breast), 0.15 * sign)
            scene.soft += sphere(bulge, 1.0 + 2.6 * anatomy.breast) * ramp(grid.y, centre[1] - 5.0, centre[1] + 1.0)


def _lungs(scene: Scene) -> None:
    """Lung fields between chest wall, mediastinum and diaphragm, and the air in them."""
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    side, half = scene.side, scene.half
    ratio = side / half
    ratio *= ratio
    thick = (2.0 * anatomy.depth - 5.5) * ramp(grid.y, anatomy.apex - 3.0, anatomy.apex + 10.0)
    path = np.sqrt(np.maximum(1.0 - ratio * ratio, 0.0)) * thick
    centre = 0.36 * anatomy.half_width
    top = np.exp(np.minimum(anatomy.apex - grid.y, 0.0) * 0.9)
    wall = step(half - side, grid.soft)
    below = np.maximum(anatomy.dome + 5.5 - grid.y, 0.0) * 0.15
    for sign in (-1, 1):
        hand = step(grid.x * sign, grid.soft)
        inner = anatomy.mediastinum + pose.turn * sign - 1.5 * ramp(grid.y, anatomy.apex + 13.0, anatomy.apex + 19.0)
        inner = inner + (centre - inner) * top
        field = hand * wall * step(side - inner, 3.5 * grid.soft)
        depth = scene.floor[sign] - grid.y
        above = step(depth, 1.5 * grid.soft)
        recess = np.exp(np.minimum(depth, 0.0) * 0.6) * np.minimum(below, 0.3)
        scene.air += path * field * np.maximum(above, recess)
        scene.lungs[sign] = field * above


def heart_extent(anatomy: Anatomy, pose: Pose) -> tuple[float, float]:
    """How far the heart reaches to the right and to the left of the midline, in cm (both positive)."""
    width = 2.0 * anatomy.half_width * min(anatomy.heart_ratio * pose.heart_scale, 0.66)
    return 0.33 * width - pose.turn, 0.67 * width + pose.turn


def _heart(scene: Scene) -> None:
    """Left ventricle and right atrium; they take the place of lung."""
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    right, left = heart_extent(anatomy, pose)
    turn = anatomy.heart_turn - 2.0 * (anatomy.heart_ratio - 0.44)
    cos, sin = float(np.cos(turn)), float(np.sin(turn))
    long = 0.5 * (left + right) / (cos * cos + 0.5 * sin * sin) ** 0.5
    short = 0.71 * long
    reach = (long * long * sin * sin + short * short * cos * cos) ** 0.5
    bottom = anatomy.dome - pose.rise + 2.9
    ventricle = ellipse(grid, (0.5 * (left - right), bottom - reach), (long, short), turn)
    atrium = ellipse(grid, (2.7 - right, bottom - 4.6), (2.7, 3.9))
    outline = np.maximum(ventricle, atrium)
    scene.heart = disc(outline, short, grid, 1.5)
    displaced = np.minimum(sphere(outline, 3.0 * short) + 1.5 * scene.heart, scene.air * 0.92)
    scene.air -= displaced
    for sign in (-1, 1):
        scene.lungs[sign] *= 1.0 - scene.heart


def _mediastinum(scene: Scene) -> None:
    """Aortic knob, pulmonary trunk, descending aorta, hila, trachea and main bronchi."""
    grid, anatomy, turn = scene.grid, scene.anatomy, scene.pose.turn
    arch = anatomy.arch
    knob = ellipse(grid, (anatomy.mediastinum + turn - 0.45, arch), (anatomy.knob, anatomy.knob * 1.15))
    trunk = ellipse(grid, (anatomy.mediastinum + turn - 0.3, arch + 3.4), (1.4, 2.6), -0.25)
    for bulge, depth in ((knob, 6.0), (trunk, 4.0)):
        scene.air -= np.minimum(sphere(bulge, depth) * 1.3, 0.9 * scene.air)
        scene.lungs[1] *= 1.0 - disc(bulge, 1.5, grid)
    for sign, drop in ((-1, 5.0), (1, 4.2)):
        hilum = ellipse(grid, (sign * (anatomy.mediastinum + 1.0) + turn, arch + drop), (1.5, 2.6), 0.25 * sign)
        scene.vessels += np.maximum(hilum, 0.0) * (1.6 * anatomy.vessels)
    strip = grid.rows(-19.0, arch + 3.6)
    y = grid.y[strip]
    shift = turn - 0.4 * ramp(y, arch - 3.0, arch + 1.0)
    across = np.abs(grid.x[strip] - shift)
    split = np.maximum(y - arch - 0.4, 0.0) * 1.1
    tube = step(0.95 - np.abs(across - split), 0.7) * (1.0 - ramp(y, arch - 1.5, arch + 3.6))
    scene.free[strip] += tube * 1.7


def _abdomen(scene: Scene) -> None:
    """Gas in the stomach under the left dome."""
    grid, anatomy = scene.grid, scene.anatomy
    if anatomy.bubble <= 0:
        return
    top = dome_height(anatomy, scene.pose, 1)
    half = (1.6 + 1.4 * anatomy.bubble, 1.0 + 0.6 * anatomy.bubble)
    gas = ellipse(grid, (0.42 * anatomy.half_width, top + 2.3), half)
    scene.free += sphere(gas, 4.0 * min(anatomy.bubble, 1.2))
