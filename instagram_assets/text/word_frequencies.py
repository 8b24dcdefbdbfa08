"""Word frequencies: queries on the view `token_counts`, and charts of the vocabulary."""

from collections.abc import Collection, Sequence
from typing import NamedTuple

from instagram_assets.report.charts import bar_chart, word_cloud
from instagram_assets.storage.duckdb_connection import Query
from instagram_assets.text.part_of_speech import CONTENT_CLASSES

VOCABULARY_SHARES = (10, 30, 50)
MAX_DAYS = 14


class VocabularySize(NamedTuple):
    """Size of the vocabulary: rows of the view `token_counts`, distinct words, and total word count."""

    rows: int
    different: int
    written: int


def vocabulary_size(query: Query) -> VocabularySize:
    """Size of the vocabulary; a word with two parts of speech counts as two words."""
    (row,) = query(
        """SELECT sum(rows)::BIGINT AS rows, count(*) AS different, sum(count)::BIGINT AS written
        FROM (SELECT word, pos, count(*) AS rows, sum(count) AS count FROM token_counts GROUP BY word, pos)"""
    ).to_pylist()
    return VocabularySize(*(row[name] or 0 for name in VocabularySize._fields))


def top_words(query: Query, n: int, pos: str | None = None) -> dict[str, int]:
    """The `n` most frequent words with their counts; ties in alphabetical order.

    `pos` is one of `part_of_speech.POS_CLASSES`; None means all content words, `CONTENT_CLASSES`.
    """
    return _top_words(query, "'all'", n, pos).get("all", {})


def top_words_by_account(query: Query, n: int, pos: str | None = None) -> dict[str, dict[str, int]]:
    """The `n` most frequent words of each account that has any, as account → word → count."""
    return _top_words(query, "account", n, pos)


def top_words_over_time(query: Query, n: int, pos: str | None = None) -> dict[str, dict[str, int]]:
    """The `n` most frequent words per day (such as `2026-11-02`), or per month if there are over `MAX_DAYS` days."""
    (days,) = query("SELECT count(DISTINCT day) AS days FROM token_counts")["days"].to_pylist()
    form = "%Y-%m-%d" if days <= MAX_DAYS else "%Y-%m"
    return _top_words(query, f"strftime(day, '{form}')", n, pos)


def most_active_accounts(query: Query, n: int) -> list[str]:
    """The `n` accounts with the highest total word count, in descending order."""
    totals = query("SELECT account FROM token_counts GROUP BY account ORDER BY sum(count) DESC, account LIMIT $1", n)
    return totals["account"].to_pylist()


def vocabulary_shares(
    query: Query, shares: Sequence[int] = VOCABULARY_SHARES, classes: Collection[str] = CONTENT_CLASSES
) -> dict[int, float]:
    """The fraction (0–1) of the total word count that the most frequent `shares` percent of distinct words have.

    {10: 0.6} says that the most frequent tenth of the vocabulary makes up 60 % of all words; a word counts once per
    part of speech, and the number of distinct words is rounded up. Empty when there are no words.
    """
    rows = query(
        """WITH vocabulary AS (
            SELECT count, row_number() OVER (ORDER BY count DESC) AS place
            FROM (SELECT sum(count) AS count FROM token_counts WHERE list_contains($1, pos) GROUP BY word, pos)
        ), whole AS (SELECT count(*) AS words, sum(count) AS written FROM vocabulary)
        SELECT share, sum(count)::BIGINT AS written, any_value(whole.written)::BIGINT AS of_all
        FROM (SELECT unnest($2) AS share), vocabulary, whole
        WHERE place <= (words * share + 99) // 100
        GROUP BY share ORDER BY share""",
        list(classes),
        list(shares),
    )
    return {row["share"]: row["written"] / row["of_all"] for row in rows.to_pylist()}


def pos_shares(query: Query) -> dict[str, float]:
    """The fraction (0–1) of the total word count that each part of speech has, in descending order."""
    rows = query("SELECT pos, sum(count)::BIGINT AS count FROM token_counts GROUP BY pos ORDER BY count DESC, pos")
    counts = dict(zip(rows["pos"].to_pylist(), rows["count"].to_pylist(), strict=True))
    written = sum(counts.values())
    return {pos: count / written for pos, count in counts.items()}


def _top_words(query: Query, line: str, n: int, pos: str | None) -> dict[str, dict[str, int]]:
    """The `n` most frequent words, for each value of the SQL expression `line` over the view `token_counts`."""
    rows = query(
        f"""SELECT line, word, count
        FROM (
            SELECT {line} AS line, word, sum(count)::BIGINT AS count
            FROM token_counts WHERE list_contains($1, pos) GROUP BY ALL
        )
        QUALIFY row_number() OVER (PARTITION BY line ORDER BY count DESC, word) <= $2
        ORDER BY line, count DESC, word""",
        list(CONTENT_CLASSES) if pos is None else [pos],
        n,
    )
    there = query(f"SELECT DISTINCT {line} AS line FROM token_counts ORDER BY line")["line"].to_pylist()
    lines: dict[str, dict[str, int]] = {name: {} for name in there}
    for row in rows.to_pylist():
        lines[row["line"]][row["word"]] = row["count"]
    return lines


_BARS, _CLOUD = 20, 120
_ACCOUNTS = 6


def frequency_charts(query: Query, font: str = "") -> dict[str, bytes]:
    """Charts as PNG by title: parts of speech, top words overall and by account, vocabulary shares, word cloud.

    `query` runs SQL on the view `token_counts`; no charts if it is empty. Charts by account are for those with the most
    words; `font` is the font file of the settings.
    """
    words = top_words(query, _CLOUD)
    if not words:
        return {}
    parts = {pos: round(100 * share, 1) for pos, share in pos_shares(query).items()}
    shares = {f"top {top} %": round(100 * share, 1) for top, share in vocabulary_shares(query).items()}
    pictures = {
        "parts of speech": bar_chart(parts, "parts of speech, % of all words", font=font),
        "top words": bar_chart(dict(list(words.items())[:_BARS]), "top words", font=font),
        "vocabulary": bar_chart(shares, "what the most frequent of the different words make up, %", font=font),
        "word cloud": word_cloud(words, "words", font=font),
    }
    accounts = most_active_accounts(query, _ACCOUNTS)
    # With one account, these would equal the words of all.
    if len(accounts) > 1:
        by_account = top_words_by_account(query, _BARS)
        for account in accounts:
            pictures[f"top words of {account}"] = bar_chart(by_account[account], f"top words of {account}", font=font)
    return pictures
