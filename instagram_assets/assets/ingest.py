"""Records in: files land once, then each cell takes its rows from the landing zone."""

from collections.abc import Iterator

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import PER_CELL, described
from instagram_assets.ingest import inbox, landing
from instagram_assets.partitions import accounts, selection, window
from instagram_assets.settings import settings
from instagram_assets.storage.lake import lake


class LandingConfig(dg.Config):
    """Which files to land, and when their records were observed."""

    files: list[str] = []
    observed_at: str = ""


@dg.multi_asset(
    outs={
        "landed_files": dg.AssetOut(
            description="Every file that came in, read once and split by account and day.",
            **described("landed_files", "ingest", {"json"}),
        ),
        "quarantine": dg.AssetOut(
            description="Bad records, each with its file, place, field and reason.", **described("quarantine", "ingest")
        ),
    }
)
def landed(context: dg.AssetExecutionContext, config: LandingConfig) -> Iterator[dg.Output[pa.Table]]:
    """Land the files of the inbox (or those in the run's config); what plans the next runs registers their accounts."""
    result = inbox.land_files(config.files, lake(), settings(), config.observed_at)
    numbers = {
        "new files": len(result.landed),
        "already known": len(result.known),
        "rejected files": len(result.rejected),
        "left in the inbox": len(result.left),
        "read again": len(result.mended.again),
        "as older rules read them": len(result.mended.older),
    }
    if result.mended.lost:  # no table of the landing zone can be made then
        raise dg.Failure("\n".join(map(str, result.failures)), metadata=numbers)
    yield dg.Output(landing.landed_files(lake(), *window()), output_name="landed_files", metadata=numbers)
    yield dg.Output(landing.quarantine(lake()), output_name="quarantine")
    if result.failures:
        raise dg.Failure("\n".join(map(str, result.failures)), metadata=numbers)


@dg.asset(**PER_CELL, **described("raw_posts", "ingest"))
def raw_posts(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Posts as received and validated, one row per observation."""
    return landing.read_posts(lake(), "posts", *selection(context))


@dg.asset(**PER_CELL, **described("raw_reels", "ingest"))
def raw_reels(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Reels as received and validated, one row per observation."""
    return landing.read_posts(lake(), "reels", *selection(context))


@dg.asset(
    partitions_def=accounts, backfill_policy=dg.BackfillPolicy.single_run(), **described("raw_profiles", "ingest")
)
def raw_profiles(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Profiles as received and validated, one row per observation."""
    return landing.read_profiles(lake(), context.partition_keys)
