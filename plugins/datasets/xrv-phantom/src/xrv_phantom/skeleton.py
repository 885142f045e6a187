"""Bones as families of curves: one phase per pixel gives the distance to the nearest rib."""

from __future__ import annotations

import numpy as np

from xrv_phantom.anatomy import Scene
from xrv_phantom.canvas import Map, disc, ellipse, line, ramp, step

__all__ = ["frontal_bones", "lateral_bones"]


def tube(distance: Map, radius: float) -> Map:
    """Path through a hollow bone, bright at its rims, from the distance to its axis, in cm."""
    square = distance * (1.0 / radius)
    square *= square
    # a polynomial that follows the shell between radii 1 and 0.7 to some percent, without a root
    return np.maximum(1.0 - square, 0.0) * (square * (3.8 * radius) + 0.95 * radius)


def frontal_bones(scene: Scene) -> None:
    """Ribs, clavicles, shoulder blades, upper arms and spine, seen from the front."""
    _ribs(scene)
    _clavicles(scene)
    _shoulders(scene)
    _spine(scene)
    scene.bone *= scene.anatomy.bone


def _ribs(scene: Scene) -> None:
    """Each rib is a tilted ellipse: its back half falls outwards from the spine, its front half inwards."""
    anatomy = scene.anatomy
    strip = scene.grid.rows(anatomy.apex - 2.0, 20.0)
    y, side, outer = scene.grid.y[strip], scene.side[strip], scene.half[strip] + 0.5
    ratio = side / outer
    ratio *= ratio
    square = np.maximum(1.0 - ratio, 1e-4)
    bend = np.sqrt(square)
    # where a rib turns along the beam its wall is seen edge on
    weight = step(outer - side, scene.grid.soft) * np.minimum(0.75 + 0.25 / bend, 1.9)
    first = anatomy.apex - 1.0 + anatomy.rib_phase
    wide = anatomy.half_width
    back = (anatomy.rib_drop, 0.62, 0.75, first + anatomy.rib_drop, ramp(side, 1.2, 2.4))
    front = (-1.25 * anatomy.rib_drop, 0.78, 0.48, first + 3.2, ramp(side, 0.35 * wide, 0.62 * wide))
    for drop, radius, strength, start, fade in (back, front):
        phase = (y + drop * bend - start) * (1.0 / anatomy.rib_gap)
        offset = phase - np.floor(phase) - 0.5
        slope = ratio * (drop * drop / wide / wide)
        distance = offset * np.sqrt(square / (square + slope)) * anatomy.rib_gap
        counted = (phase > 0) & (phase < 10)
        scene.bone[strip] += tube(distance, radius) * (weight * fade * strength) * counted


def _clavicles(scene: Scene) -> None:
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    height = anatomy.apex + (2.6 if pose.view == "PA" else 1.6)
    strip = grid.rows(height - 6.0, height + 3.5)
    for sign in (-1, 1):
        along = (grid.x[strip] - pose.turn * 1.4) * sign - 1.6
        curve = height - 0.17 * along + 0.75 * np.sin(along * (2 * np.pi / 14.5))
        distance = (grid.y[strip] - curve) * 0.93
        ends = step(along, 0.5) * step(14.5 - along, 0.5)
        scene.bone[strip] += tube(distance, 0.62) * (ends * 0.85)


def _shoulders(scene: Scene) -> None:
    """Shoulder blades (turned out of the lungs on PA, over them on AP) and the heads of the upper arms."""
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    inward = 0.0 if pose.view == "PA" else 2.2
    strip = grid.rows(anatomy.apex - 1.0, anatomy.apex + 15.0)
    x, y = grid.x[strip], grid.y[strip] - anatomy.apex
    for sign in (-1, 1):
        out = x * sign - (0.86 * anatomy.half_width - inward)
        medial = out - 0.16 * np.maximum(y - 2.0, 0.0)
        lateral = 6.6 - 0.34 * np.maximum(y - 2.0, 0.0) - out
        ends = step(y - 1.2, 0.6) * step(13.0 - y, 0.6)
        plate = step(medial, 0.3) * step(lateral, 0.3) * ends
        rims = (line(medial - 0.2, 0.45, grid) + 1.8 * line(lateral - 0.3, 0.6, grid)) * ends
        ridge = line(y - 3.4 + 0.22 * out, 0.8, grid) * step(medial, 0.3) * step(lateral + 1.5, 0.3)
        scene.bone[strip] += 0.14 * plate + 0.3 * rims + 0.35 * ridge
    for sign in (-1, 1):
        head = ellipse(grid, (sign * (anatomy.half_width + 5.6 - 0.4 * inward), anatomy.apex + 2.6), (2.5, 2.6))
        scene.bone += 0.6 * disc(head, 2.5, grid, 2.0)


def _spine(scene: Scene) -> None:
    """Vertebral bodies with discs between them, and a pair of pedicles on each."""
    grid, anatomy, pose = scene.grid, scene.anatomy, scene.pose
    bow = anatomy.curve * np.cos(grid.y * 0.16) + 0.5 * pose.turn
    columns = np.abs(grid.x - bow)
    width = 1.35 + 0.35 * ramp(grid.y, -14.0, 14.0)
    level = np.abs((grid.y - anatomy.rib_phase) * (1.0 / anatomy.rib_gap) % 1.0 - 0.5)
    body = step(width - columns, 0.7) * (0.55 + 0.45 * step(0.42 - level, 0.12))
    pedicle = ramp(1.0 - ((columns - 0.95) / 0.34) ** 2 - ((level - 0.12) / 0.16) ** 2, 0.0, 0.6)
    scene.bone += 0.8 * body + 0.45 * pedicle


def lateral_bones(scene: Scene) -> None:
    """Ribs of both sides, breast bone and spine, seen from the left."""
    grid, anatomy = scene.grid, scene.anatomy
    strip = grid.rows(anatomy.apex - 1.0, 20.0)
    y, side, half = grid.y[strip], scene.side[strip], scene.half[strip] + 0.4
    forward = scene.middle[strip] - grid.x[strip]
    within = step(half - side, grid.soft)
    for offset, strength in ((0.0, 0.34), (0.45, 0.26)):
        phase = (y - 0.42 * forward - anatomy.apex - 3.5) * (1.0 / anatomy.rib_gap) - anatomy.rib_phase - offset
        distance = (phase - np.floor(phase) - 0.5) * (0.92 * anatomy.rib_gap)
        scene.bone[strip] += tube(distance, 0.55) * within * (strength * (phase > 0) * (phase < 9))
    front, back = scene.middle - scene.half, scene.middle + scene.half
    plate = line(grid.x - front + 0.5, 1.1, grid) * step(grid.y - anatomy.apex - 2.0, 1.0)
    scene.bone += 0.9 * plate * step(anatomy.apex + 20.0 - grid.y, 2.0)
    axis = np.minimum(back - 2.4, anatomy.depth * 0.62)
    width = 1.35 + 0.35 * ramp(grid.y, -14.0, 14.0)
    level = (grid.y - anatomy.rib_phase) * (1.0 / anatomy.rib_gap)
    level = np.abs(level - np.floor(level) - 0.5)
    body = step(width - np.abs(grid.x - axis), 0.4)
    arch = step(0.8 - np.abs(grid.x - axis - width - 1.4), 0.6) * step(0.28 - level, 0.2)
    scene.bone += 1.5 * body * (0.6 + 0.4 * step(0.41 - level, 0.12)) + 0.6 * arch
    scene.bone *= anatomy.bone
