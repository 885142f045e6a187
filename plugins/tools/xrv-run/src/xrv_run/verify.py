"""``xrv verify``: run a model on the images whose outputs were published, and compare."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from xrv_core import api
from xrv_core.cli import MODELS, echo, print_table
from xrv_core.errors import ArgumentError, PathMissing
from xrv_core.specs import ModelSpec, ReferenceOutput
from xrv_run.files import check_weights

if TYPE_CHECKING:
    import torch

__all__ = ["Comparison", "output_numbers", "verify_command", "verify_model"]


@dataclass(frozen=True)
class Comparison:
    """One published output, and what the model gives here.

    Attributes:
        reference: What was published.
        got: What the model gives, under the same names.
    """

    reference: ReferenceOutput
    got: dict[str, float]

    @property
    def differences(self) -> dict[str, float]:
        """What the model gives less what was published, by name."""
        return {name: self.got[name] - value for name, value in self.reference.outputs.items()}

    @property
    def equal(self) -> bool:
        """Whether every difference is within the tolerance (NaN is not)."""
        return all(abs(difference) <= self.reference.tolerance for difference in self.differences.values())


def verify_model(
    name: str, *, kind: str | None = None, images: str | Path | None = None, weights: str | Path = "default"
) -> list[Comparison]:
    """Run a model on the images of its ``reference_outputs``.

    Args:
        name: A classifier, autoencoder or segmenter.
        kind: Which of them, where one name leads to several.
        images: Folder with copies of the images; None fetches them. Their hashes are checked in either case.
        weights: "default" for the published ones, or the path of a file.

    Raises:
        UnknownName: No such model.
        ArgumentError: Nothing was published for it.
        AssetError: Weights or image cannot be fetched or verified.
        PathMissing: An image is not in ``images``.
    """
    found, spec = api.find(name, kind, MODELS)[0]
    assert isinstance(spec, ModelSpec)
    if not spec.reference_outputs:
        raise ArgumentError(f"No output of {spec.name!r} was published that it could be compared with.")
    if images is not None:
        for reference in spec.reference_outputs:
            _own_copy(reference, images)
    if weights != "default":
        check_weights(str(weights))
    return [_compared(found, spec, reference, images, weights) for reference in spec.reference_outputs]


def _compared(
    kind: str, spec: ModelSpec, reference: ReferenceOutput, images: str | Path | None, weights: str | Path
) -> Comparison:
    from xrv_core.datasets import XRayCenterCrop, XRayResizer, load_image

    get = {"classifier": api.get_classifier, "autoencoder": api.get_autoencoder, "segmenter": api.get_segmenter}[kind]
    model: Any = get(spec.name, weights=weights, **reference.options)
    pixels = XRayCenterCrop()(load_image(_image(reference, images)))
    if reference.resize:
        pixels = XRayResizer(reference.resize)(pixels)
    got = output_numbers(kind, model, pixels)
    absent = [name for name in reference.outputs if name not in got]
    if absent:
        raise ArgumentError(
            f"The published output of {spec.name!r} for {reference.image.name} names {absent[0]!r}, which the model "
            f"does not give. It gives: {', '.join(got)}."
        )
    return Comparison(reference, {name: got[name] for name in reference.outputs})


def _image(reference: ReferenceOutput, images: str | Path | None) -> Path:
    if images is None:
        return api.fetch(reference.image)
    path = _own_copy(reference, images)
    # as an asset of its own, so that another image of that name is refused
    return api.fetch(replace(reference.image, name=f"verify/{path.name}", urls=(path.absolute().as_uri(),)))


def _own_copy(reference: ReferenceOutput, images: str | Path) -> Path:
    path = Path(images).expanduser() / reference.image.name.rpartition("/")[2]
    if not path.is_file():
        raise PathMissing(f"{path}: no such file. It is published at {reference.image.urls[0]}")
    return path


def output_numbers(kind: str, model: Any, pixels: Any) -> dict[str, float]:
    """What a model gives for one image, as numbers by name.

    Args:
        kind: "classifier" (the numbers of ``predict``), "segmenter" (the share of the image that each
            structure covers) or "autoencoder" (mean and deviation of code and image, and the mean absolute
            error of the reconstruction).
        model: The model.
        pixels: ``[1, H, W]`` in [-1024, 1024], square.
    """
    import numpy as np
    import torch

    if kind == "classifier":
        found: dict[str, float] = model.predict(pixels)
        return found
    if kind == "segmenter":
        return {name: float((mask >= 0.5).float().mean()) for name, mask in model.predict(pixels).items()}
    model.eval()
    with torch.no_grad():
        x = torch.from_numpy(np.asarray(pixels))[None]
        out = model(x)
        return _of_autoencoder(x, out["z"], out["out"])


def _of_autoencoder(x: torch.Tensor, z: torch.Tensor, image: torch.Tensor) -> dict[str, float]:
    from xrv_core.models import resize_input

    error = (image - resize_input(x, image.shape[-1])).abs().mean()
    return {
        "z mean": float(z.float().mean()),
        "z std": float(z.float().std()),
        "out mean": float(image.mean()),
        "out std": float(image.std()),
        "mean absolute error": float(error),
    }


def verify_command(name: str, *, kind: str | None, images: str | None, weights: str) -> int:
    """Print the comparison; 1 if anything differs by more than it may."""
    comparisons = verify_model(name, kind=kind, images=images, weights=weights)
    for number, comparison in enumerate(comparisons):
        reference = comparison.reference
        size = f", resized to {reference.resize}" if reference.resize else ""
        click.echo("\n" * bool(number), nl=False)
        echo(f"{reference.image.name.rpartition('/')[2]}{size}", bold=True)
        echo(f"Published in: {reference.source}")
        rows = [
            (label, f"{reference.outputs[label]:.6f}", f"{got:.6f}", f"{comparison.differences[label]:+.1e}")
            for label, got in comparison.got.items()
        ]
        print_table(("NAME", "EXPECTED", "GOT", "DIFFERENCE"), rows, right=(1, 2, 3))
        verdict = "equal" if comparison.equal else "DIFFERENT"
        echo(f"{verdict} within {reference.tolerance:g}")
        if not comparison.equal and reference.note:
            echo(f"Note: {reference.note}")
    return int(not all(comparison.equal for comparison in comparisons))
