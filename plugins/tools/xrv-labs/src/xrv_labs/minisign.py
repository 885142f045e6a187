"""Keys and signatures in the format of minisign, https://jedisct1.github.io/minisign, whose tool reads them, too.

Ed25519 over the BLAKE2b hash of a file, by the library ``cryptography``; the rest is in Python's own.
"""

from __future__ import annotations

import base64
import hashlib
import os
import struct
from dataclasses import dataclass
from typing import Any

from xrv_core.errors import AssetError, MissingDependency

__all__ = ["PublicKey", "SecretKey", "Signature", "SignatureError", "new_key"]

_HASHED, _PLAIN = b"ED", b"Ed"
_SCRYPT, _BLAKE = b"Sc", b"B2"
_OPERATIONS, _MEMORY = 1 << 22, 1 << 27  # of scrypt: half a second, 128 MiB
_MOST_OPERATIONS, _MOST_MEMORY = 1 << 25, 1 << 30  # what minisign itself asks for


class SignatureError(AssetError):
    """A registry whose signature is missing, wrong, old or of an unknown key; or a key file that cannot be used."""


@dataclass(frozen=True)
class PublicKey:
    """The public half of a key."""

    number: bytes
    key: bytes

    @classmethod
    def parse(cls, text: str) -> PublicKey:
        """From the line that begins with RW, or a file with that line.

        Raises:
            SignatureError: It is no public key.
        """
        data = _decoded(_lines(text)[-1:], "a public key of minisign", 42)
        if data[:2] != _PLAIN:
            raise SignatureError("is no public key of minisign")
        return cls(data[2:10], data[10:])

    @property
    def name(self) -> str:
        """The key ID, as minisign prints it."""
        return _hex(self.number)

    def __str__(self) -> str:
        return base64.b64encode(_PLAIN + self.number + self.key).decode()

    def fits(self, signature: bytes, message: bytes) -> bool:
        """Whether ``signature`` is this key's, of ``message``."""
        ed25519, invalid = _library()
        try:
            ed25519.Ed25519PublicKey.from_public_bytes(self.key).verify(signature, message)
        except (invalid, ValueError):
            return False
        return True


@dataclass(frozen=True)
class Signature:
    """A signature file. Nothing of it may be believed before ``verify``.

    Attributes:
        algorithm: ``ED`` where the hash of the file was signed, ``Ed`` where the file itself was.
        number: Of the key.
        signature: Of the file.
        comment: The text that is signed, too.
        over_comment: Its signature.
    """

    algorithm: bytes
    number: bytes
    signature: bytes
    comment: str
    over_comment: bytes

    @classmethod
    def parse(cls, data: bytes) -> Signature:
        """From the bytes of a .minisig file.

        Raises:
            SignatureError: It is no signature.
        """
        what = "a signature of minisign"
        try:
            lines = data[:4096].decode().splitlines()
        except UnicodeDecodeError:
            lines = []
        if len(lines) < 4 or not lines[2].startswith("trusted comment: "):
            raise SignatureError(f"is not {what}")
        first, last = _decoded(lines[1:2], what, 74), _decoded(lines[3:4], what, 64)
        if first[:2] not in (_HASHED, _PLAIN):
            raise SignatureError(f"is not {what}")
        return cls(first[:2], first[2:10], first[10:], lines[2].removeprefix("trusted comment: "), last)

    @property
    def key_name(self) -> str:
        """The ID of its key, as minisign prints it."""
        return _hex(self.number)

    def told(self, key: str) -> str:
        """What the signed comment says about ``key``, such as "timestamp"; "" if nothing."""
        return next((w.partition(":")[2] for w in self.comment.split("\t") if w.startswith(f"{key}:")), "")

    @property
    def timestamp(self) -> int:
        """Seconds since 1970, 0 where there are none."""
        told = self.told("timestamp")
        return int(told) if told.isascii() and told.isdecimal() and len(told) < 13 else 0

    def verify(self, data: bytes, key: PublicKey) -> bool:
        """Whether this is the signature of ``data`` by ``key``, and the comment is that of the signer."""
        message = hashlib.blake2b(data).digest() if self.algorithm == _HASHED else data
        return (
            self.number == key.number
            and key.fits(self.signature, message)
            and key.fits(self.over_comment, self.signature + self.comment.encode())
        )


@dataclass(frozen=True)
class SecretKey:
    """The secret half of a key."""

    number: bytes
    seed: bytes

    @classmethod
    def parse(cls, text: str, password: Any) -> SecretKey:
        """From the text of a key file.

        Args:
            text: Of the file.
            password: Called without arguments if the key is protected.

        Raises:
            SignatureError: It is no key, or the password is wrong.
        """
        data = _decoded(_lines(text)[-1:], "a secret key of minisign", 158)
        kind, way, _, salt = data[:2], data[2:4], data[4:6], data[6:38]
        operations, memory = struct.unpack("<QQ", data[38:54])
        body = data[54:]
        if way == _SCRYPT:
            body = _xor(body, _stream(password(), salt, operations, memory))
        elif way != b"\0\0":
            raise SignatureError("is a key of an unknown kind: make one with `xrv sign --new-key` or `minisign -G`")
        key = cls(body[:8], body[8:40])
        if kind != _PLAIN or key.public().key != body[40:72]:
            raise SignatureError("cannot be opened: the password is wrong" if way == _SCRYPT else "is damaged")
        return key

    def public(self) -> PublicKey:
        """The public half."""
        ed25519, _ = _library()
        raw = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed).public_key().public_bytes_raw()
        return PublicKey(self.number, raw)

    def text(self, password: str) -> str:
        """The file, protected where there is a password."""
        body = self.number + self.seed + self.public().key
        body += _checksum(body)
        salt, way, cost = bytes(32), b"\0\0", (0, 0)
        if password:
            salt, way, cost = os.urandom(32), _SCRYPT, (_OPERATIONS, _MEMORY)
            body = _xor(body, _stream(password, salt, *cost))
        data = base64.b64encode(_PLAIN + way + _BLAKE + salt + struct.pack("<QQ", *cost) + body).decode()
        kind = "encrypted secret key" if password else "secret key"
        return f"untrusted comment: minisign {kind}\n{data}\n"

    def sign(self, data: bytes, comment: str) -> bytes:
        """The signature file of ``data``; ``comment`` is signed, too."""
        ed25519, _ = _library()
        key = ed25519.Ed25519PrivateKey.from_private_bytes(self.seed)
        signature = key.sign(hashlib.blake2b(data).digest())
        over = key.sign(signature + comment.encode())
        first = base64.b64encode(_HASHED + self.number + signature).decode()
        name = self.public().name
        lines = (f"untrusted comment: signature from minisign secret key {name}", first, f"trusted comment: {comment}")
        return "\n".join([*lines, base64.b64encode(over).decode(), ""]).encode()


def new_key() -> SecretKey:
    """A new key."""
    return SecretKey(os.urandom(8), os.urandom(32))


def _library() -> Any:
    try:
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise MissingDependency("Signatures need cryptography: pip install 'xrv-labs[sign]'") from error
    return ed25519, InvalidSignature


def _lines(text: str) -> list[str]:
    return [line.strip() for line in text.splitlines() if line.strip()]


def _decoded(lines: list[str], what: str, length: int) -> bytes:
    try:
        data = base64.b64decode("".join(lines), validate=True)
    except ValueError:
        data = b""
    if len(data) != length:
        raise SignatureError(f"is not {what}")
    return data


def _hex(number: bytes) -> str:
    return f"{int.from_bytes(number, 'little'):016X}"


def _checksum(body: bytes) -> bytes:
    return hashlib.blake2b(_PLAIN + body, digest_size=32).digest()


def _xor(body: bytes, stream: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(body, stream, strict=True))


def _stream(password: str, salt: bytes, operations: int, memory: int) -> bytes:
    """What hides the key: scrypt, with the cost that libsodium makes of these two limits."""
    if not 1 << 15 <= operations <= _MOST_OPERATIONS or not 1 << 16 <= memory <= _MOST_MEMORY:
        raise SignatureError("is damaged: opening it would cost too much")
    few = operations < memory // 32
    cost = 1 << ((operations // 32 if few else memory // 1024).bit_length() - 1)
    parallel = 1 if few else max(1, operations // 4 // cost // 8)
    try:
        most = 2 * _MOST_MEMORY - 1
        return hashlib.scrypt(password.encode(), salt=salt, n=cost, r=8, p=parallel, maxmem=most, dklen=104)
    except (MemoryError, ValueError) as error:  # OpenSSL calls a lack of memory a wrong value
        raise SignatureError(f"cannot be opened: its password needs {memory >> 20:,} MiB of memory") from error
