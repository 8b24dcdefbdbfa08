"""Names in texts: a whole name is found wherever one can stand, and never a part of another."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.privacy.names_in_text import names_pattern, replace_names, replace_words

FOUND = [
    "@jane",
    "@jane.",
    "jane",
    "JANE",
    "(jane)",
    "jane's",
    "with @jane님",
    "사진jane",
    "https://www.instagram.com/jane/",
    "https://www.instagram.com/jane?igsh=1",
    "%40jane",
    "instagram.com%2Fjane%2F",
    r"\u0040jane",
    r"line\njane",
    "jane|2026-01-01",
    '"jane"',
    "jane.jpg",
    "lake/posts/jane/2026-01.parquet",
    "jane@example.org",
    "jane...",
]
OTHERS = ["jane_doe", "xjane", "_jane", "jane.b", "jane2", "a.jane", "janet", "jane.doe.jpg", "jane.jpg2"]


@pytest.mark.parametrize("text", FOUND)
def test_a_name_is_replaced_wherever_it_stands_as_a_whole(text: str) -> None:
    pattern = names_pattern(["jane"])
    assert pattern
    assert replace_names(text, pattern, lambda word, around: "X") == re.sub("jane", "X", text, flags=re.IGNORECASE)
    assert replace_words(text, lambda word: word.casefold() == "jane", lambda word, around: "X") == re.sub(
        "jane", "X", text, flags=re.IGNORECASE
    )


@pytest.mark.parametrize("text", OTHERS)
def test_a_part_of_another_name_stays(text: str) -> None:
    pattern = names_pattern(["jane"])
    assert pattern
    assert replace_names(text, pattern, lambda word, around: "X") == text
    assert replace_words(text, lambda word: word.casefold() == "jane", lambda word, around: "X") == text


@given(st.text(alphabet="ja._ @/%40\\né안", max_size=30), st.sampled_from(["jane", "ja", "j.a", "_ja"]))
def test_both_ways_to_replace_agree(text: str, name: str) -> None:
    pattern = names_pattern([name])
    assert pattern
    by_word = replace_words(text, lambda word: word.casefold() == name, lambda word, around: "X")
    assert replace_names(text, pattern, lambda word, around: "X") == by_word
