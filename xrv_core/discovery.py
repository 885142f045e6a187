"""Find the installed plugins and fill the registries.

Our own loop, not pluggy's ``load_setuptools_entrypoints``: that one drops a second distribution with
the same entry name and stops at the first broken plugin. Here a broken plugin is data: it is
reported, and the others work.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, cast

import pluggy

from xrv_core import hooks
from xrv_core.errors import DuplicateName, XrvError, suggestion
from xrv_core.registry import Registry
from xrv_core.specs import FAMILIES, KINDS, KNOWN, CommandSpec, Listing, Spec, owner_of

__all__ = ["Catalogue", "Plugin", "discover"]

SESSION = "this session"

_HOOKS = {f"xrv_{kind}s": kind for kind in KINDS}
_OTHER_HOOKS = ("xrv_auth", "xrv_listings", "xrv_resolve")

#: Modules of the core itself that resolve names; they are there whatever ``XRV_PLUGINS`` says.
_BUILT_IN = ("xrv_core.models.saved.plugin",)


@dataclass
class Plugin:
    """An installed plugin, or a list that one reads, and what came of loading it.

    Attributes:
        name: Name of its entry point; of a list, what its names begin with.
        distribution: The package that brings it, with version: ``"xrv-nih 0.1.0"``; of a list, where it is from.
        module: The module that was imported; of a list, its path or address.
        offers: Names by kind.
        problems: What is wrong with it, each a sentence; empty where nothing is wrong.
        enabled: False where ``XRV_PLUGINS`` switched it off.
        open_ended: True where it also resolves names that are not listed.
    """

    name: str
    distribution: str
    module: str
    offers: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    enabled: bool = True
    open_ended: bool = False

    @property
    def state(self) -> str:
        """``ok``, ``off``, ``broken`` (offers nothing) or ``partly broken``."""
        if not self.enabled:
            return "off"
        if not self.problems:
            return "ok"
        return "partly broken" if self.open_ended or any(self.offers.values()) else "broken"


class Catalogue:
    """The registries and the plugins that filled them."""

    def __init__(self) -> None:
        self.registries: dict[str, Registry[Any]] = {kind: Registry(kind) for kind in KINDS}
        self.plugins: list[Plugin] = []
        self.environment = {name: os.environ.get(name, "") for name in ("XRV_PLUGINS", "XRV_REGISTRIES")}
        self.asked: dict[str, list[tuple[Plugin, Callable[..., Any]]]] = {hook: [] for hook in _OTHER_HOOKS}

    def changed(self) -> str:
        """What to say where an environment variable was set, changed or deleted since, after a space; else ""."""
        names = [name for name, value in self.environment.items() if os.environ.get(name, "") != value]
        since = "changed since the plugins were loaded: call xrv_core.reload_plugins()."
        return f" {' and '.join(names)} {since}" if names else ""

    def add_plugin(self, plugin: Plugin, module: ModuleType) -> None:
        """Register everything that ``module`` offers; what is wrong goes to ``plugin.problems``."""
        manager = pluggy.PluginManager(hooks.PROJECT)
        manager.add_hookspecs(hooks)
        try:
            manager.register(module, name=plugin.name)
        except pluggy.PluginValidationError as error:
            plugin.problems.append(f"a hook has the wrong arguments: {_one_line(error)}")
            return
        callers = sorted(manager.get_hookcallers(module) or [], key=lambda caller: caller.name)
        plugin.problems += [_misspelt(c.name) for c in callers if not c.has_spec()]
        plugin.problems += [
            f"{name} is not marked with @xrv_core.hookimpl"
            for name in (*_HOOKS, *_OTHER_HOOKS)
            if hasattr(module, name) and name not in {c.name for c in callers}
        ]
        for caller in callers:
            for implementation in caller.get_hookimpls():
                function = cast("Callable[..., Any]", implementation.function)
                if caller.name in self.asked:
                    self.asked[caller.name].append((plugin, function))
                    plugin.open_ended |= caller.name == "xrv_resolve"
                elif caller.has_spec():
                    self._add_offer(plugin, caller.name, function)
        if not callers and not plugin.problems:
            plugin.problems.append(f"{plugin.module} implements no hook: see xrv_core.hooks for what there is")

    def _add_offer(self, plugin: Plugin, hook: str, function: Callable[[], Iterable[Any]]) -> None:
        for spec in self._called(plugin, hook, function):
            self._add(plugin, _HOOKS[hook], spec, f"{hook}() returned")

    def _called(self, plugin: Plugin, hook: str, function: Callable[[], Iterable[Any]]) -> list[Any]:
        try:
            return list(function())
        except Exception as error:  # whatever a plugin does wrong, it must not stop the others
            plugin.problems.append(f"{hook}() raised {_one_line(error)}")
            return []

    def _add(self, plugin: Plugin, kind: str, spec: Any, source: str) -> None:
        if not isinstance(spec, KINDS[kind]):
            plugin.problems.append(f"{source} {_short(spec)}, which is no {KINDS[kind].__name__}")
            return
        try:
            self.registries[kind].add(spec, plugin.distribution)
        except DuplicateName as error:
            plugin.problems.append(str(error))
        else:
            plugin.offers.setdefault(kind, []).append(spec.name)

    def add_listings(self) -> None:
        """Add what plugins read from elsewhere; each list gets a row of its own in ``plugins``."""
        for plugin, function in self.asked["xrv_listings"]:
            for listing in self._called(plugin, "xrv_listings", function):
                if isinstance(listing, Listing):
                    self._add_listing(listing)
                else:
                    plugin.problems.append(f"xrv_listings() returned {_short(listing)}, which is no Listing")

    def _add_listing(self, listing: Listing) -> None:
        row = Plugin(listing.name, listing.origin, listing.place, problems=list(listing.problems))
        self.plugins.append(row)
        owner = FAMILIES["classifier"].get(f"{listing.name}/")
        if owner is None and any(self._is_answered("classifier", spec.name) for spec in listing.classifiers):
            owner = "an installed plugin"
        if owner is not None:
            row.problems.append(
                f"its prefix {row.name!r} is taken: {owner} answers to all names that begin with "
                f"'{row.name}/'. Choose another prefix"
            )
            return
        for spec in listing.classifiers:
            self._add(row, "classifier", spec, "it lists")

    def _is_answered(self, kind: str, name: str) -> bool:
        """Whether a plugin with open-ended names takes ``name`` for its own, even if it refuses it."""
        try:
            return self.resolve(kind, name) is not None
        except XrvError:
            return True

    def auth(self, url: str) -> Any:
        """Authentication that a plugin has for the address of a file, else None."""
        for plugin, function in self.asked["xrv_auth"]:
            try:
                found = function(url=url)
            except Exception as error:
                plugin.problems.append(f"xrv_auth() raised {_one_line(error)}")
                continue
            if found is not None:
                return found
        return None

    def resolve(self, kind: str, name: str) -> Spec | CommandSpec | None:
        """Ask the plugins with open-ended names; None where no plugin knows ``name``.

        Raises:
            XrvError: A plugin says that the name is its own and cannot be used, and no other plugin knows it.
        """
        refusal: XrvError | None = None
        for plugin, function in self.asked["xrv_resolve"]:
            try:
                spec = function(kind=kind, name=name)
            except XrvError as error:
                refusal = refusal or error
                continue
            except Exception as error:
                problem = f"xrv_resolve({kind!r}, {name!r}) raised {_one_line(error)}"
                if problem not in plugin.problems:
                    plugin.problems.append(problem)
                continue
            if isinstance(spec, KINDS[kind]):
                return spec
        if refusal is not None:
            raise refusal
        return None


def discover(session: Mapping[tuple[str, str], Spec] | None = None) -> Catalogue:
    """Load every installed plugin that ``XRV_PLUGINS`` allows.

    Args:
        session: What the session registered itself, by kind and name; a plugin that claims such a name
            later is the one that is reported.
    """
    catalogue = Catalogue()
    for (kind, _), spec in (session or {}).items():
        catalogue.registries[kind].add(spec, SESSION)
    core = Plugin("core", "xrv-core", "xrv_core")
    for name in _BUILT_IN:
        catalogue.add_plugin(core, importlib.import_module(name))
    allowed = _allowed()
    entries = [(_distribution(e), e) for e in importlib.metadata.entry_points(group=hooks.PROJECT)]
    # Our own plugins first, then by name: who keeps a name that two claim does not depend on the disk.
    entries.sort(key=lambda pair: (not _is_ours(pair[0]), pair[0], pair[1].name))
    for distribution, entry in entries:
        plugin = Plugin(entry.name, distribution, entry.value)
        catalogue.plugins.append(plugin)
        if allowed is not None and not {entry.name, distribution.split()[0]} & allowed:
            plugin.enabled = False
            continue
        try:
            module = entry.load()
        except (Exception, SystemExit) as error:
            plugin.problems.append(f"import of {entry.value} raised {_one_line(error)}")
            continue
        catalogue.add_plugin(plugin, module)
    catalogue.add_listings()
    _report_unread_registries(catalogue)
    return catalogue


def _report_unread_registries(catalogue: Catalogue) -> None:
    """Say so where registries are asked for and the plugin that reads them is not at work."""
    places = os.environ.get("XRV_REGISTRIES", "").strip()
    if places and not catalogue.asked["xrv_listings"]:
        row = Plugin("registries", "XRV_REGISTRIES", places)
        row.problems.append(f"it is read by the plugin {_absence(owner_of('command', 'publish') or '', catalogue)}")
        catalogue.plugins.append(row)


def _allowed() -> set[str] | None:
    """Names in ``XRV_PLUGINS`` (entry or distribution names); None means all, ``none`` means no plugin."""
    names = {name.strip() for name in os.environ.get("XRV_PLUGINS", "").split(",") if name.strip()}
    return names or None


def _distribution(entry: importlib.metadata.EntryPoint) -> str:
    dist = entry.dist
    return f"{dist.name} {dist.version}" if dist is not None else "unknown distribution"


def _is_ours(distribution: str) -> bool:
    owners = {owner for table in (*KNOWN.values(), *FAMILIES.values()) for owner in table.values()}
    return distribution.split(maxsplit=1)[0] in owners


def _misspelt(name: str) -> str:
    return f"{name!r} is not a hook of xrv_core.{suggestion(name, [*_HOOKS, *_OTHER_HOOKS], most=1)}"


def _short(thing: object) -> str:
    name = getattr(thing, "name", None)
    return f"the {type(thing).__name__} {name!r}" if name is not None else repr(thing)[:80]


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split())
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def missing_owner(kind: str, name: str, catalogue: Catalogue) -> str | None:
    """What to say where a plugin of ours offers ``name`` but is not installed, switched off or broken."""
    owner = owner_of(kind, name)
    return None if owner is None else f"{name!r} comes with the plugin {_absence(owner, catalogue)}"


def _absence(owner: str, catalogue: Catalogue) -> str:
    """A plugin of ours, and why it does not work here."""
    plugin = next((p for p in catalogue.plugins if p.distribution.split()[0] == owner), None)
    if plugin is None:
        return f"{owner}, which is not installed: pip install {owner}"
    if not plugin.enabled:
        return f"{owner}, which XRV_PLUGINS switches off: add {plugin.name!r} to it."
    return f"{owner}, which does not work here: {'; '.join(plugin.problems)}"
