"""The hub: each post once, with its profile."""

from datetime import timedelta

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import PER_CELL, described, earlier_rows, show
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.retained_rows import RetainedRows, retained_rows
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.retention_horizon import read_horizon


@dg.asset(
    # An owner may be another collected account, so every profile counts, whatever the run's accounts are.
    ins={"raw_profiles": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
    **PER_CELL,
    **described("posts", "posts"),
)
def posts(
    context: dg.AssetExecutionContext, raw_posts: pa.Table, raw_reels: pa.Table, raw_profiles: pa.Table
) -> pa.Table:
    """Each post or reel once: its newest observation, merged with its owner's profile."""
    table = merge_posts(raw_posts, raw_reels, raw_profiles, settings().mode, _remembered(context, raw_posts, raw_reels))
    numbers = {"posts": table.num_rows, "without a profile": table["profile_observed_at"].null_count}
    show(context, numbers)
    return table


def _remembered(context: dg.AssetExecutionContext, raw_posts: pa.Table, raw_reels: pa.Table) -> RetainedRows | None:
    """What the cells of the run know of observations that are past retention; null where it never ran."""
    before = read_horizon(open_lake(settings())).raw
    if before is None:
        return None
    return retained_rows(earlier_rows(context), pa.concat_tables([raw_posts, raw_reels]), before)
