"""Texts from elsewhere never steer a terminal, a page or a spreadsheet: hostile titles, labels and file names."""

from __future__ import annotations

import logging

import pytest

from xrv_core.errors import logger

#: What a terminal obeys, what forges a line, what turns the direction of text.
EVIL = "a\x1b[2J\x9b31m\r\nPwned\u202e\u2028\x07z"
_OBEYED = set("\x1b\x9b\r\u202e\u2028\x07")


def plain(text: str) -> str:
    """``text``, after a check that no terminal would obey it and no line in it is forged."""
    assert not _OBEYED & set(text), repr(text)
    assert not [line for line in text.splitlines() if line.startswith("Pwned")], text
    return text


def test_log_records_are_plain(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    with caplog.at_level(logging.WARNING):
        logger("xrv_core.tests").warning("%s has %d labels %r", EVIL, 3, ["b"])
    assert plain(caplog.messages[0]).endswith("z has 3 labels ['b']")
