"""Words counted: per account and day, and what the counts tell about a vocabulary."""

from collections.abc import Collection, Iterator, Sequence
from datetime import date

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas import TOKEN_COUNTS
from instagram_assets.text.pos import CONTENT

SHARES = (10, 30, 50)
MOST_DAYS = 14
_CELL = ["account", "day", "word", "pos"]
_WORD = ["word", "pos"]
# Of posts, so that what is spread out over their words stays small.
_BATCH = 10_000


def token_counts(tokens: pa.Table) -> pa.Table:
    """How often each word was written, by part of speech, account and day: a table of `schemas.TOKEN_COUNTS`.

    `tokens` is a table of `schemas.TOKENS`. Each cell's most frequent words come first; equal ones by the alphabet.
    """
    parts = [_counted(tokens.slice(start, _BATCH)) for start in range(0, tokens.num_rows, _BATCH)]
    if not parts:
        return TOKEN_COUNTS.empty()
    # A post is in one part only, so that posts add up as words do.
    grouped = pa.concat_tables(parts).group_by(_CELL, use_threads=False).aggregate([("count", "sum"), ("posts", "sum")])
    counts = grouped.rename_columns([*_CELL, "count", "posts"])
    order = [("account", "ascending"), ("day", "ascending"), ("count", "descending")]
    return TOKEN_COUNTS.conform(_sorted(counts, [*order, ("word", "ascending"), ("pos", "ascending")]), "token_counts")


def top_words(counts: pa.Table, n: int, pos: str | None = None) -> dict[str, int]:
    """The `n` words that were written most, with how often; equal ones by the alphabet.

    `counts` is a table of `schemas.TOKEN_COUNTS` or some of its rows. `pos` is one of `pos.CLASSES`; None means the
    classes that say what a post is about, `pos.CONTENT`.
    """
    words = _vocabulary(counts, CONTENT if pos is None else [pos])
    totals: dict[str, int] = {}
    for word, count in zip(words["word"].to_pylist(), words["count"].to_pylist(), strict=True):
        totals[word] = totals.get(word, 0) + count
    return dict(sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:n])


def vocabulary_shares(
    counts: pa.Table, shares: Sequence[int] = SHARES, classes: Collection[str] = CONTENT
) -> dict[int, float]:
    """For each percentage of the different words, the most frequent first: their part of all that was written, 0 to 1.

    {10: 0.6} says that the top tenth of the vocabulary makes up 60 % of it; a word is one per part of speech, and a
    part of the vocabulary is rounded up to whole words. Nothing written gives no shares.
    """
    found = _vocabulary(counts, classes)["count"].to_pylist()
    total = sum(found)
    if not total:
        return {}
    return {share: sum(found[: -(-len(found) * share // 100)]) / total for share in shares}


def pos_shares(counts: pa.Table) -> dict[str, float]:
    """The part of each part of speech in all words, 0 to 1, the largest first."""
    grouped = counts.select(["pos", "count"]).group_by("pos", use_threads=False).aggregate([("count", "sum")])
    total = compute.sum(grouped["count_sum"]).as_py() or 0
    rows = zip(grouped["pos"].to_pylist(), grouped["count_sum"].to_pylist(), strict=True)
    return {pos: count / total for pos, count in sorted(rows, key=lambda row: (-row[1], row[0]))}


def narrowed(counts: pa.Table, accounts: Collection[str], first: date, last: date) -> pa.Table:
    """The rows of some accounts from one day to another, both included."""
    chosen = compute.is_in(counts["account"], pa.array(list(accounts), pa.string()))
    after = compute.greater_equal(counts["day"], pa.scalar(first, pa.date32()))
    before = compute.less_equal(counts["day"], pa.scalar(last, pa.date32()))
    return counts.filter(compute.and_(chosen, compute.and_(after, before)))


def over_time(counts: pa.Table) -> Iterator[tuple[str, pa.Table]]:
    """The rows of each day, such as `2026-11-02`, or of each month when there are more than `MOST_DAYS` days."""
    days = counts["day"].unique().to_pylist()
    form = "%Y-%m-%d" if len(days) <= MOST_DAYS else "%Y-%m"
    times = compute.strftime(counts["day"], format=form)
    for time in sorted({day.strftime(form) for day in days}):
        yield time, counts.filter(compute.equal(times, time))


def _vocabulary(counts: pa.Table, classes: Collection[str]) -> pa.Table:
    """Each word as one part of speech with its count over all rows, the most frequent first."""
    chosen = counts.filter(compute.is_in(counts["pos"], pa.array(list(classes), pa.string())))
    grouped = chosen.select([*_WORD, "count"]).group_by(_WORD, use_threads=False).aggregate([("count", "sum")])
    named = grouped.rename_columns([*_WORD, "count"])
    return _sorted(named, [("count", "descending"), ("word", "ascending"), ("pos", "ascending")])


def _counted(tokens: pa.Table) -> pa.Table:
    """The counts of some posts, no two rows of which are one post."""
    spread = tokens.select(["account", "day"]).append_column("post", pa.array(range(tokens.num_rows), pa.int32()))
    lists = tokens["tokens"].combine_chunks()
    words = compute.list_flatten(lists).flatten()
    rows = spread.take(compute.list_parent_indices(lists))
    table = rows.append_column("word", words[0]).append_column("pos", words[1])
    by_post = table.group_by(["post", *_CELL], use_threads=False).aggregate([([], "count_all")])
    grouped = by_post.group_by(_CELL, use_threads=False).aggregate([("count_all", "sum"), ("post", "count")])
    return grouped.rename_columns([*_CELL, "count", "posts"])


def _sorted(table: pa.Table, keys: Sequence[tuple[str, str]]) -> pa.Table:
    return table.take(compute.sort_indices(table, sort_keys=list(keys)))
