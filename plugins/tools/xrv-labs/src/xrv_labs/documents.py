"""Read TOML of unknown origin: what is too large, or would take tomllib too long, is refused before it is parsed."""

from __future__ import annotations

import re
import tomllib
from typing import IO, Any

from xrv_core.assets import limit, within
from xrv_core.errors import OverLimit, SpecError

__all__ = ["brief", "load", "most_bytes", "read_bytes", "shortened"]

_BASIC, _LITERAL = r'"(?:[^"\\\n]++|\\[^\n])*+(?:"|(?=\n)|\Z)', r"'[^'\n]*+(?:'|(?=\n)|\Z)"
_PART = rf"(?:[A-Za-z0-9_-]++|{_BASIC}|{_LITERAL})"
_DOTS = r"[ \t]*+\.[ \t]*+"
#: Texts and comments are passed over; brackets and dotted keys make depth. Each alternative ends where it must, or at
#: the end of the line or of the text, so that no character is looked at twice.
_TOKEN = re.compile(
    r'"""(?:[^"\\]++|\\.|""?(?!"))*+(?:"{3,5}|\Z)'
    r"|'''(?:[^']++|''?(?!'))*+(?:'{3,5}|\Z)"
    rf"|\#[^\n]*+|(?P<key>{_PART}(?:{_DOTS}{_PART})++)|{_PART}|(?P<open>[\[{{])|(?P<close>[\]}}])",
    re.DOTALL,
)
_KEY_PART = re.compile(_PART)


def load(data: bytes) -> dict[str, Any]:
    """The table of a TOML document.

    Raises:
        SpecError: It is no TOML, not UTF-8, too large, or nested too deeply. The message begins with a verb.
    """
    try:
        within("document", len(data))
        within("registry", len(data))
        text = data.decode()
        _check_depth(text)
        return tomllib.loads(text)
    except OverLimit as error:
        raise SpecError(str(error)) from error
    except UnicodeDecodeError as error:
        raise SpecError("is not UTF-8 text") from error
    except RecursionError as error:
        raise SpecError("is not valid TOML: it is nested too deeply") from error
    except ValueError as error:  # of tomllib, of a number with too many digits, of an impossible date
        raise SpecError(f"is not valid TOML: {shortened(error)}") from error


def read_bytes(stream: IO[bytes]) -> bytes:
    """All bytes of an open file, or as many as ``load`` refuses."""
    return stream.read(most_bytes() + 1)


def most_bytes() -> int:
    """How many bytes ``load`` takes."""
    return min(limit("document"), limit("registry"))


def brief(value: object) -> str:
    """A value from elsewhere, for a message."""
    try:
        return shortened(repr(value), 60)
    except (ValueError, RecursionError):
        return "one that is too large"


def shortened(text: object, most: int = 300) -> str:
    """A text from elsewhere, short enough for a message."""
    words = str(text)
    return words if len(words) <= most else f"{words[:most]}... ({len(words):,} characters)"


def _check_depth(text: str) -> None:
    depth = deepest = 0
    for token in _TOKEN.finditer(text):
        if token.lastgroup == "open":
            depth += 1
            deepest = max(deepest, depth)
        elif token.lastgroup == "close":
            depth -= 1
        elif token.lastgroup == "key":
            deepest = max(deepest, depth + len(_KEY_PART.findall(token[0])))
    within("depth", deepest)
