"""The reel assets: downloaded videos, their analyses by a model, and hypotheses about what distinguishes viral ones."""

from collections import Counter
from functools import partial

import dagster as dg
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.assets.asset_helpers import (
    PER_CELL,
    contract_arguments,
    earlier_rows,
    failing_clearly,
    inputs,
    log_results,
    media_past_retention,
    unchanged_rows,
    whole_inputs,
)
from instagram_assets.errors import RateLimitedError
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.never_download import PAST_RETENTION, anti_join, concat_sorted, semi_join
from instagram_assets.media.store import MediaStore
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.reels import hypotheses, run_analysis
from instagram_assets.reels.analyses import VIDEO_COLUMNS, with_earlier_analyses
from instagram_assets.reels.video_measures import with_damage
from instagram_assets.reels.videos import open_addresses, video_options
from instagram_assets.reels.videos import reel_videos as videos_of_reels
from instagram_assets.reels.weekly_report import SMALL_Q
from instagram_assets.reels.weekly_report_files import write_pages
from instagram_assets.reels.weekly_report_views import report_markdown
from instagram_assets.report.contact_sheets import captioned_sheet
from instagram_assets.report.progress import counter, download_update, show_progress
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.vision.pipeline import features_folder

# How often a run waits for Instagram's rate limit; after that, the remaining rows get this as their reason.
_WAITS = 2


@dg.asset(
    ins=inputs(posts=["account", "day", "post_id", "shortcode", "kind", "observed_at", "media"]),
    **PER_CELL,
    **contract_arguments("reel_videos", "reels", {"ffmpeg"}),
    pool="downloads",
)
def reel_videos(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """The video of every reel: downloaded once, with its properties and a representative frame."""
    if not settings().reels.enabled:
        return unchanged_rows(context, "INSTAGRAM_ASSETS_REELS__ENABLED")
    folder, options = settings().folder("media"), _options()
    may_wait = context.retry_number < _WAITS
    with failing_clearly():
        addresses = open_addresses(settings().reels)
    past = media_past_retention(context, posts)
    wanted = posts if past is None else anti_join(posts, past)
    try:
        with (
            MediaStore(folder) as store,
            show_progress(context.log.info, partial(download_update, what="videos")) as report,
        ):
            table = videos_of_reels(wanted, store, options, addresses, may_wait=may_wait, on_progress=report)
    except RateLimitedError as limit:
        context.log.warning(f"{limit} This run waits, and goes on with the reels that are left.")
        raise dg.RetryRequested(max_retries=_WAITS, seconds_to_wait=limit.seconds) from limit
    table = with_damage(table, folder, features_folder(settings()))
    table = table if past is None else concat_sorted(table, past)
    stored = table.filter(compute.is_valid(table["poster"])).select(["poster", "account", "duration"]).to_pylist()
    tiles = [(folder / row["poster"], f"{row['account']} {row['duration'] or 0:.0f} s") for row in stored]
    sheet = captioned_sheet(tiles, text_lines=1, font=settings().text.font) if tiles else None
    log_results(context, _numbers(table), {"posters": sheet})
    return table


@dg.asset(
    ins=inputs(reel_videos=VIDEO_COLUMNS),
    # Read by the step itself, since an unpartitioned table cannot be an input of a run over account × day partitions.
    deps=[] if settings().reels.hide_label else ["viral_labels"],
    **PER_CELL,
    **contract_arguments("reel_analyses", "reels", {"gemini"}),
    pool="models",
)
def reel_analyses(context: dg.AssetExecutionContext, reel_videos: pa.Table) -> pa.Table:
    """What a model saw and heard in each reel, and why it probably went viral or not; no response is paid twice."""
    if not settings().reels.enabled:
        return unchanged_rows(context, "INSTAGRAM_ASSETS_REELS__ENABLED")
    gone = reel_videos.filter(compute.fill_null(compute.equal(reel_videos["reason"], PAST_RETENTION), False))
    earlier = earlier_rows(context)
    watched = semi_join(earlier, gone) if gone.num_rows else None
    wanted = reel_videos if watched is None else anti_join(reel_videos, watched)
    with failing_clearly(), show_progress(context.log.info, counter("analysed")) as report:
        table = run_analysis.analyse(wanted, settings(), report)
    table = table if watched is None else concat_sorted(table, watched)
    log_results(context, run_analysis.numbers_of(table, settings()))
    return with_earlier_analyses(table, earlier)


@dg.asset(
    ins={
        **whole_inputs(
            posts=hypotheses.POST_COLUMNS,
            reel_videos=hypotheses.VIDEO_COLUMNS,
            reel_analyses=hypotheses.ANALYSIS_COLUMNS,
        ),
        **inputs(viral_labels=hypotheses.LABEL_COLUMNS),
    },
    **contract_arguments("viral_hypotheses", "reels", {"scipy"}),
)
def viral_hypotheses(
    context: dg.AssetExecutionContext,
    posts: pa.RecordBatchReader,
    viral_labels: pa.Table,
    reel_videos: pa.Table,
    reel_analyses: pa.Table,
) -> pa.Table:
    """Hypotheses on what distinguishes a week's viral reels: statistical contrasts, and the model's suggestions."""
    table = hypotheses.viral_hypotheses(posts, viral_labels, reel_videos, reel_analyses, settings().zone)
    rows = table.select(["kind", "q_value"]).to_pylist()
    clear = sum(row["q_value"] is not None and row["q_value"] < SMALL_Q for row in rows)
    contrasts = sum(row["kind"] == "contrast" for row in rows)
    log_results(context, {"contrasts": contrasts, f"with q < {SMALL_Q}": clear, "of the model": len(rows) - contrasts})
    media, reports = settings().folder("media"), settings().folder("reports")
    lake, unanswered = open_lake(settings()), partial(run_analysis.unanswered_usd, settings=settings())
    if pages := write_pages(lake, media, reports, hypotheses=table, unanswered=unanswered):
        context.add_output_metadata(run_analysis.numbers_of_week(lake, pages[-1][0].week, settings()))
        told = dg.MetadataValue.md(report_markdown(*pages[-1]))
        newest = dg.MetadataValue.path(str(pages[-1][1]))
        context.add_output_metadata({"page of the week": told, "page": newest, "pages written": len(pages)})
    return table


def _numbers(table: pa.Table) -> dict[str, float]:
    asked = compute.equal(table["source"], "instaloader")
    return {
        "reels": table.num_rows,
        **Counter(table["status"].to_pylist()),
        "asked anew": compute.sum(asked).as_py() or 0,
        "megabytes": (compute.sum(table["bytes"]).as_py() or 0) / 1_000_000,
        "minutes": (compute.sum(table["duration"]).as_py() or 0.0) / 60,
    }


def _options() -> DownloadOptions:
    """Options for downloading videos; videos that were erased on request are not downloaded again."""
    return video_options(settings().download, settings().reels, load_tombstones(settings().folder("privacy")))
