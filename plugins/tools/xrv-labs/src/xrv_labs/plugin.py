"""What this plugin offers: the registries of a lab, their token, and the commands that write them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xrv_core import CommandSpec, hookimpl
from xrv_labs.places import bearer, registry_places

if TYPE_CHECKING:
    from xrv_core.specs import Listing, Spec

COMMANDS = {
    "publish": "Put MODEL (a file of save_classifier, or a name) into the lab's REGISTRY, a .toml file.",
    "sign": "Sign REGISTRY with a key, so that others notice a change; or make a key.",
    "yank": "Warn of the version NAME (lab/mine@2) of REGISTRY: the latest is then another. REASON is told to users.",
}


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """`xrv publish`, `xrv sign` and `xrv yank`."""
    return [CommandSpec(name=n, title=t, factory=f"xrv_labs.cli:{n}_command") for n, t in COMMANDS.items()]


@hookimpl
def xrv_listings() -> list[Listing]:
    """Every registry that the user named; nothing more is imported where there is none."""
    places = registry_places()
    if not places:
        return []
    from xrv_labs.listing import listings

    return listings(places)


@hookimpl
def xrv_resolve(kind: str, name: str) -> Spec | None:
    """The spec of a version such as ``lab/mine@2``; an error where a registry that has the name cannot be used."""
    if kind != "classifier" or "/" not in name or not registry_places():
        return None
    from xrv_labs.listing import resolve

    return resolve(name)


@hookimpl
def xrv_auth(url: str) -> Callable[..., Any] | None:
    """The token of the registry, for an address on its server."""
    return bearer(url)
