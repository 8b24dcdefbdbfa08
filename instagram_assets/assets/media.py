"""Bytes: every picture of every post, on disk once."""

from dataclasses import asdict

import dagster as dg
import pyarrow as pa

from instagram_assets.assets.parts import PER_CELL, described, inputs, past_media, show, unchanged
from instagram_assets.media.images import fetch_images
from instagram_assets.media.options import DownloadOptions
from instagram_assets.media.store import MediaStore
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.contact_sheets import contact_sheet
from instagram_assets.report.progress import download_update, show_progress
from instagram_assets.settings import settings


@dg.asset(
    ins=inputs(posts=["account", "day", "post_id", "observed_at", "media"]),
    **PER_CELL,
    **described("images", "media", {"jpeg"}),
    pool="downloads",
)
def images(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """Every image of every post, fetched, checked and stored under the hash of its bytes."""
    options = settings().download
    if not options.download_images:
        return unchanged(context, "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES")
    folder, past = settings().folder("media"), past_media(context, posts)
    allowed = DownloadOptions.of(options, load_tombstones(settings().folder("privacy")))
    with MediaStore(folder) as store, show_progress(context.log.info, download_update) as report:
        table, progress = fetch_images(posts, store, allowed, options.images_per_post, report, past)
    files = [folder / path for path in table["path"].drop_null().unique().to_pylist()]
    show(context, asdict(progress), {"contact sheet": contact_sheet(files) if files else None})
    return table
