"""The vocabulary of labels: synonyms, and broader and narrower labels."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from xrv_core.errors import PathMissing, TableError

__all__ = ["Vocabulary", "packaged_vocabulary"]

_LISTS = ("synonyms", "one_of", "narrower", "not")


class Vocabulary:
    """Canonical label names, their synonyms, and their narrower labels.

    Args:
        entries: Tables with ``name`` and, each a list of strings, ``synonyms``, ``one_of``, ``narrower`` and ``not``.
        source: Its name for errors.

    Raises:
        TableError: Entries contradict each other; the message names the label.
    """

    def __init__(self, entries: Iterable[Mapping[str, Any]], source: str = "vocabulary") -> None:
        self.source = source
        self._entries: dict[str, dict[str, tuple[str, ...]]] = {}
        self._canonical: dict[str, str] = {}
        for entry in entries:
            self._add(entry)
        for name, entry in self._entries.items():
            for key in ("one_of", "narrower"):
                for other in entry[key]:
                    if other not in self._entries:
                        raise TableError(
                            f"{source}: {key} of {name!r} names {other!r}, which is not in the vocabulary."
                        )
            for term in entry["not"]:
                if self._canonical.get(_plain(term)) == name:
                    raise TableError(f"{source}: {term!r} is both a synonym of {name!r} and in its list 'not'.")
            if name in self.narrower(name):
                raise TableError(f"{source}: {name!r} is narrower than itself.")

    @classmethod
    def from_file(cls, path: str | Path) -> Vocabulary:
        """Read a TOML file of ``[[label]]`` tables, like the ``labels.toml`` of this package.

        Raises:
            PathMissing: The file does not exist.
            TableError: The file cannot be read, or entries contradict each other.
        """
        path = Path(path)
        try:
            tables = tomllib.loads(path.read_text("utf-8")).get("label", [])
        except FileNotFoundError:
            raise PathMissing(f"{path}: no such file. Give the path of a vocabulary like labels.toml.") from None
        except ValueError as error:
            raise TableError(f"{path}: not a vocabulary: {error}.") from error
        return cls(tables, str(path))

    @property
    def names(self) -> list[str]:
        """Canonical names in the order of the source."""
        return list(self._entries)

    def canonical(self, name: str) -> str | None:
        """The canonical name of ``name``, or None if it is unknown; ignores case, ``_``, ``-`` and blanks."""
        return self._canonical.get(_plain(name))

    def parts(self, name: str) -> tuple[str, ...]:
        """The labels whose union is exactly ``name``."""
        return self._entries[name]["one_of"] if name in self._entries else ()

    def narrower(self, name: str) -> tuple[str, ...]:
        """All labels narrower than ``name``, at any depth."""
        found: dict[str, None] = {}
        todo = [name]
        while todo:
            entry = self._entries.get(todo.pop())
            new = [n for n in (*entry["narrower"], *entry["one_of"]) if n not in found] if entry else []
            found.update(dict.fromkeys(new))
            todo += new
        return tuple(found)

    def broader(self, name: str) -> tuple[str, ...]:
        """All labels broader than ``name``."""
        return tuple(other for other in self._entries if name in self.narrower(other))

    def unions_with(self, name: str) -> tuple[str, ...]:
        """Labels that are the union of ``name`` and others."""
        return tuple(other for other, entry in self._entries.items() if name in entry["one_of"])

    def _add(self, entry: Mapping[str, Any]) -> None:
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            raise TableError(f"{self.source}: a label has no name: {dict(entry)}.")
        strange = sorted(set(entry) - {"name", *_LISTS})
        if strange:
            raise TableError(
                f"{self.source}: {name!r} has the unknown key {strange[0]!r}; allowed: name, {', '.join(_LISTS)}."
            )
        for key in _LISTS:
            values = entry.get(key, [])
            if not isinstance(values, list | tuple) or not all(isinstance(v, str) for v in values):
                raise TableError(f"{self.source}: {key} of {name!r} must be a list of strings, got {values!r}.")
        self._entries[name] = {key: tuple(entry.get(key, ())) for key in _LISTS}
        for term in (name, *self._entries[name]["synonyms"]):
            other = self._canonical.setdefault(_plain(term), name)
            if other != name:
                raise TableError(f"{self.source}: {term!r} means both {other!r} and {name!r}.")


@functools.cache
def packaged_vocabulary() -> Vocabulary:
    """The vocabulary of this package, ``labels.toml``."""
    return Vocabulary.from_file(Path(__file__).with_name("labels.toml"))


def _plain(name: str) -> str:
    return re.sub(r"[\s_-]+", " ", name).strip().casefold()
