"""Charts of the words in captions, counted as in the view `token_counts`."""

from datetime import timedelta
from typing import Any

import pyarrow as pa

from instagram_assets.insights.chart_definition import Chart, Row
from instagram_assets.insights.word_counts import Counted, busiest_accounts, counts_query
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.text.part_of_speech import CONTENT_CLASSES
from instagram_assets.text.word_frequencies import VOCABULARY_SHARES

MOST_WORDS, MOST_IN_CLOUD, MOST_OF_ACCOUNT, MOST_HASHTAGS, MOST_RISING = 30, 90, 10, 20, 20
MOST_ACCOUNTS = 6
"""Maximum number of accounts that are shown separately."""
RISING_DAYS = 30
"""Default length in days of the period that is compared with the preceding one."""
LEAST_RISING = 3
"""Minimum count of a word to be considered rising."""
_FIELDS = ("account", "first", "last", "pos")


def top_words(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the most frequent words in captions: `word`, `pos`, `count`, `posts`."""
    return _most(index, criteria, _classes(criteria), MOST_WORDS)


def word_cloud(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the MOST_IN_CLOUD most frequent words in captions: `word`, `pos`, `count`, `posts`."""
    return _most(index, criteria, _classes(criteria), MOST_IN_CLOUD)


def top_hashtags(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the most frequent hashtags in captions: `hashtag`, `count`, `posts`."""
    found = _most(index, criteria, ["hashtag"], MOST_HASHTAGS)
    return found.drop_columns(["pos"]).rename_columns(["hashtag", "count", "posts"])


def top_words_by_account(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns the most frequent words per account: `account`, `word`, `pos`, `count`, `posts`.

    At most MOST_ACCOUNTS accounts, those with the most posts, with MOST_OF_ACCOUNT words each.
    """
    accounts = busiest_accounts(index, criteria, MOST_ACCOUNTS)
    part = counts_query(_of_each(criteria, accounts))
    return index.query(
        f"""WITH sums AS (SELECT account, word, sum(count) AS count, sum(posts) AS posts FROM {part.sql} GROUP BY ALL)
        SELECT account, text AS word, pos, count::BIGINT AS count, posts::BIGINT AS posts
        FROM sums JOIN words USING (word) WHERE list_contains({part.value(_classes(criteria))}, pos)
        QUALIFY row_number() OVER (PARTITION BY account ORDER BY count DESC, text, pos) <= {MOST_OF_ACCOUNT}
        ORDER BY list_position({part.value(accounts)}, account), count DESC, text, pos""",
        *part.values,
    )


def pos_shares(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns how frequent each part of speech is: `account`, `pos`, `count`, `share` (fraction of all words, 0–1).

    There are rows for each of the accounts with the most posts, and for all accounts together, with `account` null.
    """
    accounts = busiest_accounts(index, criteria, MOST_ACCOUNTS)
    tables = [
        index.query(
            f"""WITH sums AS (SELECT {group} AS account, word, sum(count) AS count FROM {part.sql} GROUP BY ALL)
            SELECT account, pos, sum(count)::BIGINT AS count,
                sum(count) / sum(sum(count)) OVER (PARTITION BY account) AS share
            FROM sums JOIN words USING (word) GROUP BY account, pos
            ORDER BY list_position({part.value(accounts)}, account), count DESC, pos""",
            *part.values,
        )
        for group, part in _all_and_each(criteria, accounts)
    ]
    return pa.concat_tables(tables)


def vocabulary_shares(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns how concentrated the vocabulary is: the fraction of all word occurrences that frequent words make up.

    One row per account (null: all together) and `part`, the most frequent 10, 30 or 50 % of distinct words, as 0.1 to
    0.5. `words` is the number of words in that part, of `different` distinct words; `count` is the number of their
    occurrences, of `written` in total; `share` is `count / written`.
    """
    accounts = busiest_accounts(index, criteria, MOST_ACCOUNTS)
    tables = [
        index.query(
            f"""WITH sums AS (SELECT {group} AS account, word, sum(count) AS count FROM {part.sql} GROUP BY ALL),
            vocabulary AS (
                SELECT account, count, row_number() OVER (PARTITION BY account ORDER BY count DESC) AS place,
                    count(*) OVER (PARTITION BY account) AS different, sum(count) OVER (PARTITION BY account) AS written
                FROM sums JOIN words USING (word) WHERE list_contains({part.value(_classes(criteria))}, pos)
            )
            SELECT account, percent / 100 AS part, count(*) AS words, any_value(different)::BIGINT AS different,
                sum(count)::BIGINT AS count, any_value(written)::BIGINT AS written,
                sum(count) / any_value(written) AS share
            FROM vocabulary, (SELECT unnest({part.value(list(VOCABULARY_SHARES))}) AS percent)
            WHERE place <= (different * percent + 99) // 100
            GROUP BY account, percent ORDER BY list_position({part.value(accounts)}, account), percent""",
            *part.values,
        )
        for group, part in _all_and_each(criteria, accounts)
    ]
    return pa.concat_tables(tables)


def rising_words(index: LakeIndex, criteria: Filter) -> pa.Table:
    """Returns words that became more frequent: `word`, `pos`, `count`, `before`, `rise`.

    `count` and `before` are the counts in the filter's date range and in the preceding range of equal length. `rise` is
    the difference of the word's fractions (0–1) of all counted words. Empty if the preceding range has no words.
    """
    now = _range_of(index, criteria)
    if now.first is None or now.last is None:
        return _NOTHING_RISING
    length = (now.last - now.first).days + 1
    before = now.but(first=now.first - timedelta(length), last=now.first - timedelta(1))
    part = counts_query(now)
    earlier = counts_query(before, part.values)
    return index.query(
        f"""WITH chosen AS (SELECT word FROM words WHERE list_contains({part.value(_classes(criteria))}, pos)),
        of_now AS (SELECT word, sum(count) AS count FROM {part.sql} SEMI JOIN chosen USING (word) GROUP BY word),
        of_before AS (SELECT word, sum(count) AS count FROM {earlier.sql} SEMI JOIN chosen USING (word) GROUP BY word),
        compared AS (
            SELECT n.word, n.count, coalesce(b.count, 0) AS before, n.count / (SELECT sum(count) FROM of_now)
                - coalesce(b.count, 0) / (SELECT sum(count) FROM of_before) AS rise
            FROM of_now n LEFT JOIN of_before b USING (word)
        )
        SELECT text AS word, pos, count::BIGINT AS count, before::BIGINT AS before, rise
        FROM compared JOIN words USING (word) WHERE rise > 0 AND count >= {LEAST_RISING}
        ORDER BY rise DESC, text, pos LIMIT {MOST_RISING}""",
        *part.values,
    )


_NOTHING_RISING = pa.table(
    {
        "word": pa.array([], pa.string()),
        "pos": pa.array([], pa.string()),
        "count": pa.array([], pa.int64()),
        "before": pa.array([], pa.int64()),
        "rise": pa.array([], pa.float64()),
    }
)


def _most(index: LakeIndex, criteria: Filter, classes: list[str], most: int) -> pa.Table:
    part = counts_query(criteria)
    return index.query(
        f"""WITH sums AS (SELECT word, sum(count) AS count, sum(posts) AS posts FROM {part.sql} GROUP BY word)
        SELECT text AS word, pos, count::BIGINT AS count, posts::BIGINT AS posts
        FROM sums JOIN words USING (word) WHERE list_contains({part.value(classes)}, pos)
        ORDER BY count DESC, text, pos LIMIT {most}""",
        *part.values,
    )


def _all_and_each(criteria: Filter, accounts: list[str]) -> list[tuple[str, Counted]]:
    """Returns the word counts of all accounts together and of each account, with the SQL of their `account` column."""
    return [("NULL::VARCHAR", counts_query(criteria)), ("account", counts_query(_of_each(criteria, accounts)))]


def _of_each(criteria: Filter, accounts: list[str]) -> Filter:
    """Returns the filter restricted to these accounts; unchanged without any, as no post matches it then anyway."""
    return criteria.but(account=tuple(accounts)) if accounts else criteria


def _classes(criteria: Filter) -> list[str]:
    return [criteria.pos] if criteria.pos else list(CONTENT_CLASSES)


def _range_of(index: LakeIndex, criteria: Filter) -> Filter:
    """Returns the filter with both ends of the date range set.

    A missing end is the newest day of the data, and a missing start is RISING_DAYS - 1 days before the end.
    """
    [row] = index.rows("SELECT max(day) AS last FROM posts")
    last = criteria.last or row["last"]
    if last is None:
        return criteria
    return criteria.but(first=criteria.first or last - timedelta(RISING_DAYS - 1), last=last)


def _word(row: Row, criteria: Filter) -> Filter:
    return criteria.but(word=row["word"], pos=row["pos"], **_account(row))


def _hashtag(row: Row, criteria: Filter) -> Filter:
    return criteria.but(word=row["hashtag"], pos="hashtag")


def _part_of_speech(row: Row, criteria: Filter) -> Filter:
    return criteria.but(pos=row["pos"], **_account(row))


def _vocabulary(row: Row, criteria: Filter) -> Filter:
    return criteria.but(**_account(row))


def _account(row: Row) -> dict[str, Any]:
    """Returns the filter field for a chart row's account; empty if the row is about all accounts."""
    return {"account": (row["account"],)} if row.get("account") is not None else {}


CHARTS = (
    Chart("top_words", "words", "bar", top_words, x="word", y="count", fields=_FIELDS, posts=_word),
    Chart(
        "top_words_by_account",
        "words",
        "bar",
        top_words_by_account,
        x="word",
        y="count",
        series="account",
        fields=_FIELDS,
        posts=_word,
    ),
    Chart("word_cloud", "words", "cloud", word_cloud, x="word", y="count", fields=_FIELDS, posts=_word),
    Chart(
        "pos_shares",
        "words",
        "shares",
        pos_shares,
        x="pos",
        y="share",
        series="account",
        posts=_part_of_speech,
        percent=("share",),
    ),
    Chart(
        "vocabulary_shares",
        "words",
        "bar",
        vocabulary_shares,
        x="part",
        y="share",
        series="account",
        fields=_FIELDS,
        posts=_vocabulary,
        percent=("part", "share"),
    ),
    Chart("top_hashtags", "words", "bar", top_hashtags, x="hashtag", y="count", posts=_hashtag),
    Chart(
        "rising_words",
        "words",
        "bar",
        rising_words,
        x="word",
        y="rise",
        fields=_FIELDS,
        posts=_word,
        percent=("rise",),
    ),
)
