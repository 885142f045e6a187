"""The options of commands that open a dataset: ``--imgpath``, ``--csvpath``, ``-o KEY=VALUE``, ``--views``, ...

Commands of tool plugins use them, so that all have the same options.
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from typing import Any

import click

from xrv_core import api

__all__ = ["dataset_options", "open_dataset", "parse_options"]

_SQUARE = "Centre-crop and resize to this"
_WORDS = {"true": True, "false": False, "none": None, "null": None}
_RESERVED = {"imgpath": "--imgpath", "csvpath": "--csvpath", "views": "--views", "transform": "--size"}


class _Given(dict[str, Any]):
    """Arguments by name; ``texts`` has them as they were written."""

    texts: dict[str, str]


def dataset_options(size: str) -> list[click.Parameter]:
    """The options; ``open_dataset`` takes their values.

    Args:
        size: The default of ``--size`` in the help, such as "as they are".
    """
    return [
        click.Option(["--imgpath"], metavar="PATH", help="Folder, .zip or .tar of the images."),
        click.Option(["--csvpath"], metavar="PATH", help="Metadata table; default: the dataset's published one."),
        click.Option(
            ["-o", "--option", "options"],
            multiple=True,
            callback=lambda _context, _option, pairs: parse_options(pairs),
            metavar="KEY=VALUE",
            help="Another argument of the dataset, such as -o split=test or -o n=500. May be repeated.",
        ),
        click.Option(["--views"], metavar="A,B", help="Only these views, such as PA,AP."),
        click.Option(["--limit"], type=click.IntRange(1), metavar="N", help="Only the first N items."),
        click.Option(["--size"], type=click.IntRange(1), metavar="PIXELS", help=f"{_SQUARE}; default: {size}."),
    ]


def open_dataset(name: str, options: Mapping[str, Any], size: Any = None, **defaults: Any) -> Any:
    """Open the dataset ``name`` as the command line says.

    Args:
        name: A name of ``xrv_core.list_datasets()``.
        options: Values of ``dataset_options`` by name; other keys are ignored.
        size: Centre-crop and resize to it; None leaves the images unchanged. The command reads ``--size`` itself. A
            function of the dataset is asked once that is open: what is wrong there is told before a model is loaded.
        **defaults: Arguments of the dataset that ``-o`` can replace.

    Raises:
        XrvError: What ``get_dataset`` raises.
    """
    from xrv_core.datasets.options import as_declared

    factory, given = api.load_factory(api.describe_dataset(name)), options["options"]
    arguments = {**defaults, **as_declared(factory, given, getattr(given, "texts", {}))}
    arguments |= {key: options[key] for key in ("imgpath", "csvpath") if options[key] is not None}
    if options["views"]:
        arguments["views"] = [view.strip() for view in options["views"].split(",")]
    late = hasattr(factory, "transform")  # it can be set: torch is loaded when all else is right
    if size is not None and not late:
        arguments["transform"] = _square(size, None)
    data: Any = api.get_dataset(name, **arguments)
    if size is not None and late:
        data.transform = _square(size, data)
    limit = options["limit"]
    if limit is None or limit >= len(data):
        return data
    from xrv_core.datasets import SubsetDataset

    return SubsetDataset(data, range(limit))


def parse_options(pairs: Iterable[str], reserved: Mapping[str, str] = _RESERVED) -> dict[str, Any]:
    """``KEY=VALUE`` texts as arguments; values are TOML or JSON literals, bare words are strings.

    Args:
        pairs: The texts.
        reserved: Keys that have their own option, and that option.

    Raises:
        click.BadParameter: No ``=``, no name, a name given twice or one that has its own option, or a value
            that begins like a literal but is not one.
    """
    found = _Given()
    found.texts = {}
    for pair in pairs:
        key, equals, text = (part.strip() for part in pair.partition("="))
        if not equals or not key.isidentifier():
            raise click.BadParameter(f"{pair!r} is not KEY=VALUE, such as -o n=500.")
        if key in reserved:
            raise click.BadParameter(f"{key} has its own option: use {reserved[key]}.")
        if key in found:
            raise click.BadParameter(f"{key} is given twice.")
        found[key], found.texts[key] = _literal(key, text), text
    return found


def _literal(key: str, text: str) -> Any:
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    for read in (json.loads, lambda t: tomllib.loads(f"value = {t}")["value"]):
        try:
            return read(text)
        except (ValueError, RecursionError):
            continue
    if not text or text[0] in "[{\"'":
        raise click.BadParameter(f"the value of {key}, {text!r}, is not a TOML or JSON literal.")
    return text


def _square(size: Any, data: Any) -> Any:
    side = size(data) if callable(size) else size
    from xrv_core.datasets import XRayCenterCrop, XRayResizer
    from xrv_core.torchvision_guard import import_torchvision

    import_torchvision()
    from torchvision.transforms.v2 import Compose

    return Compose([XRayCenterCrop(), XRayResizer(side)])
