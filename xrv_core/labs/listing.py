"""Put the entries of a lab's registries into the catalogue, and report each registry like a plugin."""

from __future__ import annotations

import os
from collections.abc import Sequence

from xrv_core.assets.partfile import public
from xrv_core.discovery import Catalogue, Plugin
from xrv_core.errors import DuplicateName, SpecError
from xrv_core.labs.entries import Registry, parse
from xrv_core.labs.reading import Text, keep_copy, read_all
from xrv_core.registries import TOKEN, is_address, servers
from xrv_core.specs.known import FAMILIES

__all__ = ["add_registries"]


def add_registries(catalogue: Catalogue, places: Sequence[str]) -> None:
    """Read the registries and add what they list; what is wrong goes to the row of each in ``catalogue.plugins``."""
    for text in read_all(places):
        row = Plugin(name="registry", distribution=f"registry {public(text.place)}", module=public(text.place))
        catalogue.plugins.append(row)
        try:
            registry = _parsed(text)
        except Exception as error:  # whatever somebody writes into a registry, it must not stop the others
            text.problems.append(f"cannot be used: {type(error).__name__}: {error}")
            registry = None
        row.problems += text.problems
        if is_address(text.place) and os.environ.get(TOKEN) and len(servers()) > 1:
            row.problems.append(
                f"{TOKEN} is not sent: XRV_REGISTRIES names several servers, and it may be meant for one only. "
                "Use ~/.netrc, which has a line for each"
            )
        if registry is not None:
            row.name = registry.prefix
            row.distribution += f" (copy of {text.copied})" if text.copied else ""
            row.problems += registry.problems
            _add(catalogue, row, registry)


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


def _add(catalogue: Catalogue, row: Plugin, registry: Registry) -> None:
    owner = FAMILIES["classifier"].get(f"{registry.prefix}/")
    names = [spec.name for spec in registry.specs]
    if owner is None and any(catalogue.resolve("classifier", name) is not None for name in names):
        owner = "an installed plugin"
    if owner is not None:
        row.problems.append(
            f"its prefix {registry.prefix!r} is taken: {owner} answers to all names that begin with "
            f"'{registry.prefix}/'. Choose another prefix"
        )
        return
    for spec in registry.specs:
        try:
            catalogue.registries["classifier"].add(spec, row.distribution)
        except DuplicateName as error:
            row.problems.append(str(error))
        else:
            row.offers.setdefault("classifier", []).append(spec.name)
