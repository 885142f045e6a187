"""Every error that xrv_core raises on purpose, in one tree.

Each class also inherits the built-in that fits, so ``except LookupError`` and ``except xrv_core.errors.XrvError``
both work. A message says what happened, where (file, row, argument) and what to do next.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from logging import Logger, LogRecord

__all__ = [
    "ArgumentError", "AssetError", "CheckpointError", "ConformanceError", "DownloadError", "DuplicateName",
    "FactoryError", "HashMismatch", "ImageError", "ImageMissing", "ImagePathError", "IndexOutOfRange", "InputError",
    "LeakageError", "MissingColumns", "MissingDependency", "NotInstalled", "OfflineError", "OverLimit", "PathMissing",
    "SpecError", "TableError", "UnknownAttribute", "UnknownName", "UnsafeCheckpoint", "UnverifiedAsset", "WriteError",
    "XrvError", "logger", "printable", "reading", "suggestion", "tell",
]  # fmt: skip


class XrvError(Exception):
    """Base of every error of this project. Its message has nothing that a terminal would obey."""

    _lines = False  # whether a message has several lines on purpose
    _named = False  # whether a rim has seen to it that the message names the file

    def __str__(self) -> str:
        lines = super().__str__().split("\n")
        return "\n".join(map(printable, lines)) if self._lines else printable("\n".join(lines))


class UnknownName(XrvError, LookupError):
    """A name that no registry holds; the message suggests the nearest ones."""


class NotInstalled(UnknownName):
    """A name that a known plugin offers, but that plugin is not installed or is switched off."""


class DuplicateName(XrvError, ValueError):
    """Two specs claim one name; the message names both owners."""


class SpecError(XrvError, ValueError):
    """A spec with a missing or contradictory field."""


class FactoryError(XrvError, ImportError):
    """The code that a spec points to cannot be imported."""


class MissingDependency(XrvError, ImportError):
    """An optional library is needed; the message gives the pip command."""


class ConformanceError(XrvError, AssertionError):
    """Something that a plugin offers does not keep its contract; the message lists every check that failed."""

    _lines = True


class LeakageError(XrvError, ValueError):
    """A test set shows patients or images that a model has seen, or may have; the message tells how to go on."""

    _lines = True


class ArgumentError(XrvError, ValueError):
    """An argument with a value that cannot be used."""


class UnknownAttribute(ArgumentError, AttributeError):
    """An assignment to an attribute that a model does not have, and that looks like one that it has."""


class IndexOutOfRange(XrvError, IndexError):
    """An item index beyond the items of a dataset."""


class InputError(XrvError, ValueError):
    """A tensor of the wrong shape, type or value range for a model."""


class PathMissing(XrvError, FileNotFoundError):
    """A file or folder given as an argument does not exist."""


class WriteError(XrvError, OSError):
    """A file that cannot be written, as the disk is full or takes no such file; the message names both."""


class OverLimit(XrvError, ValueError):
    """A file, or something in it, is larger than a limit; the message names the variable that raises the limit."""


class TableError(XrvError, ValueError):
    """A metadata table that cannot be read or does not make sense."""


class MissingColumns(TableError):
    """A metadata table without columns that the dataset needs."""


class ImageError(XrvError, ValueError):
    """An image file that cannot be decoded to pixels."""


class ImageMissing(XrvError, FileNotFoundError):
    """A table names an image that is not in ``imgpath``."""


class ImagePathError(XrvError, ValueError):
    """A table names an image outside ``imgpath``."""


class AssetError(XrvError, OSError):
    """A downloadable file cannot be had or cannot be trusted; the message may have a line for each address."""

    _lines = True


class DownloadError(AssetError):
    """No address of an asset answered with the whole file."""


class OfflineError(AssetError):
    """A download would be needed while ``XRV_OFFLINE`` is set."""


class HashMismatch(AssetError):
    """A file whose sha256 is not the published one."""


class UnverifiedAsset(AssetError):
    """An asset without a published hash while ``XRV_REQUIRE_HASH`` is set."""


class CheckpointError(XrvError, ValueError):
    """A weights file that cannot be read or does not fit the model."""


class UnsafeCheckpoint(CheckpointError):
    """A weights file that asks for code to be run; it was not."""


# -- what messages share

# C0 and C1 controls, line separators, and the marks that turn the direction of text
_UNPRINTABLE = re.compile("[\\x00-\\x1f\\x7f-\\x9f\\u200e\\u200f\\u2028-\\u202e\\u2066-\\u2069\\ud800-\\udfff]")


def printable(text: object) -> str:
    """A text from elsewhere, such as a title or a file name, on one line and without what a terminal would obey."""
    return _UNPRINTABLE.sub(lambda found: repr(found[0])[1:-1], str(text))


def logger(name: str) -> Logger:
    """The logger of a module. What its records say of texts from elsewhere is ``printable``."""
    import logging

    found = logging.getLogger(name)
    found.addFilter(_neutralised)
    return found


def _neutralised(record: LogRecord) -> bool:
    record.msg, record.args = printable(record.getMessage()), ()
    return True


@contextmanager
def reading(name: object, error: type[XrvError], todo: str = "") -> Iterator[None]:
    """The rim of a reader: whatever a codec or parser raises in the block becomes an error that names the file.

    Our own errors pass; one that does not name the file gets ``name`` in front. So do KeyboardInterrupt and SystemExit.

    Args:
        name: The file, as the user knows it.
        error: What is raised for everything else; also for OverLimit.
        todo: The next step for the user.
    """
    try:
        yield
    except (KeyboardInterrupt, SystemExit, GeneratorExit):
        raise
    except XrvError as own:
        if isinstance(own, OverLimit) and not isinstance(own, error):
            raise error(f"{name} {own}") from own
        if own._named or own.__cause__ or str(name) in str(own) or printable(name) in str(own):
            own._named = True  # an outer rim adds no other name
            raise
        raise type(own)(f"{name}: {own}") from own
    except BaseException as cause:  # the panic of a codec in Rust is no Exception
        why = f"cannot be read ({type(cause).__name__}: {str(cause) or 'no reason given'})"
        if isinstance(cause, MemoryError | RecursionError):
            why = "there is not enough memory" if isinstance(cause, MemoryError) else "it is nested too deeply"
        raise error(f"{name}: {why}. {todo}".rstrip()) from cause


def tell(text: str) -> None:
    """Print one line to stderr, if there is one that works: what a user should know, and no program reads."""
    if sys.stderr is not None:  # None where it was closed before Python started
        with suppress(OSError, ValueError):
            sys.stderr.write(f"{printable(text)}\n")
            sys.stderr.flush()


def suggestion(name: object, names: Iterable[str], *, most: int = 3, prefix: str = "") -> str:
    """The sentence " Did you mean 'nih'?" for a misspelt name, with a space to follow another; "" if none is close.

    Args:
        name: What was asked for.
        names: The valid names; upper and lower case count as equal.
        most: How many names the sentence holds at most.
        prefix: What the sentence puts before each name, such as "timm/".
    """
    import difflib  # only a failing call pays for it

    known = {each.lower(): each for each in names}
    near = difflib.get_close_matches(str(name).lower(), known, n=most)
    return f" Did you mean {' or '.join(repr(prefix + known[each]) for each in near)}?" if near else ""
