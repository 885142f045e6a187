"""From path lengths to the picture: Beer-Lambert, scatter, noise, and the display curve."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from xrv_phantom.anatomy import Scene
from xrv_phantom.canvas import Map
from xrv_phantom.marks import burn_in

__all__ = ["Film", "attenuation", "expose"]

#: Attenuation per cm at the mean energy of a chest tube: soft tissue, compact bone.
MU_SOFT, MU_BONE = 0.19, 0.52

#: Attenuation shown as mid-grey; a lateral beam crosses more of the body.
MIDDLE = {"PA": 2.85, "AP": 2.85, "L": 3.2}


@dataclass(frozen=True)
class Film:
    """What a site does to a picture.

    Attributes:
        exposure: Shift of the display window, in units of its width; positive is brighter.
        contrast: Steepness of the display curve, 1 is usual.
        noise: Strength of quantum noise, 1 is usual.
        border: Width of the collimated border, share of the side.
        marker: What is burned in, a key of ``MARKERS``.
    """

    exposure: float
    contrast: float
    noise: float
    border: float
    marker: str


def attenuation(scene: Scene) -> Map:
    """Minus the logarithm of the share of the beam that reaches each pixel, ``[H, W]``."""
    lung = scene.air * scene.anatomy.air - np.minimum(scene.vessels, scene.air)
    soft = np.maximum(scene.soft - lung - scene.free, 0.0)
    return soft * MU_SOFT + scene.bone * (MU_BONE - MU_SOFT)


def expose(scene: Scene, film: Film, rng: np.random.Generator) -> Map:
    """The picture, float32 ``[H, W]`` in [-1024, 1024].

    Noise is that of counted photons: its square grows with the signal, and with the number of pixels
    that share the photons.
    """
    signal = np.exp(-attenuation(scene))
    signal += 0.004  # scattered photons
    noise = rng.standard_normal(signal.shape, dtype=np.float32)
    signal += noise * np.sqrt(signal) * (0.0066 * film.noise * signal.shape[0] / 224)
    dense = -np.log(np.maximum(signal, 1e-3))
    picture = np.tanh((dense - MIDDLE[scene.pose.view]) * (film.contrast * 0.72) + 2.1 * film.exposure)
    picture *= 1024.0
    burn_in(picture, film.marker, film.border)
    return picture
