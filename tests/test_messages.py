from __future__ import annotations

import re

import pytest
from messages import says


def test_a_message_needs_all_words_in_order() -> None:
    pattern = says("a.csv", 3, "'[age]'")
    assert re.search(pattern, "labels a.csv,\nrow 3: '[age]' is 'x'")
    for other in ("a.csv, row 3", "a.csv, '[age]' in row 3", "aXcsv, row 3: '[age]'", "row 3, a.csv: '[age]'"):
        assert not re.search(pattern, other)


@pytest.mark.parametrize("words", [(), ("a.csv", "")])
def test_a_pattern_that_asks_for_nothing_is_refused(words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="Every message"):
        says(*words)
