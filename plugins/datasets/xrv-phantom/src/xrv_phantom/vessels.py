"""Lung vessels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from xrv_phantom.anatomy import Scene
from xrv_phantom.canvas import Map, texture

__all__ = ["draw_vessels"]


def draw_vessels(scene: Scene, out: Map, down: Map, right: NDArray[np.bool_]) -> None:
    """Draw vessels that leave the lung roots and fork three times, thinner and fainter as they go.

    In polar coordinates about the root a vessel is a ray; folding the angle about its rays, and again
    about the folds as the radius grows, forks every ray at once.

    Args:
        scene: The picture; its ``air`` limits what is seen.
        out: Distance from the lung root sidewards.
        down: Distance from the lung root downwards.
        right: True for pixels of the right lung, whose pattern is shifted.
    """
    grid, anatomy = scene.grid, scene.anatomy
    rng = np.random.default_rng(anatomy.seed)
    warp, fine = texture(grid, rng, 7.0), texture(grid, rng, 2.2, 40)
    strip = grid.rows(anatomy.apex, anatomy.dome + 5.0)
    out, down, right = out[strip], down[strip], right[strip]
    far = np.sqrt(out * out + down * down) + 0.3
    turns = (np.arctan2(down, out) + warp[strip] * 0.09 + right * np.float32(0.35)) * (1.0 / 0.72)
    fold = np.abs(turns - np.floor(turns) - 0.5) * 0.72
    for start, spread in ((2.0, 0.16), (5.0, 0.08), (8.5, 0.045)):
        fold = np.abs(fold - np.clip((far - start) * (spread / 4.5), 0.0, spread))
    width = np.maximum(0.62 - 0.045 * far, 0.10)
    drawn = np.maximum(width, grid.pixel)
    lines = np.maximum(drawn - fold * far, 0.0) * width / (drawn * drawn)
    fade = np.maximum(1.0 - far * (1.0 / 15.0), 0.0) * anatomy.vessels
    scene.vessels[strip] += (lines * 1.4 + 0.16 * fine[strip]) * fade
    scene.vessels *= np.minimum(scene.air * 0.2, 1.0)
