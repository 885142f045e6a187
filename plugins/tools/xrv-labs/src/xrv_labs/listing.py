"""Read the registries and list what can be used of each, with what is wrong with the rest."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from xrv_core.assets import public
from xrv_core.errors import MissingDependency, SpecError, UnknownName, XrvError, reading
from xrv_core.specs import Listing, owner_of
from xrv_labs.entries import PublishedSpec, Registry, parse
from xrv_labs.minisign import PublicKey, SignatureError
from xrv_labs.places import TOKEN, is_address, servers
from xrv_labs.reading import Text, keep_copy, read_all
from xrv_labs.trusted import check, keys_of, trusted_keys

__all__ = ["listings", "resolve"]

_PREFIX = re.compile(rb"^[ \t]*prefix[ \t]*=[ \t]*[\"']([a-z0-9._-]{1,100})[\"']", re.MULTILINE)


@dataclass
class _Read:
    """A registry of this process.

    Attributes:
        prefix: What its names begin with, "" where that is unknown.
        origin: Its kind and place.
        registry: What is in it; None where it cannot be used.
        error: Why it cannot be used.
    """

    prefix: str
    origin: str
    registry: Registry | None
    error: XrvError | None


_read: list[_Read] = []  # by the last call of listings()


def listings(places: Sequence[str]) -> list[Listing]:
    """What the registries list, in the order of ``places``."""
    try:
        keys, distrust = trusted_keys(), None
    except XrvError as error:
        keys, distrust = {}, error
    found = [_listing(text, keys, distrust) for text in read_all(places, signed=bool(keys))]
    _read[:] = [read for read, _ in found]
    return [listing for _, listing in found]


def resolve(name: str) -> PublishedSpec | None:
    """The spec of a version, such as ``lab/mine@2``; None where the name is not of a registry, or is listed.

    Raises:
        UnknownName: The registry has no such version, or all were yanked.
        XrvError: The registry, or the entry of this name, cannot be used, and why.
    """
    prefix, _, rest = name.partition("/")
    short, at, version = rest.partition("@")
    if owner_of("classifier", name):
        return None
    mine = [read for read in _read if read.prefix == prefix] or [read for read in _read if not read.prefix]
    registries = [read.registry for read in mine if read.registry is not None]
    if not at and any(registry.latest(short) for registry in registries):
        return None
    for read in mine:
        if read.registry is not None and short in read.registry.history:
            spec = _version(read.registry, short, version, name)
            return replace(spec, origin=read.origin)
    for read in mine:
        broken = read.registry.broken if read.registry else {}
        reason = broken.get(rest) or next((broken[key] for key in broken if key.partition("@")[0] == short), "")
        if reason:
            raise SpecError(f"{name!r} of the {read.origin} cannot be used: {reason}")
        if read.error is not None:
            raise type(read.error)(f"{name!r} cannot be found: the {read.origin} is broken. It {_plain(read.error)}.")
        if read.registry and read.registry.problems and any(c in rest for c in "*?["):
            problems = "; ".join(read.registry.problems[:3])
            raise SpecError(f"Nothing fits {name!r}, and the {read.origin} has problems: {problems}")
    return None


def _version(registry: Registry, name: str, version: str, asked: str) -> PublishedSpec:
    versions = registry.history[name]
    if version.isdecimal() and (spec := registry.pinned(name, int(version[:12]))) is not None:
        return spec
    told = ", ".join(f"{n} (yanked: {s.yanked})" if s.yanked else str(n) for n, s in sorted(versions.items()))
    if version:
        raise UnknownName(f"{registry.prefix}/{name} has no version {version}. There are: {told}.")
    raise UnknownName(
        f"Every version of {asked!r} was yanked: {told}. To use one all the same, name it: '{asked}@{max(versions)}'."
    )


def _plain(error: XrvError) -> str:
    return str(error).rstrip(".")


def _listing(text: Text, keys: dict[str, list[PublicKey]], distrust: XrvError | None) -> tuple[_Read, Listing]:
    place = public(text.place)
    registry, signed = _trusted(text, keys, distrust)
    problems = list(text.problems)
    if is_address(text.place) and os.environ.get(TOKEN) and len(servers()) > 1:
        problems.append(
            f"{TOKEN} is not sent: XRV_REGISTRIES names several servers, and the token may be meant for one only. "
            "Use ~/.netrc, which has a line for each"
        )
    origin = f"registry {place}{f' (copy of {text.copied})' if text.copied else ''}{signed}"
    if registry is None:
        guess = _PREFIX.search(text.data or b"")
        prefix = guess[1].decode() if guess else ""
        read = _Read(prefix, origin, None, text.error or SpecError(problems[0] if problems else "cannot be used"))
        return read, Listing(name=prefix or "registry", origin=origin, place=place, problems=tuple(problems))
    listing = Listing(
        name=registry.prefix,
        origin=origin,
        place=place,
        classifiers=tuple(registry.specs),
        problems=(*problems, *registry.problems),
    )
    return _Read(registry.prefix, origin, registry, None), listing


def _trusted(text: Text, keys: dict[str, list[PublicKey]], distrust: XrvError | None) -> tuple[Registry | None, str]:
    """The registry, if need be as its last good copy tells it, and by whose key it is signed."""
    if distrust is not None:
        text.fail(distrust)
    while text.data is not None and distrust is None:
        try:
            with reading("", SpecError):  # one registry must not stop the others
                registry = parse(text.data, text.place)
                signers = keys_of(keys, text.place, registry.prefix)
                if signers is None:
                    signed = ""
                else:
                    signed = f" (signed with the key {check(text.data, text.signature, signers, text.place).key_name})"
        except (SignatureError, MissingDependency) as error:  # and its copy is no way round this
            text.fail(error)
            break
        except XrvError as error:
            text.fail(error)
            if text.copied or not is_address(text.place):
                break
            text.use_copy()
        else:
            keep_copy(text)
            return registry, signed
    return None, ""
