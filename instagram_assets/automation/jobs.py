"""The Dagster jobs: one per partitions definition, since a run can have only one, and maintenance jobs."""

from collections.abc import Collection

import dagster as dg

from instagram_assets.automation.collect_job import collect_job
from instagram_assets.automation.executor_and_retries import NO_RETRIES, TIME_LIMIT
from instagram_assets.automation.history_cleanup import tidy_job
from instagram_assets.automation.retention_job import retention_job
from instagram_assets.automation.scrape_job import scrape_job
from instagram_assets.partitions import HISTORY_TAG, SHOWN_IN_HISTORY
from instagram_assets.settings import settings
from instagram_assets.status.preflight import missing_models
from instagram_assets.storage.lake import open_lake


@dg.op(
    name="delta_files",
    description="Merge small files of the Delta tables, and delete those that only old versions need.",
)
def delta_op(context: dg.OpExecutionContext) -> None:
    from instagram_assets.datasets import delta
    from instagram_assets.datasets.pseudonymous import declared_pseudonyms

    root, target, options = open_lake(settings()), delta.delta_target(settings()), settings().delta
    pseudonyms = declared_pseudonyms(settings(), root)
    for table in delta.optimize(root, target, options.options, pseudonyms=pseudonyms, warn=context.log.warning):
        context.log.info(f"{table.uri}: {table.files:,} files, {table.written:,} of them new")
    keep = options.keep_hours
    for gone in delta.vacuum(root, target, options.options, keep_hours=keep, warn=context.log.warning):
        context.log.info(f"{gone.uri}: {gone.files:,} files went that no version of the last {keep} hours needs")


@dg.job(
    name="delta_upkeep",
    description="Maintain the Delta tables: merge small files, and delete those that only old versions need.",
    tags=TIME_LIMIT,
)
def delta_job() -> None:
    delta_op()


_BOX = (
    *("raw_posts", "raw_reels", "posts", "impressions", "tokens"),
    *("images", "image_quality", "captions", "embeddings"),
)
# Computed from the whole lake at once, so never part of a partitioned run.
_WHOLE_LAKE = dg.AssetSelection.assets(
    *("clusters", "topics", "token_counts", "post_metrics", "viral_labels", "viral_hypotheses")
)
_DATASETS = dg.AssetSelection.groups("datasets") | _WHOLE_LAKE
RESULTS_OF_REELS = ("viral_hypotheses", "dataset_delta")
"""Assets that are computed from analysed reels, as soon as an analysis has ended."""

landing = dg.define_asset_job(
    "landing",
    dg.AssetSelection.assets("landed_files", "quarantine", "raw_ads", "raw_comments"),
    description="Import new files of the inbox: validate their records and store them in the landing zone.",
    # A bad file fails again at a retry.
    tags=TIME_LIMIT | NO_RETRIES,
)
profiles = dg.define_asset_job(
    "profiles",
    dg.AssetSelection.assets("raw_profiles"),
    description="Update the table of profiles (raw_profiles) for a range of accounts.",
    tags=TIME_LIMIT,
)
box = dg.define_asset_job(
    "box",
    dg.AssetSelection.assets(*_BOX),
    description="Compute all tables that are partitioned by account × day, for a box: a range of accounts and of days.",
    tags=TIME_LIMIT,
)
reels = dg.define_asset_job(
    "reels",
    dg.AssetSelection.assets("reel_videos", "reel_analyses"),
    description="Download the videos of reels and have a language model analyse them. Off by default.",
    tags=TIME_LIMIT,
)
datasets = dg.define_asset_job(
    "datasets",
    _DATASETS,
    description="Write the datasets (CSV, JSON, Parquet, Delta) and the tables computed from the whole lake at once: "
    "clusters, topics, word counts, metrics, viral labels and hypotheses.",
    tags=TIME_LIMIT,
)
search = dg.define_asset_job(
    "search",
    dg.AssetSelection.groups("search"),
    description="Search images on the web for a query, and write a folder with the images of its subject.",
    # A missing page, model or subject is still missing at a retry.
    tags=TIME_LIMIT | NO_RETRIES | {HISTORY_TAG: SHOWN_IN_HISTORY},
)
age_training = dg.define_asset_job(
    "age_training",
    dg.AssetSelection.assets("age_model"),
    description="Train the age model and evaluate it on its test set, unless nothing changed. Off by default.",
    # What is missing is still missing at a retry; an interrupted training resumes when it is started again.
    tags=TIME_LIMIT | NO_RETRIES,
)
age_estimates = dg.define_asset_job(
    "age_estimates",
    dg.AssetSelection.assets("age_predictions"),
    description="Predict for each account whether its author is at or above the cut-off age, and estimate the share.",
    tags=TIME_LIMIT | NO_RETRIES,
)


SKIPPED = "instagram_assets/skipped"
"""Run tag that names the stages which a planned run leaves out because their models are missing."""


def box_assets(*, reels: bool = True, missing: Collection[str] | None = None) -> list[dg.AssetKey]:
    """The assets to materialize in a run over a range of accounts × days; tables of other assets keep their rows.

    Left out are stages that the settings disable, stages whose models are missing (`missing`; None: check now), and
    `raw_reels` if no new reels were ingested (`reels` is False).
    """
    options = settings()
    pictures = options.download.download_images
    left_out = {
        "raw_reels": not reels,
        "images": not pictures,
        "image_quality": not pictures,
        "captions": not (pictures and options.captions.enabled),
        "embeddings": not (pictures and options.embeddings.enabled),
    }
    missing = missing_models(options) if missing is None else missing
    return [dg.AssetKey(name) for name in _BOX if not left_out.get(name) and name not in missing]


def skipped_tags(missing: Collection[str] | None = None) -> dict[str, str]:
    """The run tags that list the stages left out because their models are missing (`missing`; None: check now)."""
    missing = missing_models(settings()) if missing is None else missing
    return {SKIPPED: ", ".join(missing)} if missing else {}


AGE_JOBS = (age_training.name, age_estimates.name)
"""Jobs of the age model, which fail unless it is enabled in the settings."""

jobs = [
    *(landing, profiles, box, reels, datasets, search, age_training, age_estimates),
    *(collect_job, scrape_job, tidy_job, delta_job, retention_job),
]
