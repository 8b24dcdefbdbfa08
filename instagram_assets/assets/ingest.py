"""The ingest assets: each file is read once into the landing zone, from which raw tables and merged posts are made."""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
from pydantic import field_validator
from upath import UPath

from instagram_assets.assets.asset_helpers import PER_CELL, contract_arguments, earlier_rows, log_results
from instagram_assets.errors import StorageError
from instagram_assets.ingest import inbox
from instagram_assets.ingest.archive_pictures import StorePictures
from instagram_assets.ingest.field_drift import field_changes
from instagram_assets.ingest.landing_run import LandingReport
from instagram_assets.ingest.manifests import LandedFile, extend_to_oldest_post, manifests, pending_files
from instagram_assets.ingest.merge import merge_posts
from instagram_assets.ingest.observations import (
    landed_files,
    quarantine_table,
    read_ads,
    read_comments,
    read_posts,
    read_profiles,
)
from instagram_assets.ingest.retained_rows import RetainedRows, retained_rows
from instagram_assets.media.archive_images import store_images_in
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.partitions import Selection, first_day, known_accounts, selection, window
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.progress import counter, show_progress
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, read_table
from instagram_assets.storage.parquet_io import not_tried_again
from instagram_assets.storage.retention_horizon import read_horizon

REJECTED_FILES = "rejected files"
"""Metadata key of a landing run: number of files that were rejected as invalid."""
DRIFT = "drift"
"""Metadata key of a landing run: schema drift, i.e. fields that are missing, new or of another type than before."""
_CHANGES_SHOWN = 100
FOLDERS = "folders"
"""Metadata key of a landing run: lines about the contents of folders, one per folder."""


class LandingConfig(dg.Config):
    """Names of the inbox files to ingest, when their records were observed, and the account that they belong to."""

    files: list[str] = []
    observed_at: str = ""
    account: str = ""

    @field_validator("files")
    @classmethod
    def _in_the_inbox(cls, names: list[str]) -> list[str]:
        for name in names:
            if name in ("", ".", "..") or Path(name).name != name or "\0" in name:
                raise ValueError(f"{name!r} is not the name of a file in the inbox; others land by `ingest {name}`")
        return names


@dg.multi_asset(
    outs={
        "landed_files": dg.AssetOut(
            description="Every file that came in, read once and split by account and day.",
            **contract_arguments("landed_files", "ingest", {"json"}),
        ),
        "quarantine": dg.AssetOut(
            description="Bad records, each with its file, place, field and reason.",
            **contract_arguments("quarantine", "ingest"),
        ),
        "raw_ads": dg.AssetOut(
            description="Ads as received and validated, one row per observation; they end at their viral labels.",
            is_required=False,
            **contract_arguments("raw_ads", "ingest"),
        ),
        "raw_comments": dg.AssetOut(
            description="Comments under pseudonyms, one row per observation, joined to `posts` by `post_id`. None "
            "unless INSTAGRAM_ASSETS_INGEST__KEEP_COMMENTS keeps them.",
            is_required=False,
            **contract_arguments("raw_comments", "ingest"),
        ),
    }
)
def landed(
    context: dg.AssetExecutionContext, config: LandingConfig, landing_files: dg.ResourceParam[Sequence[Path]]
) -> Iterator[dg.Output[pa.Table]]:
    """Ingest the files of the inbox, or those named in the run's config, into the landing zone.

    Files outside of the inbox are given by the command line in the resource `landing_files`; a run's config cannot
    name them. The new accounts are registered as partitions later, when the next runs are planned.
    """
    names = [str(path) for path in landing_files] or config.files
    with show_progress(context.log.info, counter("files")) as report:
        stated = config.observed_at, config.account
        result = inbox.land_files(names, open_lake(settings()), settings(), *stated, report, _keep())
    numbers: dict[str, Any] = {
        "new files": len(result.landed),
        "already known": len(result.known),
        "forgotten": sum(file.forgotten for file in result.landed),
        REJECTED_FILES: len(result.rejected),
        "left in the inbox": len(result.left),
        "read again": len(result.mended.again),
        "as older rules read them": len(result.mended.older),
    }
    numbers |= _drift(context, result.landed)
    if result.folders:
        numbers[FOLDERS] = dg.MetadataValue.json(result.folders)
        context.log.info("\n".join(result.folders))
    if result.mended.lost:  # then no table of the landing zone can be computed
        raise dg.Failure("\n".join(map(str, result.failures)), metadata=numbers)
    if told := extend_to_oldest_post(open_lake(settings()), window()[1]):
        context.log.warning(told)
    table = landed_files(open_lake(settings()), first_day(), window()[1])
    yield dg.Output(table, output_name="landed_files", metadata=numbers)
    yield dg.Output(quarantine_table(open_lake(settings())), output_name="quarantine")
    yield from _not_as_kept("raw_ads", read_ads)
    if _brings_comments(result):
        yield from _not_as_kept("raw_comments", read_comments)
    if result.failures:
        raise dg.Failure("\n".join(map(str, result.failures)), metadata=numbers)


@dg.asset(**PER_CELL, **contract_arguments("raw_posts", "ingest"))
def raw_posts(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Posts as received and validated, one row per observation."""
    with not_tried_again():
        return read_posts(open_lake(settings()), "posts", *_cells(context))


@dg.asset(**PER_CELL, **contract_arguments("raw_reels", "ingest"))
def raw_reels(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Reels as received and validated, one row per observation."""
    with not_tried_again():
        return read_posts(open_lake(settings()), "reels", *_cells(context))


@dg.asset(backfill_policy=dg.BackfillPolicy.single_run(), **contract_arguments("raw_profiles", "ingest"))
def raw_profiles(context: dg.AssetExecutionContext, landed_files: pa.Table) -> pa.Table:
    """Profiles as received and validated, one row per observation."""
    return read_profiles(open_lake(settings()), context.partition_keys)


def _drift(context: dg.AssetExecutionContext, landed: Sequence[LandedFile]) -> dict[str, Any]:
    """Metadata about schema drift in files just ingested: which fields are missing, new and retyped, and how many."""
    if not landed:
        return {}
    new = {file.sha256 for file in landed}
    found = [change for change in field_changes(manifests(open_lake(settings()))) if change.sha256 in new]
    kinds = Counter(change.change for change in found)
    numbers: dict[str, Any] = {f"{kind} fields": kinds[kind] for kind in ("missing", "new", "retyped")}
    if found:
        context.log.warning("\n".join(map(str, found[:_CHANGES_SHOWN])))
        numbers[DRIFT] = dg.MetadataValue.json([change.shown() for change in found[:_CHANGES_SHOWN]])
    return numbers


def _keep() -> StorePictures | None:
    """Function that stores the images of archives in the media folder; None if images are disabled in the settings."""
    if not settings().download.download_images:
        return None
    options = DownloadOptions.of(settings().download, load_tombstones(settings().folder("privacy")))
    return partial(store_images_in, settings().folder("media"), options)


def _not_as_kept(name: str, read: Callable[[UPath], pa.Table]) -> Iterator[dg.Output[pa.Table]]:
    """Yield the table `name` of the landing zone, made by `read`, unless it equals the one stored in the lake."""
    table, kept = read(open_lake(settings())), _kept(name)
    if kept is None or not table.equals(kept):
        yield dg.Output(table, output_name=name)


def _brings_comments(result: LandingReport) -> bool:
    """Whether the table of comments can have changed; if not, it is not read, since it can have a million rows."""
    lake = open_lake(settings())
    if any(file.comments for file in (*pending_files(lake), *result.mended.again)):
        return True
    kept = _kept("raw_comments")
    return kept is None or (settings().ingest.keep_comments and not kept.num_rows)


def _kept(name: str) -> pa.Table | None:
    """Read a table from the lake; None if it is damaged."""
    try:
        return read_table(open_lake(settings()), name)
    except StorageError:
        return None


def _cells(context: dg.AssetExecutionContext) -> Selection:
    return selection(context.partition_key_range, known_accounts(context.instance))


@dg.asset(
    # A post's owner can be another collected account, so all profiles are read, not only those of the run's accounts.
    ins={"raw_profiles": dg.AssetIn(partition_mapping=dg.AllPartitionMapping())},
    freshness_policy=dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36), warn_window=timedelta(hours=26)),
    **PER_CELL,
    **contract_arguments("posts", "posts"),
)
def posts(
    context: dg.AssetExecutionContext, raw_posts: pa.Table, raw_reels: pa.Table, raw_profiles: pa.Table
) -> pa.Table:
    """Each post or reel once: its newest observation, merged with its owner's profile."""
    table = merge_posts(raw_posts, raw_reels, raw_profiles, settings().mode, _remembered(context, raw_posts, raw_reels))
    numbers = {"posts": table.num_rows, "without a profile": table["profile_observed_at"].null_count}
    log_results(context, numbers)
    return table


def _remembered(context: dg.AssetExecutionContext, raw_posts: pa.Table, raw_reels: pa.Table) -> RetainedRows | None:
    """The run's rows of `posts` computed from observations that retention has deleted; None if retention never ran."""
    before = read_horizon(open_lake(settings())).raw
    if before is None:
        return None
    return retained_rows(earlier_rows(context), pa.concat_tables([raw_posts, raw_reels]), before)
