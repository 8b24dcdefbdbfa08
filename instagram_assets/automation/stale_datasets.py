"""Which datasets and whole-lake tables are stale: missing, older than their inputs, or made with other settings."""

from itertools import chain

import dagster as dg

from instagram_assets.datasets.dataset_files import missing_datasets
from instagram_assets.datasets.pseudonymous import PSEUDONYMS, pseudonymous_by
from instagram_assets.engagement.viral_labels import outdated_rule
from instagram_assets.errors import StorageError
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.retention_horizon import read_horizon

DATASET_INPUTS = {
    "dataset_csv": ("posts", "images", "captions"),
    "dataset_json": ("posts", "images", "captions"),
    "dataset_parquet": ("posts", "images", "captions", "impressions"),
    "clusters": ("embeddings", "image_quality", "images"),
    "topics": ("clusters", "captions", "images", "tokens"),
    "token_counts": ("tokens",),
    "post_metrics": ("raw_posts", "raw_reels"),
    "viral_labels": ("posts", "raw_ads"),
    "viral_hypotheses": ("posts", "reel_analyses", "reel_videos", "viral_labels"),
    "dataset_delta": ("posts", "raw_ads", "reel_analyses", "viral_hypotheses", "viral_labels"),
}
"""The assets of the job `datasets`, each computed from the whole lake, and the input tables of each."""


def datasets_are_due(instance: dg.DagsterInstance) -> bool:
    """Whether any output of the job `datasets` is missing or older than its inputs.

    Also true if the viral labels were made by another rule than the configured one, or if a dataset refers to images
    deleted by retention, is not pseudonymised as configured, or lacks files.
    """
    made = {
        name: last_materialized(instance, name)
        for name in dict.fromkeys(chain(DATASET_INPUTS, *DATASET_INPUTS.values()))
    }
    gone = read_horizon(open_lake(settings())).changed
    if gone and 0 < made["dataset_json"] < gone.timestamp():
        return True
    if any(made[source] > made[name] for name, sources in DATASET_INPUTS.items() for source in sources):
        return True
    if _pseudonymised_otherwise(instance) or _lack_files(instance):
        return True
    try:
        return outdated_rule(open_lake(settings()), settings().virality) != ""
    except StorageError:  # the labels are damaged: computing them again repairs them
        return True


def _pseudonymised_otherwise(instance: dg.DagsterInstance) -> bool:
    """Whether a dataset's pseudonymisation differs from the settings: names instead of pseudonyms, or another key."""
    configured = pseudonymous_by(settings())
    for name in DATASET_INPUTS:
        event = instance.get_latest_materialization_event(dg.AssetKey(name)) if name.startswith("dataset_") else None
        made = event.asset_materialization if event else None
        stored = made.metadata.get(PSEUDONYMS) if made else None
        if made and (stored.value if stored else "") != configured:
            return True
    return False


def _lack_files(instance: dg.DagsterInstance) -> bool:
    """Whether files of a materialized dataset are missing, such as after restoring a backup without datasets."""
    for name in missing_datasets(settings()):
        event = instance.get_latest_materialization_event(dg.AssetKey(name))
        made = event.asset_materialization if event else None
        rows = made.metadata.get("dagster/row_count") if made else None
        # A table without rows has no Delta table.
        if made and (name != "dataset_delta" or (rows and rows.value)):
            return True
    return False


def last_materialized(instance: dg.DagsterInstance, name: str) -> float:
    """Unix timestamp of the newest materialization of any partition of a table; 0 when there is none."""
    event = instance.get_latest_materialization_event(dg.AssetKey(name))
    return event.timestamp if event else 0.0
