"""Counts of words, and the four charts of the source's dashboard, are what plain counting over the same rows gives."""

import random
from collections import Counter
from collections.abc import Iterator
from datetime import date, timedelta
from math import ceil
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.arrow import compute
from instagram_assets.report.charts import LARGEST_CHART, bar_chart, word_cloud
from instagram_assets.schemas import TOKEN_COUNTS, TOKENS
from instagram_assets.storage.sql_views import Query, open_view, read_view
from instagram_assets.text.part_of_speech import CONTENT_CLASSES, POS_CLASSES
from instagram_assets.text.word_frequencies import (
    VocabularySize,
    frequency_charts,
    most_active_accounts,
    pos_shares,
    top_words,
    top_words_by_account,
    top_words_over_time,
    vocabulary_shares,
    vocabulary_size,
)
from instagram_assets_tests.storage.lakes import lake_of
from instagram_assets_tests.text.counting import expected_counts, top, vocabulary

FIRST = date(2026, 10, 28)
Word = dict[str, str | None] | None
Post = tuple[str, int, list[Word] | None]


def tokens_of(posts: list[Post]) -> pa.Table:
    """Posts as (account, days after FIRST, words)."""
    rows: list[dict[str, Any]] = [
        {"post_id": str(number), "account": account, "day": FIRST + timedelta(days), "tokens": words}
        for number, (account, days, words) in enumerate(posts)
    ]
    return TOKENS.table(rows)


def diary_tokens(posts: int = 300) -> pa.Table:
    rng = random.Random(7)
    found: list[Word] = [{"word": f"{pos}{number}", "pos": pos} for pos in POS_CLASSES for number in range(15)]
    weights = [1 / (1 + place % 15) for place in range(len(found))]
    return tokens_of(
        [
            (
                rng.choice(["sun_diary", "sea.mom"]),
                rng.randrange(30),
                rng.choices(found, weights, k=rng.randrange(40)),
            )
            for _ in range(posts)
        ]
    )


some_text = (
    st.none() | st.sampled_from(["아기", "먹다", "👶🏻", "é", "e\u0301", "Z", "a", "", "\0", "\U0010ffff"]) | st.text()
)
some_words = st.none() | st.fixed_dictionaries({"word": some_text, "pos": some_text})
some_posts = st.lists(
    st.tuples(st.sampled_from(["a", "B", "ä", "a_", "한"]), st.integers(0, 40), st.none() | st.lists(some_words)),
    max_size=20,
)


@how(max_examples=30)
@given(some_posts)
def test_every_word_is_counted_once_in_its_class(posts: list[Post]) -> None:
    tokens = tokens_of(posts)
    assert read_view(lake_of(tokens=tokens), "token_counts").equals(expected_counts(tokens))


def test_many_words_of_many_days_are_counted_in_their_order() -> None:
    tokens = diary_tokens(2_000)
    assert read_view(lake_of(tokens=tokens), "token_counts").equals(expected_counts(tokens))


def test_a_word_counts_as_often_as_it_was_written_and_its_post_once() -> None:
    words: list[Word] = [{"word": "아기", "pos": "noun"}, {"word": "아기", "pos": "noun"}]
    posts: list[Post] = [("a", 0, words)] * 10_001
    tokens = tokens_of(posts)
    (row,) = read_view(lake_of(tokens=tokens), "token_counts").to_pylist()
    assert (row["count"], row["posts"]) == (20_002, 10_001)


def test_no_words_give_no_counts_and_no_shares() -> None:
    for lake in (lake_of(), lake_of(tokens=tokens_of([("a", 0, [])]))):
        assert read_view(lake, "token_counts").equals(TOKEN_COUNTS.empty())
        with open_view(lake, "token_counts") as query:
            assert vocabulary_size(query) == VocabularySize(0, 0, 0)
            assert top_words(query, 5) == {}
            assert vocabulary_shares(query) == {}
            assert pos_shares(query) == {}
            assert top_words_over_time(query, 5) == {}
            assert frequency_charts(query) == {}


# What a reader of the dashboard chooses: an account or all, from one day to another.
CHOICES = [(["sea.mom", "sun_diary"], 0, 29), (["sun_diary"], 0, 29), (["sea.mom"], 5, 12)]
Chosen = tuple[Query, pa.Table]


@pytest.fixture(params=CHOICES)
def chosen(request: pytest.FixtureRequest) -> Iterator[Chosen]:
    """The view of a choice, and the rows that it must be of."""
    accounts, first, last = request.param
    days = FIRST + timedelta(first), FIRST + timedelta(last)
    tokens = diary_tokens()
    counts = expected_counts(tokens)
    kept = [
        row["account"] in accounts and days[0] <= row["day"] <= days[1]
        for row in counts.select(["account", "day"]).to_pylist()
    ]
    with open_view(lake_of(tokens=tokens), "token_counts", accounts, days) as query:
        yield query, counts.filter(pa.array(kept))


def test_the_first_chart_shows_the_share_of_each_part_of_speech(chosen: Chosen) -> None:
    query, counts = chosen
    by_class: Counter[str] = Counter()
    for (_, pos), count in vocabulary(counts, POS_CLASSES).items():
        by_class[pos] += count
    found = pos_shares(query)
    order = sorted(by_class.items(), key=lambda item: (-item[1], item[0]))
    assert list(found.items()) == [(pos, count / by_class.total()) for pos, count in order]
    assert vocabulary_size(query) == VocabularySize(
        counts.num_rows, len(vocabulary(counts, POS_CLASSES)), by_class.total()
    )
    assert_picture(bar_chart(found, "parts of speech"))


@pytest.mark.parametrize("pos", ["noun", "verb", "emoji", "particle"])
def test_the_second_and_third_chart_show_the_top_words_of_a_class(chosen: Chosen, pos: str) -> None:
    query, counts = chosen
    found = top_words(query, 20, pos)
    assert list(found.items()) == top(counts, 20, [pos])
    assert_picture(bar_chart(found, f"top words: {pos}"))


def test_the_fourth_chart_shows_what_the_top_of_the_vocabulary_makes_up(chosen: Chosen) -> None:
    query, counts = chosen
    sizes = sorted(vocabulary(counts, CONTENT_CLASSES).values(), reverse=True)
    assert vocabulary_shares(query) == {
        share: sum(sizes[: ceil(len(sizes) * share / 100)]) / sum(sizes) for share in (10, 30, 50)
    }
    found = top_words(query, 10_000)
    assert list(found.items()) == top(counts, 10_000, CONTENT_CLASSES)
    assert_picture(word_cloud(found, "words"))  # the cloud's sizes are frequencies, which the source lost


def test_each_account_has_its_top_words_and_those_that_wrote_most_come_first(chosen: Chosen) -> None:
    query, counts = chosen
    by_account = {name: counts.filter(compute.equal(counts["account"], name)) for name in _names(counts)}
    found = top_words_by_account(query, 5)
    assert found == {name: dict(top(rows, 5, CONTENT_CLASSES)) for name, rows in by_account.items()}
    totals = {name: vocabulary(rows, POS_CLASSES).total() for name, rows in by_account.items()}
    assert most_active_accounts(query, 6) == sorted(totals, key=lambda name: -totals[name])
    titles = frequency_charts(query).keys()
    of_accounts = {f"top words of {name}" for name in totals} if len(totals) > 1 else set[str]()
    assert titles == {"parts of speech", "top words", "vocabulary", "word cloud"} | of_accounts


def test_time_is_told_in_days_then_in_months(chosen: Chosen) -> None:
    query, counts = chosen
    days = counts["day"].unique().to_pylist()
    form = "%Y-%m-%d" if len(days) <= 14 else "%Y-%m"
    times = compute.strftime(counts["day"], format=form)
    found = top_words_over_time(query, 3)
    assert list(found) == sorted({day.strftime(form) for day in days})
    for time, words in found.items():
        assert list(words.items()) == top(counts.filter(compute.equal(times, time)), 3, CONTENT_CLASSES)


def test_a_time_without_words_of_a_class_is_told_nevertheless() -> None:
    tokens = tokens_of([("a", 0, [{"word": "먹다", "pos": "verb"}]), ("a", 1, [{"word": "아기", "pos": "noun"}])])
    with open_view(lake_of(tokens=tokens), "token_counts") as query:
        assert top_words_over_time(query, 3, "noun") == {"2026-10-28": {}, "2026-10-29": {"아기": 1}}


def _names(counts: pa.Table) -> list[str]:
    return sorted(counts["account"].unique().to_pylist())


def assert_picture(png: bytes) -> None:
    assert png.startswith(b"\x89PNG")
    assert len(png) <= LARGEST_CHART
