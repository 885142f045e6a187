"""Whose signatures count: ``trusted_keys.toml`` in the user's configuration folder.

A line names registries, by what their names begin with or by their path or address, and the public keys that may sign
them: ``lab = ["RWQ..."]``. ``"*"`` is every registry. A registry that a line is about is used only with a signature
by one of the keys.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path

from xrv_core.assets import cache_dir, public, replacing
from xrv_core.errors import SpecError, reading
from xrv_labs.documents import load, read_bytes
from xrv_labs.minisign import PublicKey, Signature, SignatureError
from xrv_labs.places import is_address, trusted_keys_file

__all__ = ["SIGNATURE", "WAITING", "check", "fitting", "keys_of", "trusted_keys"]

#: What the name of a signature file adds to that of the registry; the second is there while both are exchanged.
SIGNATURE, WAITING = ".minisig", ".minisig.next"

ADVICE = "Do not use it. Ask who publishes it"


def trusted_keys() -> dict[str, list[PublicKey]]:
    """The keys by prefix, path or address; empty where there is no file.

    Raises:
        SignatureError: The file cannot be used; no registry is believed then.
    """
    path = trusted_keys_file()
    if not path.is_file():
        return {}
    with reading(path, SignatureError):
        try:
            with path.open("rb") as stream:
                table = load(read_bytes(stream))
            return {_place(name): [PublicKey.parse(key) for key in _texts(name, keys)] for name, keys in table.items()}
        except (SpecError, SignatureError) as error:
            raise SignatureError(f"{path} {error}. Until it is repaired, no registry is used.") from error


def keys_of(known: Mapping[str, list[PublicKey]], place: str, prefix: str) -> list[PublicKey] | None:
    """The keys that may sign this registry, None where it needs no signature."""
    lines = [known[name] for name in (place, prefix, "*") if name in known]
    return [key for line in lines for key in line] if lines else None


def fitting(data: bytes, signatures: list[bytes]) -> bytes | None:
    """Of the signatures of a registry the one that was made for ``data``, by its own words; None if there is none.

    Nothing is verified: this tells a registry that is just being written from one that was changed.
    """
    for text in signatures:
        with suppress(SignatureError):
            if Signature.parse(text).told("sha256") in ("", hashlib.sha256(data).hexdigest()):
                return text
    return None


def check(data: bytes, signature: bytes | None, keys: list[PublicKey], place: str) -> Signature:
    """Verify a registry, and that no later one was seen here.

    Raises:
        SignatureError: Why it is not believed.
        MissingDependency: The library is not installed.
    """
    here, file = public(place), trusted_keys_file()
    if signature is None:
        raise SignatureError(
            f"is not signed, and {file} demands a signature. {ADVICE} to run `xrv sign`, or delete its line there"
        )
    try:
        found = Signature.parse(signature)
    except SignatureError as error:
        raise SignatureError(f"has a signature file that {error}. {ADVICE}") from error
    known = [key for key in keys if key.number == found.number]
    if not known:
        raise SignatureError(
            f"is signed with the key {found.key_name}, which {file} does not name for it. {ADVICE}; if you trust that "
            "key, add its public key there"
        )
    if not any(found.verify(data, key) for key in known):
        raise SignatureError(f"was changed after it was signed with the key {found.key_name}. {ADVICE}")
    _refuse_older(found, data, here)
    return found


def _refuse_older(found: Signature, data: bytes, place: str) -> None:
    """A signed registry must not go back in time: an attacker may still have the one of last year."""
    record = cache_dir() / "registries" / f"{hashlib.sha256(place.encode()).hexdigest()[:16]}.signed.json"
    last = 0
    with suppress(OSError, ValueError, TypeError, KeyError, RecursionError):
        last = int(json.loads(record.read_text("utf-8"))["timestamp"])
    if found.timestamp < last:
        raise SignatureError(
            f"was signed on {_date(found.timestamp)}, and one that was signed on {_date(last)} was used here before. "
            f"{ADVICE}; to accept the older one, delete {record}"
        )
    if found.timestamp > last:
        with suppress(OSError):  # a shared, read-only cache
            record.parent.mkdir(parents=True, exist_ok=True)
            with replacing(record) as new:
                new.write_text(json.dumps({"registry": place, "timestamp": found.timestamp}), "utf-8")


def _date(timestamp: int) -> str:
    with suppress(OverflowError, OSError, ValueError):
        return datetime.fromtimestamp(timestamp, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    return f"second {timestamp}"


def _place(name: str) -> str:
    """A path as registries have it."""
    is_path = any(c in name for c in "/\\") and not is_address(name)
    return str(Path(name).expanduser().absolute()) if is_path else name


def _texts(name: str, keys: object) -> list[str]:
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        raise SignatureError(f'needs a list of public keys for {name!r}: ["RW..."]')
    return keys
