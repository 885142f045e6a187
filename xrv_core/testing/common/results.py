"""Run one check and tell what came of it."""

from __future__ import annotations

import difflib
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, Protocol, TypeAlias

from xrv_core.errors import ArgumentError, ConformanceError

__all__ = [
    "Check",
    "CheckResult",
    "NotApplicable",
    "NotRun",
    "UnderTest",
    "check_exemptions",
    "chosen_checks",
    "described",
    "raise_failures",
    "run",
]

#: Looks at a subject (a dataset, a model) and yields a sentence for everything that is wrong with it.
Check: TypeAlias = Callable[[Any], Iterator[str]]


class UnderTest(Protocol):
    """What checks look at."""

    def sandbox(self) -> AbstractContextManager[None]: ...


_SHOWN = 3


class NotApplicable(Exception):  # no error: the reason why a check says nothing about what it looks at
    """A check that has nothing to look at, such as files where images are made."""


class NotRun(Exception):
    """A check that needs something that another check has found broken."""

    def __init__(self, other: str) -> None:
        super().__init__(f"it needs what {other!r} found broken")


@dataclass(frozen=True)
class CheckResult:
    """What came of one check.

    Attributes:
        name: The check.
        status: "failed" stands for a broken contract; "not applicable" and "not run" say nothing, for a
            reason; "exempt" is a check that fails as its exemption foretells.
        detail: What is wrong, or the reason; empty where the check passed.
    """

    name: str
    status: Literal["passed", "failed", "not applicable", "not run", "exempt"]
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.name}: {self.detail or self.status}"


def run(name: str, check: Check, subject: UnderTest, exemption: str | None = None) -> CheckResult:
    """Run one check in the sandbox of ``subject``."""
    try:
        with subject.sandbox():
            problems = list(islice(check(subject), _SHOWN + 1))
    except NotApplicable as reason:
        return CheckResult(name, "not applicable", str(reason))
    except NotRun as reason:
        return CheckResult(name, "not run", str(reason))
    except Exception as error:
        problems = [f"unexpected {described(error)}"]
    if not problems:
        if exemption is None:
            return CheckResult(name, "passed")
        return CheckResult(name, "failed", f"it passes: take the exemption ({exemption!r}) back")
    if exemption is not None:
        return CheckResult(name, "exempt", exemption)
    more = " There is more of this kind." if len(problems) > _SHOWN else ""
    return CheckResult(name, "failed", " ".join(_sentence(problem) for problem in problems[:_SHOWN]) + more)


def described(error: BaseException) -> str:
    """An exception, with the place where it was raised, as part of a sentence."""
    text = " ".join(str(error).split())
    frames = traceback.extract_tb(error.__traceback__)
    place = f" (raised at {frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    return f"{type(error).__name__}: {text[:400]}{place}" if text else f"{type(error).__name__}{place}"


def check_exemptions(exempt: Mapping[str, str], known: Iterable[str]) -> None:
    """Raise an ArgumentError for an exemption without a reason or of an unknown check."""
    names = list(known)
    for name, reason in exempt.items():
        if name not in names:
            near = difflib.get_close_matches(str(name), names, n=1)
            hint = f" Did you mean {near[0]!r}?" if near else f" The checks are: {', '.join(names)}."
            raise ArgumentError(f"exempt names {name!r}, which is no check.{hint}")
        if not isinstance(reason, str) or len(reason.split()) < 2:
            raise ArgumentError(f"exempt[{name!r}] is {reason!r}: say in some words why the check cannot hold.")


def chosen_checks(only: Iterable[str] | None, known: Iterable[str]) -> list[str]:
    """The names in ``only``, all where it is None; an ArgumentError where one is no check."""
    names = list(known)
    chosen = names if only is None else list(only)
    unknown = [name for name in chosen if name not in names]
    if unknown:
        raise ArgumentError(f"only names {unknown[0]!r}, which is no check. They are: {', '.join(names)}.")
    return chosen


def raise_failures(name: str, results: Sequence[CheckResult]) -> None:
    """Raise one ConformanceError that lists every failed check, if there is any."""
    failed = [result for result in results if result.status == "failed"]
    if failed:
        lines = "".join(f"\n- {result}" for result in failed)
        raise ConformanceError(f"{name!r} fails {len(failed)} of {len(results)} checks:{lines}")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "!", "?")) else f"{text}."
