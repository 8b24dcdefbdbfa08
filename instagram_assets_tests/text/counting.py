"""What the view `token_counts` must give, by Arrow's functions, and numbers of a vocabulary by Python's."""

from collections import Counter
from collections.abc import Collection

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.schemas import TOKEN_COUNTS

_CELL = ["account", "day", "word", "pos"]
_ORDER = [
    *(("account", "ascending"), ("day", "ascending"), ("count", "descending")),
    *(("word", "ascending"), ("pos", "ascending")),
]


def expected_counts(tokens: pa.Table) -> pa.Table:
    """How often each word was written, by part of speech, account and day: a table of `schemas.TOKEN_COUNTS`.

    `tokens` is a table of `schemas.TOKENS`, no two rows of which are one post.
    """
    spread = tokens.select(["account", "day"]).append_column("post", pa.array(range(tokens.num_rows), pa.int32()))
    lists = tokens["tokens"].combine_chunks()
    words = compute.list_flatten(lists).flatten()
    rows = spread.take(compute.list_parent_indices(lists))
    table = rows.append_column("word", words[0]).append_column("pos", words[1])
    by_post = table.group_by(["post", *_CELL], use_threads=False).aggregate([([], "count_all")])
    grouped = by_post.group_by(_CELL, use_threads=False).aggregate([("count_all", "sum"), ("post", "count")])
    counts = grouped.rename_columns([*_CELL, "count", "posts"])
    return TOKEN_COUNTS.conform(counts.take(compute.sort_indices(counts, sort_keys=_ORDER)), "token_counts")


def vocabulary(counts: pa.Table, classes: Collection[str]) -> Counter[tuple[str, str]]:
    """How often each word, as one part of speech, was written."""
    found: Counter[tuple[str, str]] = Counter()
    for row in counts.to_pylist():
        if row["pos"] in classes:
            found[row["word"], row["pos"]] += row["count"]
    return found


def top(counts: pa.Table, n: int, classes: Collection[str]) -> list[tuple[str, int]]:
    """The words of these classes that were written most, equal ones by the alphabet."""
    words: Counter[str] = Counter()
    for (word, _), count in vocabulary(counts, classes).items():
        words[word] += count
    return sorted(words.items(), key=lambda item: (-item[1], item[0].encode()))[:n]
