"""Assets about reactions to posts: impressions, metrics over time, viral labels."""

from collections import Counter

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.asset_helpers import (
    PER_CELL,
    contract_arguments,
    failing_clearly,
    inputs,
    log_results,
    whole_inputs,
    whole_table_deps,
)
from instagram_assets.engagement.post_metrics import GROWTH_METRICS, count_observations, median_growth
from instagram_assets.engagement.post_metrics import impressions as impressions_of
from instagram_assets.engagement.viral_labels import VIRAL_AD_COLUMNS, VIRAL_POST_COLUMNS
from instagram_assets.engagement.viral_labels import viral_labels as labels_of
from instagram_assets.report.charts import histogram, line_chart
from instagram_assets.report.viral_timelines import viral_pictures
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.sql_views import open_view


@dg.asset(
    ins=inputs(posts=["post_id", "account", "day", "kind", "likes", "likes_hidden", "comments", "followers"]),
    **PER_CELL,
    **contract_arguments("impressions", "engagement"),
)
def impressions(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """Reactions per follower: (likes + comments) / followers."""
    table = impressions_of(posts)
    values = table["impression"].drop_null().to_pylist()
    title, font = "impression = (likes + comments) / followers", settings().text.font
    picture = histogram(values, title, font=font) if values else None
    log_results(context, {"posts": table.num_rows, "with an impression": len(values)}, {"impressions": picture})
    return table


@dg.asset(deps=whole_table_deps("raw_posts", "raw_reels"), **contract_arguments("post_metrics", "engagement"))
def post_metrics(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
    """Likes, comments, views and plays of each post at each observation; an SQL view of the raw tables."""
    with open_view(open_lake(settings()), "post_metrics") as query:
        observations, posts = count_observations(query)
        curves = {name: curve for name in GROWTH_METRICS if (curve := median_growth(query, name))}
    title, font = "median growth, in days since the first look", settings().text.font
    picture = line_chart(curves, title, font=font) if curves else None
    log_results(context, {"observations": observations, "posts": posts}, {"growth": picture})
    return dg.MaterializeResult(metadata={"dagster/row_count": observations})


@dg.asset(
    ins={**whole_inputs(posts=VIRAL_POST_COLUMNS), **inputs(raw_ads=VIRAL_AD_COLUMNS)},
    **contract_arguments("viral_labels", "engagement"),
)
def viral_labels(context: dg.AssetExecutionContext, posts: pa.Table, raw_ads: pa.Table) -> pa.Table:
    """Which posts, reels and ads went viral by the rule of the settings, with a score and the reason."""
    options, font = settings().virality, settings().text.font
    with failing_clearly():
        table = labels_of(posts, raw_ads, options)
    counts = Counter(table["viral"].to_pylist())
    numbers = {"labels": table.num_rows, "viral": counts[True], "cannot be told": counts[None]}
    log_results(context, numbers, viral_pictures(table, options.measure, settings().zone, font=font))
    return table
