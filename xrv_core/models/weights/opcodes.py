"""Check the instructions of a pickle before it runs, and refuse those that would harm the unpickler.

The check follows the instructions with a number in place of each object: what it costs to hash it or to compare it
with an equal one. That is how many objects it holds, those that it holds twice counted twice: a tuple keeps no hash.
"""

from __future__ import annotations

import pickletools
from collections.abc import Sequence
from typing import NamedTuple

from xrv_core.assets import LIMITS, limit, within
from xrv_core.errors import CheckpointError

__all__ = ["MAX_TEXT", "CutOff", "check_opcodes"]

#: Characters of a key that are compared in no time.
MAX_TEXT = 1000
#: Cost of a key; that of a tensor, as it is described in the pickle of an optimizer, is below 100.
MAX_KEY = 1000
#: Whole numbers below it cannot collide with many others in a dict.
_SMALL = 1 << 14
#: No cost is counted further.
_ENDLESS = 1 << 40
#: In units of the limit of objects: what comparing all keys may cost, and the arguments of all calls.
_KEYS, _ARGUMENTS = 50, 10

#: What an instruction does with the stack: nothing, push an object, change stack or memo, take objects.
_NOTHING, _SMALL_NUMBER, _TEXT, _OBJECT, _SET, _PUT, _GET, _MARK, _DUP, _POP, _TAKE, _STOP, _NEVER = range(13)
_DOES = {
    **dict.fromkeys(("NONE", "NEWTRUE", "NEWFALSE", "BININT1", "BININT2"), _SMALL_NUMBER),
    **dict.fromkeys(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"), _PUT),
    **dict.fromkeys(("GET", "BINGET", "LONG_BINGET"), _GET),
    **dict.fromkeys(("EXT1", "EXT2", "EXT4", "NEWOBJ_EX", "NEXT_BUFFER", "READONLY_BUFFER"), _NEVER),
    **{"EMPTY_SET": _SET, "MARK": _MARK, "DUP": _DUP, "POP": _POP, "STOP": _STOP},
}
_TEXTS = (pickletools.pyunicode, pickletools.pybytes, pickletools.pybytes_or_str)
#: The width of an argument: bytes of its length below 0, or one or two lines.
_WIDTHS = {
    pickletools.TAKEN_FROM_ARGUMENT1: -1,
    pickletools.TAKEN_FROM_ARGUMENT4: -4,
    pickletools.TAKEN_FROM_ARGUMENT4U: -4,
    pickletools.TAKEN_FROM_ARGUMENT8U: -8,
    pickletools.UP_TO_NEWLINE: -10,
}
_LINE, _LINES = -10, -11
_CALLS = frozenset({"REDUCE", "NEWOBJ", "OBJ", "INST"})
#: They fill an existing object, which stays what it is.
_FILL = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"})
#: Which of the objects that they take are keys.
_KEYED = {
    "SETITEM": slice(1, 2),
    "SETITEMS": slice(1, None, 2),
    "DICT": slice(0, None, 2),
    "ADDITEMS": slice(1, None),
    "FROZENSET": slice(0, None),
}


class CutOff(ValueError):
    """The pickle goes on behind the bytes that are there."""


class _Taking(NamedTuple):
    """An instruction that takes objects from the stack: how many, and whether also all down to the mark."""

    name: str
    takes: int
    marked: bool
    leaves: bool


def _does(op: pickletools.OpcodeInfo) -> int:
    if op.stack_before and op.name not in _DOES:
        return _TAKE
    kind = (_TEXT if op.stack_after[0] in _TEXTS else _OBJECT) if op.stack_after else _NOTHING
    return _DOES.get(op.name, kind)


def _width(op: pickletools.OpcodeInfo) -> int:
    width = op.arg.n if op.arg else 0
    return _LINES if op.name in ("GLOBAL", "INST") else _WIDTHS.get(width, width)


def _taking(op: pickletools.OpcodeInfo) -> _Taking:
    fixed = sum(a not in (pickletools.markobject, pickletools.stackslice) for a in op.stack_before)
    # the class of OBJ is above its mark
    return _Taking(op.name, fixed - (op.name == "OBJ"), pickletools.markobject in op.stack_before, bool(op.stack_after))


_OPS = {ord(op.code): op for op in pickletools.opcodes}
_KINDS = [_does(_OPS[code]) if code in _OPS else _NEVER for code in range(256)]
_ARGUMENT = [_width(_OPS[code]) if code in _OPS else 0 for code in range(256)]
_TAKINGS = {code: _taking(op) for code, op in _OPS.items()}
_MEMOIZE = ord("\x94")


def check_opcodes(data: bytes) -> int:  # noqa: PLR0912 -- one loop, for its speed
    """Read the pickle at the start of ``data`` without running it.

    Returns:
        Where it ends.

    Raises:
        CutOff: ``data`` ends before the pickle does.
        OverLimit: It has more instructions than the limit of objects.
        CheckpointError: It has instructions that ``torch.save`` does not write, a memo index out of order (the
            unpickler would make a table of that size), or keys or calls that would take endless time.
    """
    costs = _Costs()
    stack, memo, marks = costs.stack, costs.memo, costs.marks
    at = count = 0
    most, size = limit("objects"), len(data)
    while at < size:
        code = data[at]
        kind, width, start = _KINDS[code], _ARGUMENT[code], at + 1
        at = start + width
        if width < 0:
            at = _end(data, start, width)
        if at > size:
            break
        count += 1
        if count > most:
            within("objects", count)
        if kind == _TAKE:
            costs.take(_TAKINGS[code], at - start)
        elif kind == _TEXT:
            stack.append(0 if at - start <= MAX_TEXT else (at - start) // MAX_TEXT)
        elif kind == _SMALL_NUMBER:
            stack.append(0 if width < 2 or data[start + 1] < _SMALL >> 8 else 1)
        elif kind == _PUT:
            index = len(memo) if code == _MEMOIZE else _number(data[start:at], width)
            if index > count:
                raise CheckpointError("its pickle has a memo index out of order.")
            memo[index] = stack[-1] if stack else 0
        elif kind == _GET:
            stack.append(memo.get(_number(data[start:at], width), 0))
        elif kind == _MARK:
            marks.append(len(stack))
        elif kind in (_OBJECT, _SET):
            stack.append(1 + (at - start) // MAX_TEXT)
            count += 3 * (kind == _SET)  # it is as large as four other objects
        elif kind == _POP:
            (marks if marks and marks[-1] == len(stack) else stack or [0]).pop()
        elif kind == _DUP:
            stack.append(stack[-1] if stack else 0)
        elif kind == _STOP:
            return at
        elif kind == _NEVER:
            raise CheckpointError("its pickle has instructions that torch.save does not write.")
    raise CutOff("its pickle is cut off")


class _Costs:
    """The costs of the objects on the stack and in the memo of the unpickler, and what all keys and calls cost."""

    def __init__(self) -> None:
        self.stack: list[int] = []
        self.marks: list[int] = []
        self.memo: dict[int, int] = {}
        self._keys = self._of_keys = self._of_arguments = 0
        self._most = limit("objects")

    def take(self, op: _Taking, length: int) -> None:
        """An instruction that takes objects from the stack; ``length`` is that of its argument."""
        stack, first = self.stack, len(self.stack)
        if op.marked:
            if not self.marks:
                raise CheckpointError("its pickle has no mark where one is needed.")
            first = min(first, self.marks.pop())
        first = max(0, first - op.takes)
        taken = stack[first:]
        del stack[first:]
        if op.name in _KEYED:
            self._compare(taken[_KEYED[op.name]])
        if op.name in _FILL:
            stack.append(taken[0] if taken else 0)
            return
        cost = min(_ENDLESS, sum(taken) + len(taken) + 1 + length // MAX_TEXT)
        if op.name in _CALLS:
            self._of_arguments += cost
            if self._of_arguments > _ARGUMENTS * self._most:
                raise _too_long("calls with endless arguments")
        if op.leaves:
            stack.append(cost)

    def _compare(self, keys: Sequence[int]) -> None:
        """Count keys as if all had the same hash: each is compared with all before it."""
        for cost in filter(None, keys):
            self._keys += 1
            self._of_keys += cost * self._keys
            if cost > MAX_KEY:  # Python crashes on tuples nested some ten thousand deep
                raise CheckpointError("its pickle has a key that is a very large tuple, number or text.")
        if self._of_keys > _KEYS * self._most:
            raise _too_long("keys that would take endless time to compare: tuples, large numbers or long texts")


def _end(data: bytes, start: int, width: int) -> int:
    """Where an argument of variable width ends."""
    if width > _LINE:
        return start - width + int.from_bytes(data[start : start - width], "little")
    for _ in range(_LINE - width + 1):
        start = data.find(b"\n", start) + 1 or len(data) + 1
    return start


def _number(argument: bytes, width: int) -> int:
    return int(argument) if width < 0 else int.from_bytes(argument, "little")


def _too_long(what: str) -> CheckpointError:
    return CheckpointError(
        f"its pickle has {what}. If you trust the file, set {LIMITS['objects'].variable} to a larger number than "
        f"{limit('objects'):,}."
    )
