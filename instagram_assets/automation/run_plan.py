"""Plans the runs after files have landed: profiles, then the fewest ranges of accounts × days, then datasets."""

import hashlib
from collections.abc import Collection, Sequence
from itertools import chain, groupby
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.jobs import box_assets, skipped_tags
from instagram_assets.datasets.dataset_files import missing_datasets
from instagram_assets.datasets.pseudonymous import PSEUDONYMS, pseudonymous_by
from instagram_assets.engagement.viral_labels import other_rule
from instagram_assets.errors import StorageError
from instagram_assets.ingest.landing_repair import repair_landing
from instagram_assets.ingest.manifests import LandedFile, pending_files
from instagram_assets.ingest.observations import affected_cells
from instagram_assets.partitions import (
    PLAN,
    RANGE_END,
    RANGE_START,
    Box,
    Cell,
    boxes,
    known_accounts,
    register_accounts,
    window,
)
from instagram_assets.settings import settings
from instagram_assets.status.preflight import missing_models
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
"""The assets of the job `datasets`, each made from the whole lake, and the tables they are made from."""


class RunPlan(NamedTuple):
    """The runs that process the landed `files`; `missing` maps stages without their models to the reason."""

    files: list[LandedFile]
    profiles: dict[str, str] | None
    boxes: list[Box]
    assets: list[dg.AssetKey]
    missing: dict[str, str]

    def tags_of(self, part: Box) -> dict[str, str]:
        """All tags of the run of one of the ranges of accounts × days."""
        return part.tags | {PLAN: self.key} | skipped_tags(self.missing)

    @property
    def key(self) -> str:
        """The run key: the same for the same files, in any order."""
        return hashlib.sha256(" ".join(sorted(file.sha256 for file in self.files)).encode()).hexdigest()[:16]


def plan_runs(instance: dg.DagsterInstance) -> RunPlan:
    """The runs for all landed files that are not yet processed; empty when nothing is pending.

    Registers their accounts as partitions first, so that the planned partitions exist even after a crash. Damaged files
    of the landing zone are ingested again; raises StorageError when that is impossible.
    """
    if not pending_files(open_lake(settings())):
        return RunPlan([], None, [], [], {})
    if lost := repair_landing(open_lake(settings()), settings(), also_older=False).lost:
        raise StorageError("\n".join(map(str, lost)))
    files = pending_files(open_lake(settings()))
    touched = affected_cells(open_lake(settings()), files, *window())
    named = [*(name for file in files for name in file.accounts), *(account for account, _ in touched.cells)]
    register_accounts(instance, sorted({*named, *touched.accounts_with_profiles}))
    order = known_accounts(instance)
    cells = (Cell(account, day) for account, day in touched.cells)
    missing = missing_models(settings())
    assets = box_assets(reels=any(file.reels for file in files), missing=missing)
    return RunPlan(files, account_range(order, touched.accounts_with_profiles), boxes(cells, order), assets, missing)


def account_range(order: Sequence[str], chosen: Sequence[str]) -> dict[str, str] | None:
    """The run tags of one run over the range of the chosen accounts; None when there is none."""
    places = sorted(place for place, name in enumerate(order) if name in set(chosen))
    return {RANGE_START: order[places[0]], RANGE_END: order[places[-1]]} if places else None


def exact_ranges(order: Sequence[str], chosen: Collection[str]) -> list[dict[str, str]]:
    """The run tags of the fewest runs that cover exactly the chosen accounts."""
    wanted = set(chosen)
    groups = (list(group) for is_chosen, group in groupby(order, wanted.__contains__) if is_chosen)
    return [{RANGE_START: group[0], RANGE_END: group[-1]} for group in groups]


def datasets_are_due(instance: dg.DagsterInstance) -> bool:
    """Whether any output of the job `datasets` is missing or older than its inputs.

    Also true for viral labels by a rule other than the configured one, and for datasets that refer to images deleted by
    retention, that are pseudonymised otherwise than configured, or whose files are missing.
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
    if _name_people_otherwise(instance) or _lack_files(instance):
        return True
    try:
        return other_rule(open_lake(settings()), settings().virality) != ""
    except StorageError:  # the labels are damaged: computing them again repairs them
        return True


def _name_people_otherwise(instance: dg.DagsterInstance) -> bool:
    """Whether a dataset's pseudonymisation differs from the settings: names or pseudonyms, or another key."""
    wanted = pseudonymous_by(settings())
    for name in DATASET_INPUTS:
        event = instance.get_latest_materialization_event(dg.AssetKey(name)) if name.startswith("dataset_") else None
        made = event.asset_materialization if event else None
        told = made.metadata.get(PSEUDONYMS) if made else None
        if made and (told.value if told else "") != wanted:
            return True
    return False


def _lack_files(instance: dg.DagsterInstance) -> bool:
    """Whether files of a materialized dataset are missing, as after a restore, which brings back the history only."""
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
