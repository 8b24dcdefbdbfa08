"""Charts of the words in captions."""

import pyarrow as pa

from instagram_assets.insights.charts import Chart, Row
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.reading import LakeIndex

MOST_WORDS = 30


def top_words(index: LakeIndex, wanted: Filter) -> pa.Table:
    """The words that stand most often in captions: `word`, `pos`, `count`, `posts`."""
    return index.ask(
        "SELECT w.text AS word, w.pos, sum(d.count)::BIGINT AS count, sum(d.posts)::BIGINT AS posts "
        "FROM word_days d JOIN words w USING (word) "
        "WHERE (len($1) = 0 OR list_contains($1, d.account)) AND ($2 = '' OR w.pos = $2) "
        "GROUP BY ALL ORDER BY count DESC, word, pos LIMIT 30",
        list(wanted.account),
        wanted.pos,
    )


def _posts_of_word(row: Row, wanted: Filter) -> Filter:
    return wanted.but(word=row["word"], pos=row["pos"])


CHARTS = (
    Chart(
        "top_words",
        "words",
        "bar",
        top_words,
        x="word",
        y="count",
        fields=("account", "first", "last", "pos"),
        posts=_posts_of_word,
    ),
)
