"""Find the installed plugins and fill the registries.

Our own loop, not pluggy's ``load_setuptools_entrypoints``: that one drops a second distribution with
the same entry name and stops at the first broken plugin. Here a broken plugin is data: it is
reported, and the others work.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import io
import os
import re
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pluggy

from xrv_core import hooks
from xrv_core.errors import DuplicateName, XrvError, suggestion
from xrv_core.registry import Registry
from xrv_core.specs import FAMILIES, KINDS, KNOWN, CommandSpec, Listing, Spec, owner_of

__all__ = ["Catalogue", "Plugin", "discover"]

SESSION = "this session"
LOCK = threading.RLock()  # of the catalogue, and of stdout while a plugin runs

_HOOKS = {f"xrv_{kind}s": kind for kind in KINDS}
_OURS = {owner for table in (*KNOWN.values(), *FAMILIES.values()) for owner in table.values()}
#: What listing must not load.
_HEAVY = {
    "PIL", "matplotlib", "numpy", "pandas", "pydicom", "requests", "scipy", "sklearn", "timm", "torch", "torchvision",
}  # fmt: skip
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
        location: The folder that has the distribution; of a list, "".
    """

    name: str
    distribution: str
    module: str
    offers: dict[str, list[str]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    enabled: bool = True
    open_ended: bool = False
    location: str = ""

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
        self._manager = pluggy.PluginManager(hooks.PROJECT)
        self._manager.add_hookspecs(hooks)
        self.environment = {name: os.environ.get(name, "") for name in ("XRV_PLUGINS", "XRV_REGISTRIES")}
        self.asked: dict[str, list[tuple[Plugin, Callable[..., Any]]]] = {hook: [] for hook in _OTHER_HOOKS}

    def changed(self) -> str:
        """What to say where an environment variable was set, changed or deleted since, after a space; else ""."""
        names = [name for name, value in self.environment.items() if os.environ.get(name, "") != value]
        since = "changed since the plugins were loaded: call xrv_core.reload_plugins()."
        return f" {' and '.join(names)} {since}" if names else ""

    def add_plugin(self, plugin: Plugin, module: ModuleType) -> None:
        """Register everything that ``module`` offers; what is wrong goes to ``plugin.problems``."""
        try:
            self._manager.register(module)
        except pluggy.PluginValidationError as error:
            plugin.problems.append(f"a hook has the wrong arguments: {_one_line(error)}")
            return
        finally:
            callers = sorted(self._manager.get_hookcallers(module) or [], key=lambda caller: caller.name)
            found = [(caller, list(caller.get_hookimpls())) for caller in callers]
            if self._manager.is_registered(module):
                self._manager.unregister(module)
        plugin.problems += [_misspelt(c.name) for c in callers if not c.has_spec()]
        plugin.problems += [
            f"{name} is not marked with @xrv_core.hookimpl"
            for name in (*_HOOKS, *_OTHER_HOOKS)
            if hasattr(module, name) and name not in {c.name for c in callers}
        ]
        for caller, implementations in found:
            for implementation in implementations:
                function = cast("Callable[..., Any]", implementation.function)
                if caller.name in self.asked:
                    self.asked[caller.name].append((plugin, function))
                    plugin.open_ended |= caller.name == "xrv_resolve"
                elif caller.has_spec():
                    for spec in self._called(plugin, caller.name, function):
                        self._add(plugin, _HOOKS[caller.name], spec, f"{caller.name}() returned")
        if not callers and not plugin.problems:
            plugin.problems.append(f"{plugin.module} implements no hook: see xrv_core.hooks for what there is")

    def _called(self, plugin: Plugin, hook: str, function: Callable[[], Iterable[Any]]) -> list[Any]:
        with contained(plugin.problems, f"{hook}()"):
            found = function()
            if isinstance(found, str | bytes | Mapping):
                raise TypeError(f"{_short(found)} is no list")
            return list(found)
        return []  # type: ignore[unreachable]

    def _add(self, plugin: Plugin, kind: str, spec: Any, source: str) -> None:
        with contained(plugin.problems, "a spec"):
            if not isinstance(spec, KINDS[kind]):
                plugin.problems.append(f"{source} {_short(spec)}, which is no {KINDS[kind].__name__}")
                return
            try:
                self.registries[kind].add(spec, plugin.distribution, plugin.location)
            except DuplicateName as error:
                plugin.problems.append(str(error))
            else:
                plugin.offers.setdefault(kind, []).append(spec.name)

    def add_listings(self) -> None:
        """Add what plugins read from elsewhere; each list gets a row of its own in ``plugins``."""
        for plugin, function in self.asked["xrv_listings"]:
            for listing in self._called(plugin, "xrv_listings", function):
                with contained(plugin.problems, "xrv_listings()"):
                    if not isinstance(listing, Listing):
                        raise TypeError(f"it returned {_short(listing)}, which is no Listing")
                    self._add_listing(listing)

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
            with contained(plugin.problems, "xrv_auth()"):
                found = function(url=url)
                if found is not None and not callable(found):
                    raise TypeError(f"a {type(found).__name__} is no authentication of requests")
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
            spec = None
            with contained(plugin.problems, f"xrv_resolve({kind!r}, {name!r})"):
                try:
                    spec = function(kind=kind, name=name)
                except XrvError as error:
                    refusal = refusal or error
                if spec is not None and not isinstance(spec, KINDS[kind]):
                    raise TypeError(f"it returned {_short(spec)}, which is no {KINDS[kind].__name__}")
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
    by_name: dict[str, Plugin] = {}
    for plugin, entry in _entries(catalogue):
        catalogue.plugins.append(plugin)
        owner = plugin.distribution.split()[0]
        if allowed is not None and not {plugin.name, owner} & allowed:
            plugin.enabled = False
            continue
        same, here = by_name.setdefault(plugin.name, plugin), f"it is in {plugin.location}, and"
        if same.distribution != plugin.distribution:
            plugin.problems.append(
                f"{here} its entry point {plugin.name!r} is also one of {same.distribution} in {same.location}"
            )
        if owner in _OURS and not _is_ours(plugin):
            plugin.problems.append(f"{here} has the name of a plugin of ours, but its module is {plugin.module}")
        heavy = _HEAVY - sys.modules.keys()
        with contained(plugin.problems, f"import of {plugin.module}"):
            catalogue.add_plugin(plugin, entry.load())
        if loaded := heavy & sys.modules.keys():
            plugin.problems.append(
                f"{plugin.module} imports {', '.join(sorted(loaded))}, which makes every listing slow"
            )
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


def _entries(catalogue: Catalogue) -> list[tuple[Plugin, importlib.metadata.EntryPoint]]:
    """What all distributions name as plugins; a distribution that cannot be used is reported, and hides no other."""
    found: list[tuple[Plugin, importlib.metadata.EntryPoint]] = []
    first: dict[str, Plugin] = {}
    for distribution in importlib.metadata.distributions():
        folder = Path(str(getattr(distribution, "_path", "?")))
        row = Plugin("?", folder.name, "entry_points.txt")
        with contained(row.problems, f"reading {folder}"):
            text = distribution.read_text("entry_points.txt")  # of all: nothing more may be read
            if hooks.PROJECT not in (text or "") and not (text is None and folder.name.startswith("xrv_")):
                continue
            row.location, (name, _, version) = os.path.realpath(folder.parent), folder.stem.partition("-")
            head = distribution.read_text("METADATA") or distribution.read_text("PKG-INFO") or ""
            about = dict(re.findall(r"^(Name|Version): *(\S+)", head.partition("\n\n")[0], re.MULTILINE))
            name = about.get("Name", name.replace("_", "-"))
            row.distribution = f"{name} {about.get('Version', version)}"
            if "Name" not in about or (text is None and name in _OURS):
                row.problems.append(f"{folder} is damaged or cannot be read: install it again")
            entries = distribution.entry_points.select(group=hooks.PROJECT)
            earlier = first.setdefault(re.sub("[-_.]+", "-", name).lower(), row)
            if earlier is row:
                found += [(replace(row, name=entry.name, module=entry.value), entry) for entry in entries]
            elif earlier.distribution != row.distribution or (
                earlier.location != row.location and folder.suffix != ".egg-info"
            ):
                row.problems.append(
                    f"it is in {row.location} and not loaded: {earlier.distribution} in {earlier.location} has the "
                    "same name and comes first. Remove one of them"
                )
        if row.problems and not any(row.problems is plugin.problems for plugin, _ in found):
            catalogue.plugins.append(row)
    # Our own plugins first, then by name: who keeps a name that two claim does not depend on the disk.
    return sorted(found, key=lambda pair: (not _is_ours(pair[0]), pair[0].distribution, pair[0].name))


def _is_ours(plugin: Plugin) -> bool:
    name = plugin.distribution.split()[0]
    return name in _OURS and plugin.module == f"{name.replace('-', '_')}.plugin"


class _Heard(io.TextIOBase):
    """In the place of stdout and stderr: keeps what this thread prints; what others print goes to stderr."""

    def __init__(self) -> None:
        self.text, self._thread, self._others = "", threading.get_ident(), sys.stderr

    def write(self, text: str) -> int:
        if threading.get_ident() == self._thread:
            self.text += text
        elif self._others is not None:
            self._others.write(text)
        return len(text)


@contextmanager
def contained(problems: list[str], doing: str) -> Iterator[None]:
    """Run code of a plugin: what it raises, prints or changes becomes a problem, and harms no other.

    KeyboardInterrupt passes.
    """
    found: list[str] = []
    with LOCK, redirect_stdout(_Heard()) as heard, redirect_stderr(heard):
        folder = working_folder()
        try:
            yield
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a SystemExit of a plugin ends nothing
            found.append(f"{doing} raised {_one_line(error)}")
        if heard.text.strip():
            found.append(f"{doing} printed {heard.text.strip()[:80]!r}")
        if folder and working_folder() != folder:
            os.chdir(folder)
            found.append(f"{doing} changed the working directory; it was changed back")
    problems += [problem for problem in found if problem not in problems]


def working_folder() -> str:
    """The working directory; "" if it was deleted."""
    with suppress(OSError):  # it was deleted
        return os.getcwd()  # noqa: PTH109
    return ""


def _misspelt(name: str) -> str:
    return f"{name!r} is not a hook of xrv_core.{suggestion(name, [*_HOOKS, *_OTHER_HOOKS], most=1)}"


def _short(thing: object) -> str:
    name = getattr(thing, "name", None)
    return f"the {type(thing).__name__} {name!r}" if name is not None else repr(thing)[:80]


def _one_line(error: BaseException) -> str:
    text = ""
    with suppress(Exception):  # of a __str__ that does not work
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
