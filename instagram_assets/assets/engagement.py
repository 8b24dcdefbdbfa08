"""How people react to posts, as numbers."""

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import PER_CELL, described, show
from instagram_assets.engagement.impressions import impressions as impressions_of
from instagram_assets.media.pictures import histogram


@dg.asset(**PER_CELL, **described("impressions", "engagement"))
def impressions(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """Reactions per follower: (likes + comments) / followers."""
    table = impressions_of(posts)
    values = table["impression"].drop_null().to_pylist()
    picture = histogram(values, "impression = (likes + comments) / followers") if values else None
    show(context, {"posts": table.num_rows, "with an impression": len(values)}, "impressions", picture, "png")
    return table
