"""The image assets: images are downloaded, measured, captioned, embedded and clustered."""

from collections import Counter
from dataclasses import asdict

import dagster as dg
import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.assets.asset_helpers import (
    PER_CELL,
    contract_arguments,
    failing_clearly,
    inputs,
    log_results,
    media_past_retention,
    unchanged_rows,
    whole_inputs,
)
from instagram_assets.media.download_options import DownloadOptions
from instagram_assets.media.post_images import fetch_images
from instagram_assets.media.store import MediaStore
from instagram_assets.privacy.tombstones import load_tombstones
from instagram_assets.report.charts import histogram, line_chart
from instagram_assets.report.contact_sheets import captioned_sheet, contact_sheet, labelled_sheet
from instagram_assets.report.progress import counter, download_update, show_progress
from instagram_assets.settings import settings
from instagram_assets.vision import pipeline


@dg.asset(
    ins=inputs(posts=["account", "day", "post_id", "observed_at", "media"]),
    **PER_CELL,
    **contract_arguments("images", "media", {"jpeg"}),
    pool="downloads",
)
def images(context: dg.AssetExecutionContext, posts: pa.Table) -> pa.Table:
    """Every image of every post: downloaded, verified, and stored by the SHA-256 of its bytes."""
    options = settings().download
    if not options.download_images:
        return unchanged_rows(context, "INSTAGRAM_ASSETS_DOWNLOAD__DOWNLOAD_IMAGES")
    folder, past = settings().folder("media"), media_past_retention(context, posts)
    allowed = DownloadOptions.of(options, load_tombstones(settings().folder("privacy")))
    with MediaStore(folder) as store, show_progress(context.log.info, download_update) as report:
        table, progress = fetch_images(posts, store, allowed, options.images_per_post, report, past)
    files = [folder / path for path in table["path"].drop_null().unique().to_pylist()]
    log_results(context, asdict(progress), {"contact sheet": contact_sheet(files) if files else None})
    return table


@dg.asset(**PER_CELL, **contract_arguments("image_quality", "vision", {"opencv"}))
def image_quality(context: dg.AssetExecutionContext, images: pa.Table) -> pa.Table:
    """Whether each image is large, sharp and light enough, with a perceptual hash to find near-duplicates."""
    from instagram_assets.vision.quality import least_sharp_passed, sharpest_failed

    with show_progress(context.log.info, counter("measured")) as report:
        table = pipeline.measure_quality(images, settings(), report)
    files = pipeline.media_files(images, settings())
    edge = [
        ("just passed", [files[image_id] for image_id in least_sharp_passed(table, settings().quality, 16)]),
        ("just failed", [files[image_id] for image_id in sharpest_failed(table, settings().quality, 16)]),
    ]
    font = settings().text.font
    focus, sharpness = (table[name].drop_null().to_pylist() for name in ("focus", "sharpness"))
    numbers = {"images": table.num_rows, "passed": compute.sum(table["passed"]).as_py() or 0}
    log_results(
        context,
        numbers,
        {
            "focus": histogram(focus, "focus: 1 blurred, 2 sharp", font=font) if focus else None,
            "sharpness": histogram(sharpness, "sharpness at standard size", font=font) if sharpness else None,
            "just passed and just failed": labelled_sheet(edge, font=font) if sharpness else None,
        },
    )
    return table


@dg.asset(**PER_CELL, **contract_arguments("captions", "vision", {"pytorch"}), pool="models")
def captions(context: dg.AssetExecutionContext, image_quality: pa.Table, images: pa.Table) -> pa.Table:
    """A one-sentence caption of each image: of several generated ones, that with the best score."""
    if not settings().captions.enabled:
        return unchanged_rows(context, "INSTAGRAM_ASSETS_CAPTIONS__ENABLED")
    with failing_clearly(), show_progress(context.log.info, counter("captions")) as report:
        table = pipeline.caption(image_quality, images, settings(), report)
    files = pipeline.media_files(images, settings())
    rows = table.filter(compute.equal(table["status"], "ok")).select(["image_id", "caption"]).to_pylist()
    tiles, font = [(files[row["image_id"]], row["caption"]) for row in rows], settings().text.font
    log_results(context, _statuses(table), {"captions": captioned_sheet(tiles, font=font) if tiles else None})
    return table


@dg.asset(**PER_CELL, **contract_arguments("embeddings", "vision", {"pytorch"}), pool="models")
def embeddings(context: dg.AssetExecutionContext, image_quality: pa.Table, images: pa.Table) -> pa.Table:
    """The embedding of each image that passed the quality filter; similar images have a high cosine similarity."""
    if not settings().embeddings.enabled:
        return unchanged_rows(context, "INSTAGRAM_ASSETS_EMBEDDINGS__ENABLED")
    with failing_clearly(), show_progress(context.log.info, counter("embeddings")) as report:
        table = pipeline.embed(image_quality, images, settings(), report)
    log_results(context, _statuses(table))
    return table


@dg.asset(
    ins=whole_inputs(
        embeddings=["image_id", "account", "embedding", "model", "status"],
        image_quality=["image_id", "phash", "near_group"],
        images=["image_id", "path", "status"],
    ),
    **contract_arguments("clusters", "vision", {"scikitlearn"}),
)
def clusters(
    context: dg.AssetExecutionContext,
    embeddings: pa.RecordBatchReader,
    image_quality: pa.RecordBatchReader,
    images: pa.RecordBatchReader,
) -> pa.Table:
    """Clusters of images that show the same kind of thing, over the whole lake or within each account."""
    with show_progress(context.log.info, counter("clustered")) as report:
        found = pipeline.cluster(embeddings, image_quality, settings(), report)
    if found.warning:
        context.log.warning(found.warning)
    lines, font = pipeline.cluster_lines(found.table, images, settings()), settings().text.font
    sheet = labelled_sheet(lines, font=font) if lines else None
    sweep = line_chart(found.sweep, "share of images by eps, %", font=font) if found.sweep else None
    log_results(context, found.numbers, {"largest clusters": sheet, "eps": sweep})
    return found.table


def _statuses(table: pa.Table) -> dict[str, float]:
    return {"images": table.num_rows, **Counter(table["status"].to_pylist())}
