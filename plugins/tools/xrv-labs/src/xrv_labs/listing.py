"""Read the registries and list what can be used of each, with what is wrong with the rest."""

from __future__ import annotations

import os
from collections.abc import Sequence

from xrv_core.assets import public
from xrv_core.errors import SpecError
from xrv_core.specs import Listing
from xrv_labs.entries import Registry, parse
from xrv_labs.places import TOKEN, is_address, servers
from xrv_labs.reading import Text, keep_copy, read_all

__all__ = ["listings"]


def listings(places: Sequence[str]) -> list[Listing]:
    """What the registries list, in the order of ``places``."""
    return [_listing(text) for text in read_all(places)]


def _listing(text: Text) -> Listing:
    place = public(text.place)
    try:
        registry = _parsed(text)
    except Exception as error:  # one registry must not stop the others
        text.problems.append(f"cannot be used: {type(error).__name__}: {error}")
        registry = None
    problems = list(text.problems)
    if is_address(text.place) and os.environ.get(TOKEN) and len(servers()) > 1:
        problems.append(
            f"{TOKEN} is not sent: XRV_REGISTRIES names several servers, and the token may be meant for one only. "
            "Use ~/.netrc, which has a line for each"
        )
    if registry is None:
        return Listing(name="registry", origin=f"registry {place}", place=place, problems=tuple(problems))
    return Listing(
        name=registry.prefix,
        origin=f"registry {place}" + (f" (copy of {text.copied})" if text.copied else ""),
        place=place,
        classifiers=tuple(registry.specs),
        problems=(*problems, *registry.problems),
    )


def _parsed(text: Text) -> Registry | None:
    """The registry, if need be as its last good copy tells it."""
    for _ in range(2):
        if text.text is None:
            return None
        try:
            registry = parse(text.text, text.place)
        except SpecError as error:
            text.problems.append(str(error))
            if text.copied or not is_address(text.place):
                return None
            text.use_copy()
        else:
            keep_copy(text)
            return registry
    return None
