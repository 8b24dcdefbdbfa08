"""How people react to posts, as numbers."""

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import PER_CELL, described, show
from instagram_assets.engagement.impressions import impressions as impressions_of
from instagram_assets.engagement.metrics import GROWING, growth
from instagram_assets.engagement.metrics import post_metrics as post_metrics_of
from instagram_assets.media.charts import histogram, line_chart


@dg.asset(**PER_CELL, **described("impressions", "engagement"))
def impressions(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """Reactions per follower: (likes + comments) / followers."""
    table = impressions_of(posts)
    values = table["impression"].drop_null().to_pylist()
    picture = histogram(values, "impression = (likes + comments) / followers") if values else None
    show(context, {"posts": table.num_rows, "with an impression": len(values)}, {"impressions": picture})
    return table


@dg.asset(**PER_CELL, **described("post_metrics", "engagement"))
def post_metrics(context: dg.AssetExecutionContext, raw_posts: pa.Table, raw_reels: pa.Table) -> pa.Table:
    """Likes, comments, views and plays of each post every time that it was observed."""
    table = post_metrics_of(raw_posts, raw_reels)
    curves = {name: curve for name in GROWING if (curve := growth(table, name))}
    picture = line_chart(curves, "median growth, in days since the first look") if curves else None
    numbers = {"observations": table.num_rows, "posts": len(table["post_id"].unique())}
    show(context, numbers, {"growth": picture})
    return table
