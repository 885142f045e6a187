"""Check the instructions of a pickle before it runs, and refuse those that would harm the unpickler."""

from __future__ import annotations

import pickletools
from typing import IO

__all__ = ["check_opcodes"]

#: Far above any real model (a whole DenseNet-121 has 70 thousand); reading so many takes less than half a minute.
MAX_INSTRUCTIONS = 5_000_000
#: Python crashes when it hashes tuples nested some 100 thousand deep; those of real files stay below ten.
MAX_DEPTH = 1000

#: Marks the start of arguments on the stack; every other entry is the nesting depth of an object.
_MARK = -1
_PUTS = frozenset({"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"})
_GETS = frozenset({"GET", "BINGET", "LONG_BINGET"})
#: They fill an existing object. Such an object has no hash, so its depth does not count.
_FILL = frozenset({"APPEND", "APPENDS", "SETITEM", "SETITEMS", "ADDITEMS", "BUILD"})
#: By instruction: how many objects it takes from the stack, whether it takes all down to a mark, and whether it leaves
#: one.
_EFFECTS = {
    op.name: (
        sum(a not in (pickletools.markobject, pickletools.stackslice) for a in op.stack_before),
        pickletools.markobject in op.stack_before,
        bool(op.stack_after),
    )
    for op in pickletools.opcodes
}


class _Bounded:
    """Reads no further than the end: a file object reserves memory for any length that is asked for."""

    def __init__(self, stream: IO[bytes], end: int) -> None:
        self._stream, self._end = stream, end
        self.readline, self.tell = stream.readline, stream.tell

    def read(self, size: int) -> bytes:
        return self._stream.read(min(size, self._end - self.tell()))


def check_opcodes(stream: IO[bytes], end: int) -> None:
    """Read the next pickle of ``stream`` without running it; the stream is at its end afterwards.

    Args:
        stream: Seekable.
        end: Size of the file.

    Raises:
        ValueError: It has instructions that ``torch.save`` does not write, a memo index out of
            order (the unpickler would make a table of that size), or tuples nested so deep that
            Python would crash on them.
    """
    stack: list[int] = []
    memo: dict[int, int] = {}
    for count, (opcode, argument, _) in enumerate(pickletools.genops(_Bounded(stream, end))):  # type: ignore[arg-type]
        name = opcode.name
        if name.startswith("EXT") or count > MAX_INSTRUCTIONS:
            raise ValueError("its pickle has instructions that torch.save does not write")
        if name in _PUTS:
            index = len(memo) if name == "MEMOIZE" else int(argument)  # type: ignore[arg-type]
            if index > count:
                raise ValueError("its pickle has a memo index out of order")
            memo[index] = stack[-1] if stack else 0
        elif name in _GETS:
            stack.append(memo.get(int(argument), 0))  # type: ignore[arg-type]
        elif name == "MARK":
            stack.append(_MARK)
        elif name == "DUP":
            stack.append(stack[-1] if stack else 0)
        else:
            _apply(name, stack)
        if stack and stack[-1] > MAX_DEPTH:
            raise ValueError(f"its pickle nests tuples more than {MAX_DEPTH:,} deep")


def _apply(name: str, stack: list[int]) -> None:
    """Any other instruction: the object that it leaves is one deeper than the deepest object that it takes."""
    fixed, marked, leaves = _EFFECTS[name]
    deepest = lowest = _MARK
    if marked:
        while stack and (depth := stack.pop()) != _MARK:
            deepest = max(deepest, depth)
        fixed -= name == "OBJ"  # its class is above the mark
    for _ in range(min(fixed, len(stack))):
        lowest = stack.pop()
        deepest = max(deepest, lowest)
    if leaves:
        stack.append(max(0, lowest) if name in _FILL else deepest + 1)
