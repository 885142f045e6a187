"""``xrv export``: a model as an ONNX file, compared with the model before it is put in place."""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from xrv_core import __version__, api
from xrv_core.assets import replacing, sha256_of
from xrv_core.cli import MODELS, NOT_MEDICAL, echo, print_table
from xrv_core.errors import ArgumentError, MissingDependency, PathMissing, WriteError
from xrv_core.specs import ModelSpec
from xrv_run.files import check_weights, named_images

if TYPE_CHECKING:
    import torch

__all__ = ["Exported", "Parity", "export", "export_command"]

#: Distributions that write, check and run the file.
LIBRARIES = ("onnx", "onnxscript", "onnxruntime")
#: Allowed difference between file and model, as a share of the largest output.
TOLERANCE = 1e-3
DRAWN = "drawn noise"


@dataclass(frozen=True)
class Parity:
    """What file and model give for one image.

    Attributes:
        image: Path of the image, or "drawn noise".
        output: Name of the output.
        largest: Largest absolute value of the model.
        difference: Largest absolute difference; infinite where only one of the two is NaN.
    """

    image: str
    output: str
    largest: float
    difference: float

    @property
    def equal(self) -> bool:
        """Whether they are equal but for rounding."""
        return self.difference <= TOLERANCE * max(1.0, self.largest)


@dataclass(frozen=True)
class Exported:
    """A file that ``export`` wrote.

    Attributes:
        path: The file.
        size: Its bytes.
        sha256: Its hash.
        side: Height and width of its input ``image``, float32 ``[batch, 1, side, side]`` in [-1024, 1024].
        parity: The comparison with the model, for each image and output.
    """

    path: Path
    size: int
    sha256: str
    side: int
    parity: tuple[Parity, ...]


def export(
    name: str,
    out: str | Path | None = None,
    *,
    kind: str | None = None,
    weights: str | Path = "default",
    size: int | None = None,
    images: Sequence[str | Path] = (),
    overwrite: bool = False,
) -> Exported:
    """Write a model as an ONNX file that gives what ``forward`` gives. Not for medical use.

    The file takes batches of any number of images of one size, and resizes them itself. It is compared with the
    model in ONNX Runtime, and put in place only if both are equal but for rounding.

    Args:
        name: A registered model, or a file of ``save_classifier``.
        out: The file to write; default: the model's name in the current folder.
        kind: Which kind of model, where one name leads to several.
        weights: "default" for the published ones, or the path of a file.
        size: Height and width of the images; default: those of the network.
        images: Image files to compare with, and folders of them; default: an image of drawn noise.
        overwrite: Replace a file that is there.

    Raises:
        UnknownName, NotInstalled: No such model.
        MissingDependency: A library for ONNX is not installed.
        ArgumentError: The network takes any size and ``size`` is missing; the model cannot be exported; the file would
            give something else; or ``out`` cannot be written.
        PathMissing, ImageError: An image, or the folder of ``out``.
    """
    lacking = [library for library in LIBRARIES if importlib.util.find_spec(library) is None]
    if lacking:
        raise MissingDependency(f"ONNX needs {', '.join(lacking)}: pip install 'xrv-run[onnx]'")
    found, described = api.find(name, kind, MODELS)[0]
    spec = cast("ModelSpec", described)
    path = Path(f"{spec.name.replace('/', '-')}.onnx" if out is None else out).expanduser()
    _check_target(path, overwrite)
    if spec.weights is None and weights == "default" and not spec.weights_file:
        raise ArgumentError(f"{name!r} has no published weights to export: give a file with --weights.")
    check_weights(str(weights))
    files = [file for file, _ in named_images([str(image) for image in images])]
    model: Any = getattr(api, f"get_{found}")(name, weights=weights).eval()
    side = size or model.input_resolution
    if side is None:
        raise ArgumentError(f"{name!r} takes images of any size, but a file takes one: give it with --size.")
    pixels = _pixels(files, side)
    try:
        with replacing(path) as new:
            _write(model, new, pixels[0][1], _facts(found, spec, model))
            parity = tuple(p for image, x in pixels for p in _compared(model, new, image, x))
            _check_parity(parity, name)
    except WriteError:
        raise
    except OSError as error:
        raise ArgumentError(f"{path} cannot be written: {error.strerror or error}.") from error
    return Exported(path, path.stat().st_size, sha256_of(path), side, parity)


def export_command(name: str, images: Sequence[str], out: str | None, **options: Any) -> None:
    """Export, and print what was written and how it compares."""
    done = export(name, out, images=images, **options)
    rows = [
        ("file", str(done.path)),
        ("bytes", f"{done.size:,}"),
        ("sha256", done.sha256),
        ("input", f"image: float32 [batch, 1, {done.side}, {done.side}] in [-1024, 1024]"),
    ]
    print_table(("WHAT", "IS"), rows)
    echo()
    compared = [(p.image, p.output, f"{p.largest:.6g}", f"{p.difference:.1e}") for p in done.parity]
    print_table(("IMAGE", "OUTPUT", "LARGEST", "DIFFERENCE"), compared, right=(2, 3))
    echo(f"equal within {TOLERANCE:g} of the largest output", err=True)
    echo(NOT_MEDICAL, err=True)


def _check_target(path: Path, overwrite: bool) -> None:
    if path.suffix.lower() != ".onnx":
        raise ArgumentError(f"{path}: the name of an ONNX file ends in .onnx.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    if path.is_dir() or (path.exists() and not overwrite):
        raise ArgumentError(f"{path} exists already: give another --out, or --overwrite to replace it.")


def _pixels(files: Sequence[Path], side: int) -> list[tuple[str, torch.Tensor]]:
    """The images to compare with, ``[1, 1, side, side]`` each."""
    import torch

    from xrv_core.datasets import XRayCenterCrop, XRayResizer, load_image

    if not files:
        coarse = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0)) * 2048 - 1024
        return [(DRAWN, torch.nn.functional.interpolate(coarse, size=(side, side), mode="bilinear"))]
    crop, resize = XRayCenterCrop(), XRayResizer(side)
    return [(str(file), torch.from_numpy(resize(crop(load_image(file))))[None]) for file in files]


def _write(model: Any, path: Path, x: torch.Tensor, facts: dict[str, str]) -> None:
    """Write and check the file."""
    import onnx
    import torch

    try:
        torch.onnx.export(
            model,
            (x.repeat(2, 1, 1, 1),),  # a batch of one would be fixed
            str(path),
            dynamo=True,
            external_data=False,
            verbose=False,
            input_names=["image"],
            output_names=list(_outputs(model, x)),
            dynamic_shapes=({0: torch.export.Dim("batch")},),
        )
        written = onnx.load(str(path))
        onnx.helper.set_model_props(written, facts)
        onnx.save(written, str(path))
        onnx.checker.check_model(str(path), full_check=True)
    except OSError:
        raise
    except Exception as error:  # torch and onnx have many
        raise ArgumentError(f"{facts['name']!r} cannot be exported to ONNX: {type(error).__name__}: {error}") from error


def _outputs(model: Any, x: torch.Tensor) -> dict[str, torch.Tensor]:
    import torch

    with torch.no_grad():
        out = model(x)
    return dict(out) if isinstance(out, dict) else {"output": out}


def _facts(kind: str, spec: ModelSpec, model: Any) -> dict[str, str]:
    """Texts for the file."""
    calibrated = getattr(model, "op_threshs", None) is not None
    activation = "calibrated probabilities" if calibrated else f"before {getattr(model, 'activation', 'identity')}"
    names = getattr(model, "pathologies", None) or getattr(model, "structures", [])
    return {
        "name": spec.name,
        "kind": kind,
        "names": json.dumps(list(names)),
        "output": "z and out" if kind == "autoencoder" else activation,
        "licence": spec.licence,
        "warning": f"{NOT_MEDICAL} {spec.warning}".strip(),
        "written_by": f"xrv-core {__version__}",
    }


def _session(path: Path) -> Any:
    import onnxruntime

    return onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])


def _compared(model: Any, path: Path, image: str, x: torch.Tensor) -> list[Parity]:
    import numpy as np

    expected = {name: tensor.numpy() for name, tensor in _outputs(model, x).items()}
    found = _session(path).run(list(expected), {"image": x.numpy()})
    result = []
    for (name, wanted), got in zip(expected.items(), found, strict=True):
        alike = got.shape == wanted.shape and np.array_equal(np.isnan(got), np.isnan(wanted))
        difference = float(np.nanmax(np.abs(got - wanted), initial=0)) if alike else float("inf")
        result.append(Parity(image, name, float(np.nanmax(np.abs(wanted), initial=0)), difference))
    return result


def _check_parity(parity: Sequence[Parity], name: str) -> None:
    for each in parity:
        if not each.equal:
            raise ArgumentError(
                f"The ONNX file of {name!r} is not written: for {each.image} its {each.output!r} differs by "
                f"{each.difference:.3g} from the model's, whose largest value is {each.largest:.3g}."
            )
