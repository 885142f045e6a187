"""Documents of annotations, JSON and XML: read within limits; every error names the file and the element."""

from __future__ import annotations

import json
import re
import reprlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element, TreeBuilder, XMLParser

from xrv_core.assets import limit, within
from xrv_core.errors import PathMissing, TableError, reading

__all__ = ["JsonElement", "parse_xml", "read_json"]

_CHECK = "Compare the file with its source."
# A string, also one that does not end, so that this takes time in proportion to the text; or a bracket
_TOKEN = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[{]|[\]}]', re.DOTALL)


class JsonElement(NamedTuple):
    """A value in a JSON file, and its place there for errors, such as ``train.json, images[3], width``.

    Its methods give the value as the type that is needed, or raise a TableError that names the place.
    """

    value: Any
    where: str

    def error(self, wanted: str) -> TableError:
        """The error of an element that is not what is ``wanted``, such as "a whole number"."""
        return TableError(f"{self.where}: {_short(self.value)} is not {wanted}. {_CHECK}")

    def member(self, name: str) -> JsonElement:
        """A member of an object."""
        if not isinstance(self.value, dict):
            raise self.error(f"an object with {name!r}")
        if name not in self.value:
            raise TableError(f"{self.where}: {name!r} is missing. {_CHECK}")
        return JsonElement(self.value[name], f"{self.where}, {name}")

    def members(self) -> Iterator[tuple[str, JsonElement]]:
        """All members of an object by name."""
        if not isinstance(self.value, dict):
            raise self.error("an object")
        return ((name, JsonElement(value, f"{self.where}, {name}")) for name, value in self.value.items())

    def entries(self) -> Iterator[JsonElement]:
        """The elements of a list; those with an ``id`` are also called by it in errors."""
        if not isinstance(self.value, list):
            raise self.error("a list")
        for at, value in enumerate(self.value):
            called = f" (id {_short(value['id'])})" if isinstance(value, dict) and "id" in value else ""
            yield JsonElement(value, f"{self.where}[{at}]{called}")

    def text(self) -> str:
        """A string that is not blank."""
        if not isinstance(self.value, str) or not self.value.strip():
            raise self.error("a text")
        return self.value

    def whole(self, least: int = 0) -> int:
        """A whole number of at least ``least``."""
        if type(self.value) is not int or self.value < least:
            raise self.error(f"a whole number of {least} or more")
        return self.value

    def identity(self) -> int | str:
        """What identifies something: a whole number or a text."""
        return self.value if type(self.value) is int else self.text()

    def numbers(self, count: int) -> tuple[float, ...]:
        """A list of ``count`` finite numbers."""
        found = self.value if isinstance(self.value, list) else []
        if len(found) != count or not all(type(n) in (int, float) and abs(n) < 1e300 for n in found):
            raise self.error(f"a list of {count} numbers")
        return tuple(map(float, found))

    def image_size(self) -> tuple[int, int]:
        """A list of height and width in pixels, within the limit of pixels."""
        height, width = (n.whole(1) for n in self.entries()) if self._counts(2) else (0, 0)
        if not height:
            raise self.error("a list of height and width")
        with reading(self.where, TableError, _CHECK):
            within("pixels", height * width)
        return height, width

    def _counts(self, number: int) -> bool:
        return isinstance(self.value, list) and len(self.value) == number


def read_json(path: Path, owner: str, data: bytes | None = None, *, expected: str = "the annotations") -> JsonElement:
    """Read a JSON file, in UTF-8, whose numbers are finite and whose objects have no name twice.

    Args:
        path: The file; for messages if ``data`` is given.
        owner: Registry name of the dataset, for messages.
        data: Its bytes, where they are in an archive.
        expected: What the file should be, for messages.

    Raises:
        PathMissing: There is no such file.
        TableError: It is no such JSON, or is larger or nested deeper than the limits allow.
    """
    todo = f"Give the path of {expected} of {owner!r}."
    if data is None and not path.is_file():
        raise PathMissing(f"{path}: {'is a folder' if path.is_dir() else 'no such file'}. {todo}")
    with reading(path, TableError, todo):
        within("annotations", path.stat().st_size if data is None else len(data))
        data = path.read_bytes() if data is None else data
        if data.startswith(b"\x1f\x8b"):
            raise TableError(f"{path}: is packed by gzip. Unpack it first.")
        text = data.decode("utf-8-sig")
        _measure(text)
        value = json.loads(text, parse_constant=_no_number, object_pairs_hook=_unique)
    return JsonElement(value, str(path))


def parse_xml(data: bytes, name: str, todo: str = _CHECK) -> Element:
    """The root of an XML document, which is UTF-8 whatever it says.

    Entities can make a document grow without limit or read other files. They need a document type declaration, so a
    document with one is refused.

    Args:
        data: The document.
        name: Its name, for messages.
        todo: What the user should do about one that cannot be read.

    Raises:
        TableError: It is no such document, or is larger or nested deeper than the limits allow.
    """
    with reading(name, TableError, todo):
        within("document", len(data))
        within("elements", data.count(b"<"))
        text = data.decode("utf-8-sig")  # so that no other encoding hides a declaration
        if "<!DOCTYPE" in text:
            raise TableError(f"{name}: has a document type declaration, which no such file has, so it was not read.")
        deep = text.count("</") > limit("depth")
        parser = XMLParser(target=_Tree() if deep else None)  # noqa: S314  # what it warns of needs a declaration
        parser.feed(text)
        root: Element = parser.close()
    return root


class _Tree(TreeBuilder):
    """Builds the elements, none of which is too deep; it takes three times as long as without."""

    def __init__(self) -> None:
        super().__init__()
        self.depth, self.deepest = 0, limit("depth")

    def start(self, tag: Any, attrs: Any, /) -> Any:
        self.depth += 1
        if self.depth > self.deepest:
            within("depth", self.depth)
        return super().start(tag, attrs)

    def end(self, tag: Any, /) -> Any:
        self.depth -= 1
        return super().end(tag)


def _measure(text: str) -> None:
    """Raise OverLimit before the parser makes more objects, or goes deeper, than the limits allow."""
    depth, deepest = 0, limit("depth")
    for number, found in enumerate(_TOKEN.finditer(text), 1):
        mark = found[0]
        if mark in "]}":
            depth -= 1
        elif mark in "[{":
            depth += 1
            if depth > deepest:
                within("depth", depth)
        if not number % 1000:
            within("elements", number)


def _no_number(word: str) -> Any:
    raise ValueError(f"{word} is no number of JSON")


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        twice = next(name for name, _ in pairs if name in seen or seen.add(name))  # type: ignore[func-returns-value]
        raise ValueError(f"an object has {twice!r} twice")
    return found


def _short(value: Any) -> str:
    """A value, or its beginning."""
    text = repr(value) if isinstance(value, str) and len(value) < 60 else reprlib.repr(value)
    return text if len(text) <= 80 else f"{text[:76]} ..."
