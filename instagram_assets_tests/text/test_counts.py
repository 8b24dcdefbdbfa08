"""Counts of words, and the four charts of the source's dashboard, are what SQL over the same rows gives."""

import random
from datetime import date, timedelta
from typing import Any

import duckdb
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as how
from hypothesis import strategies as st

from instagram_assets.media.charts import LARGEST_CHART, bar_chart, word_cloud
from instagram_assets.schemas import TOKEN_COUNTS, TOKENS
from instagram_assets.text.counts import (
    narrowed,
    over_time,
    pos_shares,
    token_counts,
    top_words,
    vocabulary_shares,
)
from instagram_assets.text.pos import CLASSES, CONTENT

FIRST = date(2026, 10, 28)
Post = tuple[str, int, list[tuple[str, str]]]


def tokens_of(posts: list[Post]) -> pa.Table:
    """Posts as (account, days after FIRST, words)."""
    rows: list[dict[str, Any]] = [
        {
            "post_id": str(number),
            "account": account,
            "day": FIRST + timedelta(days),
            "tokens": [{"word": word, "pos": pos} for word, pos in words],
        }
        for number, (account, days, words) in enumerate(posts)
    ]
    return TOKENS.table(rows)


def diary_tokens(posts: int = 300) -> pa.Table:
    rng = random.Random(7)
    vocabulary = [(f"{pos}{number}", pos) for pos in CLASSES for number in range(15)]
    weights = [1 / (1 + place % 15) for place in range(len(vocabulary))]
    return tokens_of(
        [
            (
                rng.choice(["sun_diary", "sea.mom"]),
                rng.randrange(30),
                rng.choices(vocabulary, weights, k=rng.randrange(40)),
            )
            for _ in range(posts)
        ]
    )


def sql(query: str, **tables: pa.Table) -> list[Any]:
    with duckdb.connect() as connection:
        for name, table in tables.items():
            connection.register(name, table)
        return connection.execute(query).fetchall()


words = st.tuples(st.sampled_from(["아기", "먹다", "👶🏻", "ㅋㅋ"]), st.sampled_from(["noun", "verb", "emoji"]))
some_posts = st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 3), st.lists(words, max_size=6)), max_size=12)


@how(deadline=None)
@given(some_posts)
def test_every_word_is_counted_once_in_its_class(posts: list[Post]) -> None:
    tokens = tokens_of(posts)
    counts = token_counts(tokens)
    assert counts.schema == TOKEN_COUNTS.schema
    expected = sql(
        """WITH spread AS (SELECT account, day, post_id, unnest(tokens, recursive := true) FROM tokens)
        SELECT account, day, word, pos, count(*) AS n, count(DISTINCT post_id) FROM spread
        GROUP BY ALL""",
        tokens=tokens,
    )
    found = [tuple(row.values()) for row in counts.to_pylist()]
    assert sorted(found) == sorted(expected)
    assert found == sorted(found, key=lambda row: (row[0], row[1], -row[4], row[2], row[3]))


def test_counts_do_not_depend_on_how_the_posts_are_cut() -> None:
    tokens = diary_tokens()
    chunked = pa.concat_tables([tokens.slice(0, 7), tokens.slice(7, 100), tokens.slice(107)])
    assert token_counts(chunked).equals(token_counts(tokens))


def test_more_posts_than_are_counted_at_once_add_up() -> None:
    tokens = tokens_of([("a", 0, [("아기", "noun"), ("아기", "noun")])] * 10_001)
    (row,) = token_counts(tokens).to_pylist()
    assert (row["count"], row["posts"]) == (20_002, 10_001)


def test_no_words_give_no_counts_and_no_shares() -> None:
    assert token_counts(TOKENS.empty()) == TOKEN_COUNTS.empty()
    assert token_counts(tokens_of([("a", 0, [])])) == TOKEN_COUNTS.empty()
    assert top_words(TOKEN_COUNTS.empty(), 5) == {}
    assert vocabulary_shares(TOKEN_COUNTS.empty()) == {}
    assert pos_shares(TOKEN_COUNTS.empty()) == {}
    assert list(over_time(TOKEN_COUNTS.empty())) == []


# What a reader of the dashboard chooses: an account or all, from one day to another.
CHOICES = [(["sea.mom", "sun_diary"], 0, 29), (["sun_diary"], 0, 29), (["sea.mom"], 5, 12)]


def chosen(accounts: list[str], first: int, last: int) -> tuple[pa.Table, str]:
    """The rows, and the same choice in SQL."""
    days = FIRST + timedelta(first), FIRST + timedelta(last)
    counts = narrowed(token_counts(diary_tokens()), accounts, *days)
    names = ", ".join(f"'{name}'" for name in accounts)
    return counts, f"account IN ({names}) AND day BETWEEN '{days[0]}' AND '{days[1]}'"


@pytest.mark.parametrize("choice", CHOICES)
def test_the_first_chart_shows_the_share_of_each_part_of_speech(choice: tuple[list[str], int, int]) -> None:
    counts, where = chosen(*choice)
    expected = sql(
        f"""SELECT pos, sum(count)::DOUBLE / (SELECT sum(count) FROM counts WHERE {where}) AS share
        FROM counts WHERE {where} GROUP BY pos ORDER BY share DESC, pos""",
        counts=token_counts(diary_tokens()),
    )
    found = pos_shares(counts)
    assert list(found.items()) == [(pos, pytest.approx(share)) for pos, share in expected]
    assert sum(found.values()) == pytest.approx(1)
    assert_picture(bar_chart(found, "parts of speech"))


@pytest.mark.parametrize("choice", CHOICES)
@pytest.mark.parametrize("pos", ["noun", "verb", "emoji", "particle"])
def test_the_second_and_third_chart_show_the_top_words_of_a_class(choice: tuple[list[str], int, int], pos: str) -> None:
    counts, where = chosen(*choice)
    expected = sql(
        f"""SELECT word, sum(count)::BIGINT AS n FROM counts WHERE {where} AND pos = '{pos}'
        GROUP BY word ORDER BY n DESC, word LIMIT 20""",
        counts=token_counts(diary_tokens()),
    )
    found = top_words(counts, 20, pos)
    assert list(found.items()) == expected
    assert_picture(bar_chart(found, f"top words: {pos}"))


@pytest.mark.parametrize("choice", CHOICES)
def test_the_fourth_chart_shows_what_the_top_of_the_vocabulary_makes_up(choice: tuple[list[str], int, int]) -> None:
    counts, where = chosen(*choice)
    classes = ", ".join(f"'{pos}'" for pos in CONTENT)
    parts = [f"sum(n) FILTER (place <= ceil(words * {part} / 100.0)) / any_value(total)" for part in (10, 30, 50)]
    ((ten, thirty, fifty),) = sql(
        f"""WITH vocabulary AS (
            SELECT sum(count) AS n, row_number() OVER (ORDER BY sum(count) DESC) AS place
            FROM counts WHERE {where} AND pos IN ({classes}) GROUP BY word, pos
        ), size AS (SELECT count(*) AS words, sum(n)::DOUBLE AS total FROM vocabulary)
        SELECT {", ".join(parts)}
        FROM vocabulary, size""",
        counts=token_counts(diary_tokens()),
    )
    assert vocabulary_shares(counts) == {
        10: pytest.approx(ten),
        30: pytest.approx(thirty),
        50: pytest.approx(fifty),
    }
    cloud = sql(
        f"SELECT word, sum(count)::BIGINT FROM counts WHERE {where} AND pos IN ({classes}) GROUP BY word",
        counts=token_counts(diary_tokens()),
    )
    found = top_words(counts, 10_000)
    assert found == dict(cloud)  # the cloud's sizes are frequencies, which the source lost
    assert_picture(word_cloud(found, "words"))


def test_time_is_told_in_days_then_in_months() -> None:
    counts = token_counts(diary_tokens())
    assert [time for time, _ in over_time(counts)] == ["2026-10", "2026-11"]
    week = narrowed(counts, ["sea.mom"], FIRST, FIRST + timedelta(6))
    days = dict(over_time(week))
    assert set(days) == {str(day) for day in week["day"].unique().to_pylist()}
    assert sum(rows.num_rows for rows in days.values()) == week.num_rows


def assert_picture(png: bytes) -> None:
    assert png.startswith(b"\x89PNG")
    assert len(png) <= LARGEST_CHART
