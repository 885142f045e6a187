"""The damage itself: reproducible, and varied enough to be worth the time."""

from __future__ import annotations

import pytest
from mutations import cases, damaged, damaged_text, untyped

from xrv_core.errors import ImageError, OverLimit, TableError, printable, reading


def test_the_same_seed_gives_the_same_damage() -> None:
    data, table = bytes(range(256)) * 8, "a,b\n1,2\n3,4\n"
    assert [damaged(data, s) for s in range(300)] == [damaged(data, s) for s in range(300)]
    assert len({damaged(data, s) for s in range(300)}) > 290
    assert damaged_text(table, 7) == damaged_text(table, 7)
    assert len({damaged_text(table, s) for s in range(300)}) > 100
    assert damaged(b"", 3) is not None


def test_the_number_of_cases_is_set_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XRV_FUZZ_CASES", "30000")
    monkeypatch.setenv("XRV_FUZZ_SEED", "5")
    assert len(cases(0.5)) == 15000
    assert cases(0.5)[0] == 5


class Panic(BaseException):
    """As the panic of a codec that is written in Rust."""


@pytest.mark.parametrize("cause", [Panic("index"), MemoryError(), RecursionError(), ValueError("x"), OSError(5, "io")])
def test_the_rim_of_a_reader_names_the_file(cause: BaseException) -> None:
    def read() -> None:
        with reading("a.dcm", ImageError, "Copy it again."):
            raise cause

    assert untyped(read, "a.dcm") == ""
    with pytest.raises(ImageError) as caught:
        read()
    assert caught.value.__cause__ is cause


@pytest.mark.parametrize("users", [KeyboardInterrupt, SystemExit])
def test_the_rim_lets_the_user_stop(users: type[BaseException]) -> None:
    with pytest.raises(users), reading("a.dcm", ImageError):
        raise users


def test_the_rim_keeps_our_own_errors_and_adds_the_name() -> None:
    with pytest.raises(TableError, match=r"^a\.csv: no rows"), reading("a.csv", ImageError):
        raise TableError("no rows")
    with pytest.raises(TableError, match=r"^a\.csv, line 2"), reading("a.csv", ImageError):
        raise TableError("a.csv, line 2")
    with pytest.raises(ImageError, match=r"^a\.png has too many"), reading("a.png", ImageError):
        raise OverLimit("has too many")


def test_an_untyped_error_is_told() -> None:
    def panic() -> None:
        raise Panic("index")

    def nameless() -> None:
        raise TableError("no rows")

    assert "Panic: index" in untyped(panic, "a.csv")
    assert "does not name a.csv" in untyped(nameless, "a.csv")


def test_messages_are_one_line_without_what_a_terminal_obeys() -> None:
    assert printable("a\x1b[31mb\nc\u202ed\x9b é") == "a\\x1b[31mb\\nc\\u202ed\\x9b é"
    assert str(TableError("x\r\ny")) == "x\\r\\ny"
