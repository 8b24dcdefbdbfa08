"""What somebody types finds what was written, however either of them wrote it."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from instagram_assets.lake_index.search_terms import (
    LONGEST,
    MOST_QUERY_TERMS,
    QueryTerm,
    folded_text,
    query_terms,
    terms_of,
)


def finds(query: str, caption: str) -> bool:
    terms = terms_of(caption)

    def fits(wish: QueryTerm) -> bool:
        if wish.whole:
            return wish.text in terms
        return any(wish.text in term if wish.is_inside else term.startswith(wish.text) for term in terms)

    asked = query_terms(query)
    return bool(asked) and all(map(fits, asked))


@pytest.mark.parametrize(
    ("query", "caption"),
    [
        *[("cat", "CATS"), ("ＣＡＴ", "cats"), ("straße", "STRASSE"), ("산책", "강아지산책"), ("#산", "#산책")],
        *[("산책", "#산책"), ("sun_di", "@sun_diary"), ("diary", "@sun_diary"), ("doe", "jane.doe!"), ("👍", "👍🏽")],
        *[("❤", "❤\ufe0f"), ("cats & dogs", "dogs, cats"), ('"dogs"', "dogs"), ("“dogs”", "dogs"), ("🐶", "a🐶b")],
        *[
            (unicodedata.normalize("NFD", "산책"), "산책"),
            ("산책", unicodedata.normalize("NFD", "산책")),
            ("＃home", "#home"),
        ],
    ],
)
def test_a_query_finds(query: str, caption: str) -> None:
    assert finds(query, caption)


@pytest.mark.parametrize(
    ("query", "caption"),
    [("at", "cats"), ('"cat"', "cats"), ("cats dogs", "cats"), ("#home", "home"), ("🐶", "🐱"), ("!!", "cats")],
)
def test_a_query_does_not_find(query: str, caption: str) -> None:
    assert not finds(query, caption)


@given(st.text(alphabet=st.characters(categories=["L", "Nd"]), min_size=1, max_size=20))
def test_each_word_finds_the_caption_that_has_it(word: str) -> None:
    assert finds(word, f"one {word} two") or not query_terms(word)[0].text.isalnum()


@given(st.text(max_size=300))
def test_whatever_is_typed_asks_for_few_short_words(query: str) -> None:
    asked = query_terms(query)
    assert len(asked) <= MOST_QUERY_TERMS
    assert all(0 < len(wish.text) <= LONGEST for wish in asked)
    assert bool(asked) == bool(folded_text(query).strip())


@given(st.text(max_size=100))
def test_terms_are_short_and_never_empty(text: str) -> None:
    assert all(0 < len(term) <= LONGEST for term in terms_of(text, [text]))
