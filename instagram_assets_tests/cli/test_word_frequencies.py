"""Tables for a terminal stay readable whatever is in them."""

import io

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console

from instagram_assets.cli.word_frequencies import WIDEST_WORD, shorten_word, words_table


@pytest.mark.parametrize("word", ["가" * 2200, "x" * 500, "カ" * 40])
def test_an_endless_word_takes_one_line_with_its_neighbours(word: str) -> None:
    console = Console(file=io.StringIO(), width=100)
    console.print(words_table("Words", "account", {"all": {word: 3, "카페": 2}}))
    shown = console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue] the StringIO above
    (line,) = [line for line in shown.splitlines() if "카페 2" in line]
    assert word[:10] in line
    assert "… 3" in line


@given(st.text("가나x😀é ", min_size=1, max_size=60).map(str.strip))
def test_a_word_is_whole_or_cut_to_the_width(word: str) -> None:
    shown = shorten_word(word)
    assert shown == word if cell_len(word) <= WIDEST_WORD else shown.endswith("…") and cell_len(shown) <= WIDEST_WORD
