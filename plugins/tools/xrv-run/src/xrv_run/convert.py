"""``xrv convert``: the weights of a model, or of a file, as safetensors."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, cast

import click

from xrv_core import __version__, api
from xrv_core.assets import sha256_of
from xrv_core.cli import MODELS, echo, print_table
from xrv_core.errors import ArgumentError, CheckpointError, PathMissing, UnknownName, WriteError, XrvError
from xrv_core.specs import Asset, ModelSpec
from xrv_run.running import Run

if TYPE_CHECKING:
    import torch

__all__ = ["Converted", "convert", "convert_command"]

SUFFIX = ".safetensors"

#: Tensors that share numbers are written once each; real models share few.
MAX_GROWTH = 4
#: Below this no file is too large, whatever it grew from.
SMALL = 64 << 20


@dataclass(frozen=True)
class Converted:
    """A file that ``convert`` wrote, and where its tensors come from.

    Attributes:
        path: The safetensors file.
        tensors: Number of tensors.
        size: Its bytes.
        sha256: Its hash.
        source: The file that was read, ``archive.zip!member`` for one inside an archive.
        source_sha256: The hash of that.
    """

    path: Path
    tensors: int
    size: int
    sha256: str
    source: str
    source_sha256: str


def convert(
    name: str,
    out: str | Path | None = None,
    *,
    kind: str | None = None,
    member: str | None = None,
    overwrite: bool = False,
) -> Converted:
    """Write the weights of a model or of a file as safetensors, running no code of them.

    The tensors keep their names, so that ``get_classifier(name, weights=result.path)`` takes the
    result. Everything but the weights is left out. The header names the source and its hash.

    Args:
        name: A registered model, whose weights are fetched, or the path of a weights file.
        out: The file to write. Default: the model's name in the current folder, or beside the file.
        kind: Which kind of model, where one name leads to several.
        member: Name of the weights file inside ``name``, which is then a zip archive of several.
        overwrite: Replace a file that is there.

    Raises:
        UnknownName, NotInstalled: Neither a model nor a file.
        AssetError: The weights cannot be fetched or verified.
        CheckpointError: The file cannot be read safely, see ``xrv_core.models.load_state_dict``.
        ArgumentError: There is nothing to convert, or ``out`` cannot be written.
        PathMissing: The folder of ``out`` does not exist.
    """
    origin, default = _origin(name, kind, member)
    path = default if out is None else Path(out).expanduser()
    _check_target(path, overwrite)
    source = api.fetch(origin) if isinstance(origin, Asset) else origin
    if path.exists() and path.samefile(source):
        raise ArgumentError(f"{path} is the file to convert: give another --out.")
    digest, state = _read(source, member)
    from xrv_core.models import write_safetensors

    inside = f"!{member}" if member else ""
    told = {"source": f"{source.name}{inside}", "source_sha256": digest, "xrv_core_version": __version__}
    write_safetensors(path, state, told)
    return Converted(path, len(state), path.stat().st_size, sha256_of(path), f"{source}{inside}", digest)


def convert_command(
    names: Sequence[str], out: str | None, *, kind: str | None, member: str | None, overwrite: bool, strict: bool
) -> int:
    """Convert one after the other, and print what was written; the result is the exit code, see ``Run``."""
    if len(names) > 1 and (out is not None or member is not None):
        raise ArgumentError(
            f"--{'out' if out else 'member'} is for one file, but {len(names)} are named: leave it out."
        )
    run = Run(len(names), strict=strict or len(names) == 1, unit="file")
    with run:
        for name in names:
            try:
                done = convert(name, out, kind=kind, member=member, overwrite=overwrite)
            except WriteError:
                raise
            except XrvError as error:
                run.fail(name, error)
                continue
            click.echo("\n" * bool(run.done), nl=False)
            _tell(done)
            run.finished()
    return run.code


def _tell(done: Converted) -> None:
    rows = [
        ("file", str(done.path)),
        ("tensors", f"{done.tensors:,}"),
        ("bytes", f"{done.size:,}"),
        ("sha256", done.sha256),
        ("made of", done.source),
        ("its sha256", done.source_sha256),
    ]
    print_table(("WHAT", "IS"), rows)
    echo(f"Use it with weights={str(done.path)!r}, or --weights on the command line.", err=True)


def _origin(name: str, kind: str | None, member: str | None) -> tuple[Path | Asset, Path]:
    """The weights file that ``name`` leads to, not fetched yet, and where its conversion goes by default."""
    file = Path(name).expanduser()
    if file.is_file() and not any(name in api.names(each) for each in MODELS):
        return file, file.with_name(f"{Path(member or name).stem}{SUFFIX}")
    try:
        specs = api.find(name, kind, MODELS)
    except UnknownName as error:
        raise type(error)(f"{error} Nor is there a weights file at that path.") from None
    if len(specs) > 1:
        kinds = " and ".join(found for found, _ in specs)
        raise ArgumentError(f"{name!r} is the name of several models ({kinds}): say which with --kind.")
    spec = cast("ModelSpec", specs[0][1])
    if spec.weights is None:
        raise ArgumentError(
            f"{name!r} has no published weights to convert: give the path of a weights file. How to obtain it: "
            f"{spec.obtain}"
        )
    return spec.weights, Path(f"{spec.name.replace('/', '-')}{SUFFIX}")


def _check_target(path: Path, overwrite: bool) -> None:
    if path.suffix.lower() != SUFFIX:
        raise ArgumentError(f"{path}: the name of a safetensors file ends in {SUFFIX}.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    if path.is_dir():
        raise ArgumentError(f"{path} is a folder: give another --out.")
    if not os.access(path.parent, os.W_OK):
        raise ArgumentError(f"{path} cannot be written. Give another --out.")
    if path.exists() and not overwrite:
        raise ArgumentError(f"{path} exists already: give another --out, or --overwrite to replace it.")


def _read(source: Path, member: str | None) -> tuple[str, dict[str, torch.Tensor]]:
    """The hash of a weights file, and its tensors."""
    from xrv_core.models import is_safetensors, load_state_dict, open_source

    with open_source(source, member) as opened:
        if is_safetensors(opened):
            raise ArgumentError(f"{opened.name} is a safetensors file already: use it as it is.")
        opened.stream.seek(0)
        digest = sha256_of(opened.stream)
        name, size = opened.name, opened.size
    state = load_state_dict(source, member=member)
    needed = sum(tensor.nbytes for tensor in state.values())
    if needed > max(SMALL, MAX_GROWTH * size):
        raise CheckpointError(
            f"Weights file {name} has {size:,} bytes, but its tensors would take {needed:,}: they share numbers many "
            "times over, which no real model does."
        )
    return digest, state
