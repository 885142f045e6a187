"""What this plugin offers: the registries of a lab, their token, and the command `xrv publish`."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from xrv_core import CommandSpec, hookimpl
from xrv_labs.places import bearer, registry_places

if TYPE_CHECKING:
    from xrv_core.specs import Listing

PUBLISH = CommandSpec(
    name="publish",
    title="Put MODEL (a file of save_classifier, or a name) into the lab's REGISTRY, a .toml file.",
    factory="xrv_labs.cli:command",
)


@hookimpl
def xrv_commands() -> list[CommandSpec]:
    """`xrv publish`."""
    return [PUBLISH]


@hookimpl
def xrv_listings() -> list[Listing]:
    """Every registry that the user named; nothing more is imported where there is none."""
    places = registry_places()
    if not places:
        return []
    from xrv_labs.listing import listings

    return listings(places)


@hookimpl
def xrv_auth(url: str) -> Callable[..., Any] | None:
    """The token of the registry, for an address on its server."""
    return bearer(url)
