"""Key files: make a key, and open one to sign with."""

from __future__ import annotations

import getpass
import os
import sys
from pathlib import Path

from xrv_core.assets import writing
from xrv_core.errors import ArgumentError, PathMissing, XrvError, reading
from xrv_labs.documents import read_bytes
from xrv_labs.minisign import PublicKey, SecretKey, SignatureError, new_key

__all__ = ["make_key", "read_key"]

#: The password of a key where nobody can be asked; set but empty: none.
PASSWORD = "XRV_KEY_PASSWORD"  # noqa: S105 -- the name of the variable


def make_key(path: str | os.PathLike[str]) -> PublicKey:
    """Make a key: the secret half in ``path``, for its owner only, the public half beside it in a .pub file.

    The password is asked on the terminal, or taken from ``XRV_KEY_PASSWORD``.

    Raises:
        ArgumentError: A file is there already or cannot be written, or there is no password to be had.
        MissingDependency: The library ``cryptography`` is not installed.
    """
    file = Path(path).expanduser().absolute()
    half = file.with_suffix(".pub")
    if not file.parent.is_dir():
        raise PathMissing(f"{file.parent}: no such folder. Create it first.")
    for each in (file, half):
        if os.path.lexists(each):
            raise ArgumentError(f"{each} is there already. A lost key is lost for ever: choose another name.")
    key = new_key()
    public = key.public()
    text = key.text(_password(file, again=True))
    try:
        with writing(file), os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(text)
        half.write_text(f"untrusted comment: minisign public key {public.name}\n{public}\n")
    except OSError as error:
        if isinstance(error, XrvError):
            raise
        raise ArgumentError(f"{error.filename or file} cannot be written: {error.strerror or error}.") from error
    return public


def read_key(path: str | os.PathLike[str]) -> SecretKey:
    """Open a key of ``xrv sign --new-key`` or of ``minisign -G``.

    Raises:
        PathMissing: No such file.
        SignatureError: It is no key, or the password is wrong.
    """
    file = Path(path).expanduser()
    if not file.is_file():
        raise PathMissing(f"{file}: no such file. Make a key with `xrv sign --new-key {file}`.")
    try:
        with reading("", SignatureError), file.open("rb") as stream:
            key = SecretKey.parse(read_bytes(stream).decode("utf-8", "replace"), lambda: _password(file))
            key.public()
            return key
    except SignatureError as error:
        raise SignatureError(f"The key {file} {error}.") from error


def _password(file: Path, *, again: bool = False) -> str:
    given = os.environ.get(PASSWORD)
    if given is not None:
        return given
    if sys.stdin is None or not sys.stdin.isatty():
        raise ArgumentError(f"{file} needs a password, and there is no terminal to ask on: set {PASSWORD}.")
    first = getpass.getpass(f"Password of {file}{' (empty: none)' if again else ''}: ")
    if again and first != getpass.getpass("Once more: "):
        raise ArgumentError("The two passwords differ. Nothing was written.")
    return first
