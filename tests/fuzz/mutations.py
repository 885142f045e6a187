"""Damage files at random, always the same way for the same seed, and hold readers to typed errors that name the file.

``XRV_FUZZ_CASES`` is the number of cases of all targets together, ``XRV_FUZZ_SEED`` the first seed.
"""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from typing import Any

from xrv_core.errors import XrvError

__all__ = ["cases", "damaged", "damaged_text", "untyped"]

#: Of the short run that `make test` does; `make fuzz` sets 30,000.
_SHORT = 1_500
_NUMBERS = (0, 1, 0x7F, 0x80, 0xFF, 0x7FFF, 0x8000, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
#: Cells that are text where numbers are expected, numbers where text is, and what parsers trip over.
CELLS = (
    *("", " ", "NA", "nan", "inf", "-inf", "1e400", "-1", "0", "1", "9" * 40, "1,5", "abc", "None", "\0", "\ufeff"),
    *("00000013.png", "2020-13-45", "99999999", "20200101", "060Y", "Y", "[", "]", "['a'", "{}", "=1+1", "../x", "é"),
)


def cases(share: float) -> list[int]:
    """The seeds of a target that gets this share of all cases."""
    first, total = int(os.environ.get("XRV_FUZZ_SEED", 0)), int(os.environ.get("XRV_FUZZ_CASES", _SHORT))
    return [first + number for number in range(max(1, round(share * total)))]


def damaged(data: bytes, seed: int) -> bytes:
    """``data`` with one to four faults: bits, bytes, integers, cuts, copies, insertions and exchanges of parts."""
    rng, found = random.Random(seed), bytearray(data)
    for _ in range(rng.choice((1, 1, 2, 4))):
        # faults near the start, where headers are, are as frequent as faults elsewhere
        at = rng.randrange(max(1, len(found) if rng.random() < 0.5 else min(len(found), 512)))
        length = min(rng.choice((1, 2, 4, 16, 256)), len(found) - at)
        match rng.randrange(8):
            case 0 if found:
                found[at] ^= 1 << rng.randrange(8)
            case 1:
                found[at : at + 1] = bytes([rng.randrange(256)])
            case 2:
                size = rng.choice((2, 4))
                number = rng.choice(_NUMBERS) & (1 << 8 * size) - 1
                found[at : at + size] = number.to_bytes(size, rng.choice(("little", "big")))
            case 3:
                del found[at : at + length]
            case 4:
                del found[at:]
            case 5:
                found[at:at] = rng.randbytes(rng.choice((1, 4, 64)))
            case 6:
                found[at:at] = found[at : at + length] * rng.choice((1, 2, 50))
            case _:
                other = rng.randrange(max(1, len(found)))
                found[at : at + length], found[other : other + length] = (
                    found[other : other + length],
                    found[at : at + length],
                )
    return bytes(found)


def damaged_text(text: str, seed: int, sep: str = ",") -> str:
    """A table with one to three cells, names, rows or separators changed."""
    rng = random.Random(seed)
    rows = [line.split(sep) for line in text.splitlines()]
    for _ in range(rng.choice((1, 1, 2, 3))):
        row = rng.choice(rows)
        at = rng.randrange(len(row))
        match rng.randrange(8):
            case 0 | 1 | 2:
                row[at] = rng.choice(CELLS)
            case 3:
                row[at] = rng.choice(rng.choice(rows))
            case 4:
                row[at:at] = [rng.choice(CELLS)] * rng.choice((1, 3))
            case 5 if len(row) > 1:
                del row[at]
            case 6:
                rows.insert(rng.randrange(len(rows)), list(row))
            case _:
                row[at] = row[at][: rng.randrange(len(row[at]) + 1)]
    return "\n".join(sep.join(row) for row in rows) + "\n"


def untyped(read: Callable[[], Any], name: object) -> str:
    """What is wrong with how ``read`` fails: "" if it does not fail, or raises our error that names the file."""
    try:
        read()
    except (KeyboardInterrupt, SystemExit):
        raise
    except XrvError as error:
        return "" if str(name) in str(error) else f"{type(error).__name__} does not name {name}: {error}"
    except BaseException as error:
        return f"{type(error).__module__}.{type(error).__name__}: {error}"
    return ""
