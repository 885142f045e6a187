"""``xrv publish``: a saved or registered classifier into a lab's registry file."""

from __future__ import annotations

import os
import shutil
import tempfile
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from xrv_core import api
from xrv_core.assets import aside, locked, replacing, sha256_of
from xrv_core.errors import ArgumentError, DuplicateName, PathMissing, SpecError, XrvError
from xrv_core.models import FACTS, NOT_STATED, SavedClassifierSpec
from xrv_labs import toml
from xrv_labs.entries import BUILD_KEYS, NAME, TOP_KEYS, parse
from xrv_labs.places import is_address

__all__ = ["publish"]

#: Seconds to wait for another publisher.
PATIENCE = 120


def publish(
    model: str,
    registry: str | os.PathLike[str],
    *,
    name: str | None = None,
    replace: bool = False,
    prefix: str | None = None,
    **about: str | None,
) -> str:
    """Copy the weights of a classifier beside a registry file and write its entry.

    What stands in the file already stays as it is, comments included. Two that publish at the same time wait for each
    other; a reader sees the file as it was before or as it is after.

    Args:
        model: A file of ``save_classifier``, or the name of a classifier with weights.
        registry: The registry file; made if it is not there, which takes a ``prefix``.
        name: Name of the entry, default the model's own.
        replace: Replace an entry of that name. Its old weights stay, for those who are loading them.
        prefix: What names of a new registry begin with.
        **about: ``title``, ``contact`` and ``licence`` of a new registry.

    Returns:
        The whole name, such as ``lab/mine``.

    Raises:
        DuplicateName: The name is taken.
        PathMissing: No such model file, or no folder for the registry.
        ArgumentError: The registry is an address or cannot be read; the model has no weights; the name is not allowed.
        UnknownName: No such classifier.
    """
    path = _registry_path(os.fspath(registry))
    with aside(Path(tempfile.gettempdir(), name or "model")) as folder:
        file, spec = _model(model, folder)
        called = name or spec.name.rpartition("/")[2]
        if not NAME.fullmatch(called):
            raise ArgumentError(f"{called!r} cannot be a name: use lower case letters, digits, '.', '_' and '-'.")
        with _alone(path):
            return _put(path, _text(path, prefix, about), called, (file, spec), replace=replace)


def _registry_path(registry: str) -> Path:
    if is_address(registry):
        raise ArgumentError(f"{registry} is an address, which can only be read: publish to the file behind the server.")
    path = Path(registry).expanduser().absolute()
    if path.suffix != ".toml":
        raise ArgumentError(f"{path}: a registry is a file whose name ends in .toml.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    return path


def _put(path: Path, text: str, name: str, model: tuple[Path, SavedClassifierSpec], *, replace: bool) -> str:
    """Add the entry to ``text``, the registry as it is, and write both files. The whole name."""
    file, spec = model
    weights, told = _weights(path, name, file)
    entry = {**_entry(name, spec, tomllib.loads(text)), **told}
    _refuse_taken(text, name, path, replace)
    new = toml.with_entry(text, entry)
    full = _prove(text, new, entry, path)
    _copy(file, weights)
    _write(path, new)
    return full


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    try:
        with locked(path, PATIENCE):
            yield
    except XrvError:  # some of them are OSErrors
        raise
    except TimeoutError as error:
        raise ArgumentError(f"{path} has been locked for {PATIENCE} s: {error}. Try again.") from error
    except OSError as error:
        raise ArgumentError(f"{error.filename or path} cannot be written: {error.strerror or error}.") from error


def _text(path: Path, prefix: str | None, about: Mapping[str, str | None]) -> str:
    """The registry as it is, else the head of a new one."""
    if path.exists():
        try:
            text = path.read_bytes().decode()  # with its line ends
            registry = parse(text, str(path))
        except (UnicodeDecodeError, SpecError) as error:
            raise ArgumentError(f"The registry {path} {error}. Repair it first.") from error
        if not isinstance(registry.table.get("classifier", []), list):
            raise ArgumentError(f"The registry {path} cannot be added to: {'; '.join(registry.problems)}.")
        if prefix not in (None, registry.prefix):
            raise ArgumentError(
                f"The registry {path} has the prefix {registry.prefix!r}, not {prefix!r}: leave --prefix out."
            )
        given = [key for key, value in about.items() if value]
        if given:
            raise ArgumentError(f"The registry {path} is there already: --{given[0]} is for a new one. Edit the file.")
        return text
    if prefix is None:
        raise ArgumentError(f"{path} does not exist. To make it, say with --prefix what its names begin with.")
    head = {"prefix": prefix, **{key: value for key, value in about.items() if value}}
    text = toml.new_registry({key: head[key] for key in TOP_KEYS if key in head})
    try:
        parse(text, str(path))
    except SpecError as error:
        raise ArgumentError(f"prefix={prefix!r} cannot be: a registry {error}.") from error
    return text


def _model(model: str, folder: Path) -> tuple[Path, SavedClassifierSpec]:
    """A file of ``save_classifier``, written now where the model is a registered one."""
    spec = api.describe_classifier(model)
    if isinstance(spec, SavedClassifierSpec) and spec.weights_file:
        return Path(spec.weights_file), spec
    if spec.weights is None:
        raise ArgumentError(
            f"{model!r} has no weights that could be published. Train it, save it with "
            "xrv_core.models.save_classifier, and publish that file."
        )
    from xrv_core.models import save_classifier

    file = folder / "model.safetensors"
    return file, save_classifier(api.get_classifier(model), file, name=spec.name.rpartition("/")[2])


def _refuse_taken(text: str, name: str, path: Path, replace: bool) -> None:
    taken = any(entry.get("name") == name for entry in tomllib.loads(text).get("classifier", []))
    if taken and not replace:
        raise DuplicateName(f"The registry {path} has a classifier {name!r} already: give --name, or --replace it.")


def _weights(path: Path, name: str, file: Path) -> tuple[Path, dict[str, Any]]:
    """Where the weights go, and what the entry says about them."""
    sha256 = sha256_of(file)
    inner = f"weights/{name}-{sha256[:8]}.safetensors"
    return path.parent / inner, {"weights": inner, "sha256": sha256, "size": file.stat().st_size}


def _entry(name: str, spec: SavedClassifierSpec, registry: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry says about the model. A fact that is not stated is left to the default of the registry."""
    facts = {key: getattr(spec, key) for key in FACTS if key != "name"}
    unsaid = [key for key, fact in facts.items() if fact == NOT_STATED and (key != "licence" or "licence" in registry)]
    told = {key: fact for key, fact in facts.items() if fact not in (None, "", ()) and key not in unsaid}
    entry = {"name": name, **told}
    entry |= {key: spec.build[way] for key, way in BUILD_KEYS.items() if way in spec.build}
    if spec.build.get("options"):
        entry["options"] = spec.build["options"]
    if spec.op_threshs:
        entry["op_threshs"] = [float("nan") if point is None else point for point in spec.op_threshs]
    return entry


def _prove(old: str, new: str, entry: Mapping[str, Any], path: Path) -> str:
    """The new text must say what the old one said, and the new entry. Its whole name."""
    try:
        before, after = tomllib.loads(old), parse(new, str(path))
    except SpecError as error:
        raise ArgumentError(f"The registry {path} would become unusable: it {error}. Nothing was written.") from error
    rest = [e for e in before.pop("classifier", []) if e.get("name") != entry["name"]]
    others = [e for e in after.table.get("classifier", []) if e.get("name") != entry["name"]]
    same = {k: v for k, v in after.table.items() if k != "classifier"} == before and repr(others) == repr(rest)
    found = [spec for spec in after.specs if spec.name == f"{after.prefix}/{entry['name']}"]
    if not same or len(found) != 1:
        why = "; ".join(after.problems) or "other entries would change"
        raise ArgumentError(f"The registry {path} cannot be added to: {why}. Nothing was written.")
    return found[0].name


def _copy(file: Path, target: Path) -> None:
    """Put the weights in place, whole or not at all."""
    if target.is_file() and target.stat().st_size == file.stat().st_size:
        return  # the name holds the hash
    target.parent.mkdir(exist_ok=True)
    with replacing(target) as new:
        shutil.copyfile(file, new)


def _write(path: Path, text: str) -> None:
    with replacing(path) as new:
        new.write_bytes(text.encode())
