"""The text assets: tokens of captions, word counts, and topics."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.assets.asset_helpers import (
    PER_CELL,
    contract_arguments,
    inputs,
    log_results,
    whole_inputs,
    whole_table_deps,
)
from instagram_assets.report.charts import bar_chart
from instagram_assets.report.fonts import FONT_REMEDY, font_problem
from instagram_assets.report.progress import counter, show_progress
from instagram_assets.report.topic_charts import topic_pictures
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.sql_views import open_view
from instagram_assets.text.tokens import tokens_table
from instagram_assets.text.topics import topics_table
from instagram_assets.text.word_frequencies import frequency_charts, pos_shares, vocabulary_shares, vocabulary_size
from instagram_assets.vision import pipeline


@dg.asset(
    ins=inputs(posts=["post_id", "account", "day", "caption"]), **PER_CELL, **contract_arguments("tokens", "text")
)
def tokens(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """The tokens of each caption with their parts of speech, and its emojis, hashtags and mentions."""
    with show_progress(context.log.info, counter("captions")) as report:
        table = tokens_table(posts, settings().text, report)
    words = compute.sum(compute.list_value_length(table["tokens"])).as_py() or 0
    languages = Counter(language or "no letters" for language in table["language"].to_pylist())
    numbers = {"posts": posts.num_rows, "with a caption": table.num_rows, "words": words, **languages}
    picture = bar_chart(languages, "posts by language", font=settings().text.font) if languages else None
    log_results(context, numbers, {"languages": picture})
    return table


@dg.asset(deps=whole_table_deps("tokens"), **contract_arguments("token_counts", "text"))
def token_counts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Number of occurrences of each word by part of speech, account and day; an SQL view of `tokens`, not stored."""
    if problem := font_problem(settings().text.font):
        context.log.warning(f"{problem}. {FONT_REMEDY}")
    with open_view(open_lake(settings()), "token_counts") as query:
        rows, different, written = vocabulary_size(query)
        numbers = {
            "different words": different,
            "written": written,
            **{f"part of the top {share} % of words": part for share, part in vocabulary_shares(query).items()},
            **{f"part of {pos}": part for pos, part in pos_shares(query).items()},
        }
        log_results(context, numbers, frequency_charts(query, settings().text.font))
    return dg.MaterializeResult(metadata={"dagster/row_count": rows})


@dg.asset(
    ins={
        **inputs(clusters=["scope", "image_id", "cluster"]),
        **whole_inputs(
            captions=["image_id", "caption", "status"],
            images=["image_id", "post_id", "account", "day", "path", "status"],
            tokens=["account", "post_id", "tokens"],
        ),
    },
    **contract_arguments("topics", "text", {"scikitlearn"}),
)
def topics(
    context: dg.AssetExecutionContext,
    clusters: pa.Table,
    captions: pa.Table,
    images: pa.Table,
    tokens: pa.RecordBatchReader,
) -> pa.Table:
    """Topic words for each cluster of images, and for each group of images with similar captions."""
    with show_progress(context.log.info, counter("captions compared")) as report:
        table = topics_table(clusters, captions, images, tokens, settings().text, report)
    numbers = {"topics": table.num_rows, "without words": table["name"].null_count}
    listed = images.filter(compute.is_in(images["image_id"], value_set=compute.list_flatten(table["image_ids"])))
    pictures = topic_pictures(table, pipeline.media_files(listed, settings()), font=settings().text.font)
    log_results(context, numbers, pictures)
    return table
