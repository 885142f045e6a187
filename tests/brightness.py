"""A classifier whose output is known, the brightness of the image; and images for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image

from xrv_core.models import BackboneClassifier
from xrv_core.specs import ClassifierSpec

__all__ = ["WORDS", "Mean", "image", "toy"]

WORDS = dict.fromkeys(("title", "licence", "citation", "homepage", "obtain"), "none")


class Mean(torch.nn.Module):
    """The brightness of an image is its feature; some brightnesses end in an error."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        means = x.mean(dim=(1, 2, 3))
        if bool((means > 1000).any()):
            raise RuntimeError("CUDA error: misaligned address")
        return torch.where(means < -1000, torch.nan, means)[:, None]


def toy(spec: ClassifierSpec, weights: Path | None = None) -> BackboneClassifier:
    model = BackboneClassifier(Mean(), spec.pathologies, num_features=1, input_resolution=8, spec=spec)
    torch.nn.init.constant_(model.classifier.weight, 0.001)
    torch.nn.init.zeros_(model.classifier.bias)
    return model


def image(path: Path, grey: int = 100) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as stream:
        Image.fromarray(np.full((8, 8), grey, np.uint8)).save(stream, format="PNG")
    return path
