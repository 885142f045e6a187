"""Limits on sizes: one table, each raised by its variable, and the error says which."""

from __future__ import annotations

import zlib
from io import BytesIO
from typing import IO

import pytest
from messages import says

from xrv_core.assets import LIMITS, limit, read_within, within
from xrv_core.errors import ArgumentError, OverLimit


@pytest.mark.parametrize("name", LIMITS)
def test_each_limit_can_be_raised_and_says_how(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    variable, most, unit = LIMITS[name]
    within(name, most)
    with pytest.raises(OverLimit, match=says(f"{most + 1:,} {unit}", f"{most:,}", variable)):
        within(name, most + 1)
    monkeypatch.setenv(variable, str(most + 1))
    within(name, most + 1)
    monkeypatch.setenv(variable, "many")
    with pytest.raises(ArgumentError, match=says(variable, "many")):
        limit(name)


class Zeros:
    """A stream that never ends."""

    given = 0

    def read(self, size: int) -> bytes:
        self.given += size
        return bytes(size)


def test_an_endless_stream_is_left_early() -> None:
    stream = Zeros()
    with pytest.raises(OverLimit, match="XRV_MAX_RATIO"):
        read_within(stream, 1000)  # type: ignore[arg-type]
    assert stream.given < 70 << 20


def test_what_is_within_the_limits_is_read_whole() -> None:
    data = bytes(range(256)) * 40_000
    stream: IO[bytes] = BytesIO(data)
    assert read_within(stream, len(zlib.compress(data))) == data
