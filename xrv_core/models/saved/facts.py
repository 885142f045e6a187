"""Facts about a model that come from a file of unknown origin: the type of each is checked."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from xrv_core.errors import SpecError

__all__ = ["FACTS", "NOT_STATED", "checked", "plain"]

#: The value of a mandatory fact that is not stated.
NOT_STATED = "not stated"

MAX_DEPTH = 20


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 0 < value < 2**63


def _is_point(value: Any) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or _is_number(value)


def _list_of(check: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, list | tuple) and all(map(check, value))


_TEXT = (_is_text, "a text")
_TEXTS = (_list_of(_is_text), "a list of texts")
_NUMBERS = (_list_of(_is_number), "a list of numbers")
_COUNT = (_is_count, "a whole number above 0")

#: Every fact, its check, and the required type in words.
FACTS: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    **dict.fromkeys(
        (
            "name", "title", "licence", "citation", "homepage", "obtain", "description", "warning", "architecture",
            "task", "activation", "unit", "contact",
        ),
        _TEXT,
    ),
    **dict.fromkeys(("pathologies", "training_data"), _TEXTS),
    **dict.fromkeys(("mean", "std"), _NUMBERS),
    **dict.fromkeys(("input_resolution", "parameters"), _COUNT),
    "trained": (_list_of(lambda v: isinstance(v, bool)), "a list of true and false"),
    "op_threshs": (_list_of(_is_point), "a list of numbers, nan or null where there is none"),
}  # fmt: skip


def checked(facts: Mapping[str, Any]) -> dict[str, Any]:
    """The facts as a spec takes them.

    Args:
        facts: Values by name; those that are None are left out.

    Returns:
        The same with tuples for lists, and None for operating points that are NaN.

    Raises:
        SpecError: A fact has the wrong type, or is not one of ``FACTS``.
    """
    found: dict[str, Any] = {}
    for key, value in facts.items():
        if key not in FACTS:
            raise SpecError(f"unknown fact {key!r}; allowed: {', '.join(sorted(FACTS))}.")
        check, words = FACTS[key]
        if value is None:
            continue
        if not check(value):
            raise SpecError(f"{key!r} must be {words}, got {_short(value)}.")
        found[key] = tuple(value) if isinstance(value, list) else value
    if "op_threshs" in found:
        points = (None if p is None or math.isnan(p) else float(p) for p in found["op_threshs"])
        found["op_threshs"] = tuple(points)
    return found


def plain(value: Any, where: str, depth: int = 0) -> Any:
    """``value`` as JSON and TOML can hold it: texts, numbers, true, false, None, and lists and tables of them.

    Raises:
        SpecError: It holds something else; ``where`` names the place.
    """
    if value is None or isinstance(value, str | bool | int) or (isinstance(value, float) and math.isfinite(value)):
        return value
    if depth < MAX_DEPTH and isinstance(value, list | tuple):
        return [plain(item, where, depth + 1) for item in value]
    if depth < MAX_DEPTH and isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return {key: plain(item, f"{where}.{key}", depth + 1) for key, item in value.items()}
    raise SpecError(f"{where} is {_short(value)}, which is not plain data (texts, numbers, lists and tables of them).")


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
