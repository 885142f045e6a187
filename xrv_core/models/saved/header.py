"""Files of saved classifiers: one safetensors file, with the description of the model in its header.

This module needs only the standard library, so reading a description loads no torch. The header of a
safetensors file is JSON: its ``__metadata__`` maps texts to texts, and ours is one text of JSON under
``xrv_core``: ``{"format": 1, "xrv_core": "0.1.0", "build": {...}, "spec": {...}}``. Another, ``xrv_core.seen``, is
the list of training images: see ``xrv_core.datasets.leakage.SeenData``.
"""

from __future__ import annotations

import json
import os
import re
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xrv_core import __version__
from xrv_core.assets import json_within, within
from xrv_core.errors import CheckpointError, OverLimit, PathMissing, SpecError, reading
from xrv_core.models.saved.facts import FACTS, checked, plain
from xrv_core.models.saved.spec import SAVED_FACTORY, SavedClassifierSpec

if TYPE_CHECKING:
    from xrv_core.datasets.leakage import SeenData

__all__ = [
    "FORMAT",
    "SEEN",
    "SOURCES",
    "check_options",
    "is_saved",
    "read_seen",
    "read_spec",
    "to_metadata",
]

FORMAT = 1
KEY, SEEN = "xrv_core", "xrv_core.seen"

#: What a message says of a header that cannot be read.
DAMAGED = "It is damaged, or not a file of save_classifier."

#: Arguments that name a source of weights and not the network: a file must not give them.
SOURCES = frozenset(
    ["cache_dir", "checkpoint_path", "pretrained", "pretrained_cfg", "pretrained_cfg_overlay", "sha256", "weights",
     "weights_url"]
)  # fmt: skip
#: Values of arguments that lead to another place: addresses, sources of a hub, absolute paths, and those above.
_ELSEWHERE = re.compile(
    r"[A-Za-z][\w+.-]*:(//|.*/)|hf[-_]hub:|local-dir:|[/~\\]|[A-Za-z]:[/\\]|.*\.\.[/\\]", re.IGNORECASE
)


def is_saved(path: Path) -> bool:
    """Whether a file is one of ``save_classifier``, of any version."""
    try:
        return KEY in _metadata(path)
    except (CheckpointError, PathMissing):
        return False


def read_spec(name: str | os.PathLike[str]) -> SavedClassifierSpec:
    """The description of a saved classifier. No tensor is read and no code of the file is run.

    Raises:
        PathMissing: No such file.
        CheckpointError: The file is not one of ``save_classifier``, is damaged, or has a newer format.
    """
    path = Path(name).expanduser()
    with reading(path, CheckpointError, DAMAGED):
        table = _table(path, _metadata(path))
        facts = {key: value for key, value in table["spec"].items() if key in FACTS}
        try:
            build = plain(table["build"], "'build'")
            check_options(build)
            found = checked(facts)
            lacking = sorted({"name", "title", "licence", "citation", "homepage", "obtain", "pathologies"} - set(found))
            if lacking:
                raise SpecError(f"{lacking[0]!r} is missing.")
            return SavedClassifierSpec(
                **found, build=build, factory=SAVED_FACTORY, weights_file=str(path), origin=f"the file {path}"
            )
        except SpecError as error:
            raise CheckpointError(f"Model file {path} is damaged: {error}") from error


def read_seen(path: Path) -> tuple[SeenData, ...]:
    """The images and patients that a saved classifier has seen; empty for a weights file of another kind.

    Raises:
        CheckpointError: The record is damaged.
    """
    try:
        text = _metadata(path).get(SEEN)
    except CheckpointError as error:
        if isinstance(error.__cause__, OverLimit):
            raise
        text = None
    if text is None:
        return ()
    from xrv_core.datasets.leakage import seen_from_text

    with reading(f"Model file {path}: its list of training images", CheckpointError, DAMAGED):
        json_within(text.encode())
        return seen_from_text(text)


def check_options(build: Mapping[str, Any]) -> None:
    """Refuse arguments that would fetch or open something else, with a SpecError."""
    options = build.get("options", {})
    barred = sorted(SOURCES & set(options)) if isinstance(options, Mapping) else []
    if barred:
        raise SpecError(
            f"'options' has {barred[0]!r}, which names a source of weights and not how to build the network."
        )
    for key, value in _texts(options, "options"):
        if _ELSEWHERE.match(value):
            raise SpecError(
                f"'build' has {key!r}, which leads to {value[:80]!r}: it may not name another file or address."
            )


def _texts(value: Any, key: str) -> Iterator[tuple[str, str]]:
    """The texts in plain data, each with the key that it is under."""
    if isinstance(value, str):
        yield key, value
    elif isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _texts(inner, str(name))
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _texts(inner, key)


def to_metadata(spec: SavedClassifierSpec) -> dict[str, str]:
    """The description as metadata of the file.

    Raises:
        SpecError: An option of ``build`` is not plain data, or names a file or an address.
    """
    check_options(plain(spec.build, "'build'"))
    facts = {key: value for key in FACTS if (value := getattr(spec, key)) not in (None, "", ())}
    table = {"format": FORMAT, "xrv_core": __version__, "build": dict(spec.build), "spec": facts}
    return {KEY: json.dumps(table, allow_nan=False), "format": "pt"}


def _table(path: Path, metadata: Mapping[str, Any]) -> dict[str, Any]:
    if KEY not in metadata:
        raise CheckpointError(
            f"{path} holds weights without a description: xrv_core.models.save_classifier did not write "
            f"it. To load it into a network that you name: get_classifier(NAME, weights={str(path)!r})."
        )
    table = _json(metadata[KEY])
    number, writer = (table.get("format"), table.get("xrv_core")) if isinstance(table, dict) else (None, None)
    if not (type(number) is int and number > 0 and isinstance(writer, str)):
        raise CheckpointError(f"Model file {path} is damaged: its description cannot be read.")
    if number > FORMAT:
        raise CheckpointError(
            f"Model file {path} has format {number}, written by xrv-core {writer}; xrv-core {__version__} reads "
            f"formats up to {FORMAT}. Install a newer one: pip install --upgrade xrv-core"
        )
    for key in ("build", "spec"):
        if not isinstance(table.get(key), dict):
            raise CheckpointError(f"Model file {path} is damaged: its {key!r} is not a table.")
    return dict(table)


def _metadata(path: Path) -> dict[str, Any]:
    """The free texts in the header of a safetensors file."""
    if not path.is_file():
        raise PathMissing(
            f"{path}: no such file. Give the path of a file that save_classifier wrote, or a name of "
            "list_classifiers()."
        )
    with reading(path, CheckpointError, DAMAGED), path.open("rb") as stream:
        start = stream.read(8)
        length = struct.unpack("<Q", start)[0] if len(start) == 8 else 0
        whole = 0 < length <= os.fstat(stream.fileno()).st_size - 8
        if whole:
            within("document", length)
        header = _json(stream.read(length).decode()) if whole else None
    metadata = header.get("__metadata__", {}) if isinstance(header, dict) else None
    if not isinstance(metadata, dict):
        raise CheckpointError(f"{path} is not a valid safetensors file: it has no header of that format.")
    return metadata


def _json(text: Any) -> Any:
    def no_number(name: str) -> Any:
        raise ValueError(name)

    json_within(text.encode())
    return json.loads(text, parse_constant=no_number)
