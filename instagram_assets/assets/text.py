"""Captions to words: what was written, word by word, and how often."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.assets.parts import PER_CELL, described, show
from instagram_assets.media.charts import bar_chart, word_cloud
from instagram_assets.media.fonts import font_problem
from instagram_assets.media.progress import counted, reporting
from instagram_assets.settings import settings
from instagram_assets.text.counts import pos_shares, top_words, vocabulary_shares
from instagram_assets.text.counts import token_counts as counts_of
from instagram_assets.text.tokens import tokens_table

_BARS, _CLOUD = 20, 120


@dg.asset(**PER_CELL, **described("tokens", "text"))
def tokens(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """The words of each caption with their parts of speech, its emojis, hashtags and mentions."""
    with reporting(context.log.info, counted("captions")) as report:
        table = tokens_table(posts, settings().text, report)
    words = compute.sum(compute.list_value_length(table["tokens"])).as_py() or 0
    languages = Counter(language or "no letters" for language in table["language"].to_pylist())
    numbers = {"posts": posts.num_rows, "with a caption": table.num_rows, "words": words, **languages}
    show(context, numbers, {"languages": bar_chart(languages, "posts by language") if languages else None})
    return table


@dg.asset(**PER_CELL, **described("token_counts", "text"))
def token_counts(context: dg.AssetExecutionContext, tokens: pa.Table) -> pa.Table:
    """How often each word was written, by part of speech, account and day."""
    table = counts_of(tokens)
    if problem := font_problem():
        context.log.warning(problem)
    words = top_words(table, _CLOUD)
    top = dict(list(words.items())[:_BARS])
    numbers = {
        "different words": len(table.group_by(["word", "pos"]).aggregate([])),
        "written": compute.sum(table["count"]).as_py() or 0,
        **{f"part of the top {share} % of words": part for share, part in vocabulary_shares(table).items()},
        **{f"part of {pos}": part for pos, part in pos_shares(table).items()},
    }
    pictures = {"top words": bar_chart(top, "top words"), "word cloud": word_cloud(words, "words")} if words else {}
    show(context, numbers, pictures)
    return table
