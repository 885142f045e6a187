"""Put a registry, its signature and weights in place, so that a kill at any moment leaves the old or the new one."""

from __future__ import annotations

import hashlib
import json
import os
import re
import time
from contextlib import suppress
from pathlib import Path

from xrv_core.assets import replacing, sha256_of, writing
from xrv_core.errors import ArgumentError
from xrv_labs.entries import parse
from xrv_labs.minisign import SecretKey, Signature, SignatureError
from xrv_labs.reading import write_signed
from xrv_labs.trusted import SIGNATURE, WAITING, fitting, keys_of, trusted_keys

__all__ = ["clean", "put", "signed_at"]

_WEIGHTS = re.compile(r"weights/[a-z0-9._-]+-[0-9a-f]{8}\.safetensors")


def put(
    path: Path, text: str, key: SecretKey | None, last: int | None, *, weights: tuple[Path, Path, str] | None = None
) -> None:
    """Write a registry, after the weights of a new entry.

    Args:
        path: The registry; the caller holds its lock.
        text: Of the registry.
        key: Signs it; None: it has no signature.
        last: Seconds since 1970 of its last signature.
        weights: A file beside the registry, its final place, its sha256.
    """
    data, signature = text.encode(), None
    if key is not None:
        now = max(int(time.time()), (last or 0) + 1)  # never older than the last one
        told = f"timestamp:{now}\tfile:{path.name}\thashed\tsha256:{hashlib.sha256(data).hexdigest()}"
        signature = key.sign(data, told)
    note = _note(path)
    if weights is not None:
        _put_weights(*weights, note)
    write_signed(path, data, signature)
    note.unlink(missing_ok=True)


def _put_weights(file: Path, target: Path, sha256: str, note: Path) -> None:
    if target.is_file() and sha256_of(target) == sha256:
        return
    with writing(target):
        target.parent.mkdir(exist_ok=True)
        if not target.exists():
            with replacing(note) as new:
                new.write_text(json.dumps(f"{target.parent.name}/{target.name}"), "utf-8")
        with file.open("rb+") as stream:
            os.fsync(stream.fileno())
        file.replace(target)


def clean(path: Path) -> None:
    """Undo what a killed publisher left; the caller holds the lock.

    That are weights which no registry of the folder names, and a signature that was to replace the old one.
    """
    waiting = Path(f"{path}{WAITING}")
    if waiting.exists():
        if path.exists() and fitting(path.read_bytes(), [waiting.read_bytes()]) is not None:
            waiting.replace(f"{path}{SIGNATURE}")
        else:
            waiting.unlink()
    note = _note(path)
    if not note.exists():
        return
    weights = ""
    with suppress(ValueError, OSError):
        weights = json.loads(note.read_text("utf-8"))
    if isinstance(weights, str) and _WEIGHTS.fullmatch(weights):
        name = weights.rpartition("/")[2].encode()
        if not any(name in registry.read_bytes() for registry in path.parent.glob("*.toml")):
            (path.parent / weights).unlink(missing_ok=True)
    note.unlink()


def signed_at(path: Path, key: SecretKey | None, *, believed: bool = False) -> int | None:
    """When a registry was last signed; None if it never was. What was changed since is not signed unseen.

    Args:
        path: The registry.
        key: Will sign it.
        believed: The user says so: nothing is verified.

    Raises:
        ArgumentError: It is signed and there is no key, or the reverse.
        SignatureError: It was changed after it was signed, or the key is unknown.
    """
    file = Path(f"{path}{SIGNATURE}")
    again = f"Read it; if all is well, sign it with `xrv sign {path} --key KEY`."
    if not file.exists():
        if key is not None and path.exists():
            raise ArgumentError(f"{path} is not signed yet, so that anybody may have changed it. {again}")
        return None
    if believed:
        with suppress(SignatureError):
            return Signature.parse(file.read_bytes()).timestamp
        return None
    if key is None:
        raise ArgumentError(f"{path} is signed: give the key with --sign KEY, or delete {file} if that is to end.")
    try:
        found = Signature.parse(file.read_bytes())
    except SignatureError as error:
        raise SignatureError(f"{file} {error}. {again}") from error
    data = path.read_bytes()
    known = keys_of(trusted_keys(), str(path), parse(data, str(path)).prefix) or []
    if not any(found.verify(data, each) for each in (key.public(), *known)):
        raise SignatureError(
            f"{path} was changed after it was signed, or the key {found.key_name} of the signature is unknown. {again}"
        )
    return found.timestamp


def _note(path: Path) -> Path:
    """Names weights that are put in place before the registry names them."""
    return path.with_name(f".{path.name}.pending")
