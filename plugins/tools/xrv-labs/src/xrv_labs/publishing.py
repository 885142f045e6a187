"""``xrv publish``: a saved or registered classifier into a lab's registry file; ``xrv yank`` and ``xrv sign``."""

from __future__ import annotations

import getpass
import importlib.metadata
import os
import platform
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from xrv_core import __version__, api
from xrv_core.assets import aside, locked, sha256_of, writing
from xrv_core.errors import ArgumentError, PathMissing, SpecError, UnknownName, UnsafeCheckpoint, XrvError
from xrv_core.models import FACTS, NOT_STATED, SavedClassifierSpec
from xrv_labs import toml
from xrv_labs.entries import BUILD_KEYS, TOP_KEYS, Registry, check_name, parse
from xrv_labs.keys import read_key
from xrv_labs.metrics import read_metrics
from xrv_labs.places import is_address
from xrv_labs.writing import clean, put, signed_at

__all__ = ["code_of", "publish", "sign", "yank"]

#: Seconds to wait for another publisher.
PATIENCE = 120


def publish(
    model: str,
    registry: str | os.PathLike[str],
    *,
    name: str | None = None,
    replace: bool = False,
    prefix: str | None = None,
    sign: str | os.PathLike[str] | None = None,
    trust_factory: bool = False,
    metrics: str | os.PathLike[str] | None = None,
    publisher: str | None = None,
    **about: str | None,
) -> str:
    """Copy the weights of a classifier beside a registry file and write its entry.

    A name that is there already gets one more version; what stands in the file stays as it is, comments included.

    Args:
        model: A file of ``save_classifier``, or the name of a classifier with weights.
        registry: The registry file; made if it is not there, which takes a ``prefix``.
        name: Name of the entry, default the model's own.
        replace: Write over the last version instead of adding one. Its old weights stay; those who used it are told.
        prefix: What names of a new registry begin with.
        sign: Key file to sign the registry with; a signed registry needs one.
        trust_factory: Consent that the code which the model names runs at everybody who opens it; the entry says who.
        metrics: Result folder of ``xrv evaluate``, or a JSON file with numbers by label, by where they were measured.
        publisher: Who publishes; default: the user and the machine.
        **about: ``title``, ``contact``, ``licence`` of a new registry.

    Returns:
        The whole name, such as ``lab/mine``; with its version where it is not the first.

    Raises:
        PathMissing: No such model file, or no folder for the registry.
        UnsafeCheckpoint: The model names code, and ``trust_factory`` is not given.
        ArgumentError: The registry is an address or cannot be read; the model has no weights; the name is not allowed.
        SignatureError: The key cannot be used, or the registry was changed after it was signed.
        UnknownName, WriteError: No such classifier; the disk is full.
    """
    path = _registry_path(os.fspath(registry))
    spec = api.describe_classifier(model)
    called = _checked(name or spec.name.rpartition("/")[2].partition("@")[0])
    told = _told(model, spec, publisher or _user(), trust_factory)
    if metrics is not None:
        told["metrics"] = read_metrics(metrics)
    key = read_key(sign) if sign is not None else None
    with _alone(path):
        clean(path)
        text = _text(path, prefix, about)
        old = signed_at(path, key)
        with aside(path) as folder:
            file, spec = _weights(model, spec, folder / "model.safetensors", path.parent / "weights" / called)
            sha256, number = sha256_of(file), _version(text, called, replace)
            inner = f"weights/{called}-{sha256[:8]}.safetensors"
            found = {"weights": inner, "sha256": sha256, "size": file.stat().st_size, **told}
            entry = {"name": called, "version": number, **_entry(spec, tomllib.loads(text)), **found}
            new = toml.with_entry(text, entry)
            full = _prove(text, new, (called, number), path)
            put(path, new, key, old, weights=(file, path.parent / inner, sha256))
    return full if number == 1 else f"{full}@{number}"


def _checked(name: str) -> str:
    try:
        check_name(name, "'name'")
    except SpecError as error:
        raise ArgumentError(f"{name!r} cannot be a name: {error}.") from error
    return name


def _told(model: str, spec: Any, who: str, trust_factory: bool) -> dict[str, Any]:
    """Who publishes what, and consents to which code."""
    when, code = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"), code_of(spec)
    told: dict[str, Any] = {"published": when, "publisher": who, "code": _code(spec)}
    if code and not trust_factory:
        raise UnsafeCheckpoint(
            f"{model} needs the code of {code} to build its network. In a registry that code is trusted: it runs on "
            "the machine of everybody who opens the model. If you trust the file and the code, say so with "
            "--trust-factory (trust_factory=True); the entry then names you."
        )
    return {**told, "code_trusted": f"{code} by {who}, {when}"} if code else told


def yank(
    name: str, registry: str | os.PathLike[str], reason: str, *, sign: str | os.PathLike[str] | None = None
) -> str:
    """Mark a version so that the latest is another one. It can still be opened by its version, with a warning.

    Args:
        name: ``mine@2``, ``lab/mine@2``, or without a version where there is one only.
        registry: The registry file.
        reason: Told to everybody who opens it; "" takes the mark away.
        sign: Key file; a signed registry needs one.

    Returns:
        The whole name with the version.

    Raises:
        UnknownName: The registry has no such version.
        ArgumentError, SignatureError, WriteError: As ``publish``.
    """
    path, key = _registry_path(os.fspath(registry)), read_key(sign) if sign is not None else None
    with _alone(path):
        clean(path)
        text = _text(path, None, {}, there=True)
        old = signed_at(path, key)
        before = parse(text.encode(), str(path))
        short, _, version = name.removeprefix(f"{before.prefix}/").partition("@")
        versions = before.history.get(short, {})
        if not versions or (version and version not in map(str, versions)):
            raise UnknownName(f"The registry {path} has no {name!r}. There are: {_names(before) or 'none'}.")
        if not version and len(versions) > 1:
            numbers = ", ".join(map(str, sorted(versions)))
            raise ArgumentError(f"{name!r} has versions {numbers}: say which, as {name}@{max(versions)}.")
        number = int(version or next(iter(versions)))
        new = toml.with_yank(text, short, number, reason)
        full = _prove(text, new, (short, number), path)
        put(path, new, key, old)
    return f"{full}@{number}"


def sign(registry: str | os.PathLike[str], key: str | os.PathLike[str]) -> Registry:
    """Sign a registry as it stands, for the first time or after it was edited by hand. Read it before.

    Raises:
        ArgumentError: The registry cannot be read or written.
        SignatureError: The key cannot be used.
    """
    path, secret = _registry_path(os.fspath(registry)), read_key(key)
    with _alone(path):
        clean(path)
        text = _text(path, None, {}, there=True)
        put(path, text, secret, signed_at(path, None, believed=True))
    return parse(text.encode(), str(path))


def code_of(spec: Any) -> str:
    """The code that a model names to build its network, "" if none."""
    return str(spec.build.get("factory", "")) if isinstance(spec, SavedClassifierSpec) else ""


def _registry_path(registry: str) -> Path:
    if is_address(registry):
        raise ArgumentError(f"{registry} is an address, which can only be read: publish to the file behind the server.")
    path = Path(registry).expanduser().absolute()
    if path.suffix != ".toml":
        raise ArgumentError(f"{path}: a registry is a file whose name ends in .toml.")
    if not path.parent.is_dir():
        raise PathMissing(f"{path.parent}: no such folder. Create it first.")
    return path


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


def _text(path: Path, prefix: str | None, about: Mapping[str, str | None], *, there: bool = False) -> str:
    """The registry as it is, else the head of a new one."""
    if path.exists():
        try:
            data = path.read_bytes()  # with its line ends
            registry = parse(data, str(path))
        except XrvError as error:
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
        return data.decode()
    if there:
        raise PathMissing(f"{path}: no such registry.")
    if prefix is None:
        raise ArgumentError(f"{path} does not exist. To make it, say with --prefix what its names begin with.")
    head = {"prefix": prefix, **{key: value for key, value in about.items() if value}}
    text = toml.new_registry({key: head[key] for key in TOP_KEYS if key in head})
    try:
        parse(text.encode(), str(path))
    except XrvError as error:
        raise ArgumentError(f"prefix={prefix!r} cannot be: a registry {error}.") from error
    return text


def _weights(model: str, spec: Any, staged: Path, target: Path) -> tuple[Path, SavedClassifierSpec]:
    """A copy of the file of ``save_classifier``, or one written now where the model is a registered one."""
    if isinstance(spec, SavedClassifierSpec) and spec.weights_file:
        with writing(target):
            shutil.copyfile(spec.weights_file, staged)
        return staged, spec
    if spec.weights is None:
        raise ArgumentError(
            f"{model!r} has no weights that could be published. Train it, save it with "
            "xrv_core.models.save_classifier, and publish that file."
        )
    from xrv_core.models import save_classifier

    with writing(target):
        name = spec.name.rpartition("/")[2].partition("@")[0]
        return staged, save_classifier(api.get_classifier(model), staged, name=name)


def _version(text: str, name: str, replace: bool) -> int:
    """The number of the new version."""
    entries = tomllib.loads(text).get("classifier", [])
    there = [_key(entry)[1] for entry in entries if _key(entry)[0] == name]
    numbers = [number for number in there if type(number) is int]
    return max(numbers, default=0) + (not replace or not numbers)


def _entry(spec: SavedClassifierSpec, registry: Mapping[str, Any]) -> dict[str, Any]:
    """What the entry says about the model. A fact that is not stated is left to the default of the registry."""
    facts = {key: getattr(spec, key) for key in FACTS if key != "name"}
    unsaid = [key for key, fact in facts.items() if fact == NOT_STATED and (key != "licence" or "licence" in registry)]
    entry = {key: fact for key, fact in facts.items() if fact not in (None, "", ()) and key not in unsaid}
    entry |= {key: spec.build[way] for key, way in BUILD_KEYS.items() if way in spec.build}
    if spec.build.get("options"):
        entry["options"] = spec.build["options"]
    if spec.op_threshs:
        entry["op_threshs"] = [float("nan") if point is None else point for point in spec.op_threshs]
    return entry


def _user() -> str:
    try:
        name = getpass.getuser()
    except (KeyError, OSError, ImportError):  # a container without an account
        name = f"user {os.getuid()}" if hasattr(os, "getuid") else "unknown user"
    return f"{name}@{platform.node()}"


def _code(spec: Any) -> list[str]:
    """The versions of the code that makes the network."""
    build = spec.build if isinstance(spec, SavedClassifierSpec) else {"registered": spec.name}
    found = [f"xrv-core {__version__}"]
    if "timm" in build:
        found.append(f"timm {importlib.metadata.version('timm')}")
    elif "registered" in build:
        found.append(api.origin("classifier", build["registered"]))
    else:
        module = build["factory"].partition(".")[0].partition(":")[0]
        brought = importlib.metadata.packages_distributions().get(module, [])
        found += [f"{each} {importlib.metadata.version(each)}" for each in brought[:1]]
    return found


def _names(registry: Registry) -> str:
    return ", ".join(f"{name}@{number}" for name, versions in registry.history.items() for number in versions)


def _key(entry: Mapping[str, Any]) -> tuple[Any, Any]:
    return entry.get("name"), entry.get("version", 1)


def _prove(old: str, new: str, changed: tuple[str, int], path: Path) -> str:
    """The new text must say what the old one said, and the changed entry. Its whole name."""
    try:
        before, after = tomllib.loads(old), parse(new.encode(), str(path))
    except XrvError as error:
        raise ArgumentError(f"The registry {path} would become unusable: it {error}. Nothing was written.") from error
    rest = [e for e in before.pop("classifier", []) if _key(e) != changed]
    others = [e for e in after.table.get("classifier", []) if _key(e) != changed]
    same = {k: v for k, v in after.table.items() if k != "classifier"} == before and repr(others) == repr(rest)
    if not same or changed[1] not in after.history.get(changed[0], {}):
        why = "; ".join(after.problems) or "other entries would change"
        raise ArgumentError(f"The registry {path} cannot be added to: {why}. Nothing was written.")
    return f"{after.prefix}/{changed[0]}"
