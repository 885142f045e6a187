"""Where a lab's registries are, and whose token goes to which server. Nothing is read or asked here.

``XRV_REGISTRIES`` lists files and https addresses, separated by spaces or commas; what has spaces or commas
itself stands in double quotes. (Not by ``os.pathsep``: colons are in every address and in Windows paths.)
After them comes ``registry.toml`` in the user's configuration folder, if it is there.
"""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

__all__ = [
    "BearerToken",
    "bearer",
    "is_address",
    "is_safe_address",
    "registry_places",
    "servers",
    "trusted_keys_file",
    "user_registry",
]

TOKEN = "XRV_REGISTRY_TOKEN"  # noqa: S105 -- the name of the variable

_ENTRY = re.compile(r'"([^"]*)"|([^\s,"]+)')
_THIS_MACHINE = ("127.0.0.1", "localhost", "::1")


def user_registry() -> Path:
    """The registry of this user, which need not exist."""
    from platformdirs import user_config_path

    return user_config_path("xrv_core") / "registry.toml"


def trusted_keys_file() -> Path:
    """Whose signatures this user trusts; need not exist."""
    return user_registry().with_name("trusted_keys.toml")


def registry_places() -> list[str]:
    """Paths and addresses of the registries, in order, each once."""
    listed = [quoted or bare for quoted, bare in _ENTRY.findall(os.environ.get("XRV_REGISTRIES", ""))]
    places = [place if is_address(place) else str(Path(place).expanduser().absolute()) for place in listed if place]
    own = user_registry()
    if own.is_file():
        places.append(str(own))
    return list(dict.fromkeys(places))


def is_address(place: str) -> bool:
    """Whether a place is an address and not a path."""
    return "://" in place


def is_safe_address(url: str) -> bool:
    """Whether an address is https, or http of this very machine."""
    scheme, host, _ = _server(url)
    return bool(host) and (scheme == "https" or (scheme == "http" and host in _THIS_MACHINE))


def servers() -> set[tuple[str, str, int]]:
    """Scheme, host and port of every registry that has an address."""
    return {_server(place) for place in registry_places() if is_address(place) and is_safe_address(place)}


def bearer(url: str) -> BearerToken | None:
    """The token of ``XRV_REGISTRY_TOKEN`` for an address on the server of the registry, else None.

    Where registries are on several servers, the owner of the token is unknown, and no server gets it.
    """
    token = os.environ.get(TOKEN, "").strip()
    if not token or not is_safe_address(url):
        return None
    known = servers()
    return BearerToken(token) if known == {_server(url)} else None


class BearerToken:
    """Authentication for ``requests``, which takes it off when it is redirected to another server.

    As an ``auth`` and not as a header: a header would give way to ``.netrc``.
    """

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


def _server(url: str) -> tuple[str, str, int]:
    """Scheme, host in lower case, port."""
    try:
        parts = urlsplit(url)
        return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError:  # no address at all, such as https://[x
        return "", "", 0
