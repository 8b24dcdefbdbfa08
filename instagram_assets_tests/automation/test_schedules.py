"""What runs by the clock: the datasets of a night, when something changed."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from instagram_assets.automation.schedules import nightly_datasets


@pytest.mark.parametrize("name", ["posts", "tokens", "raw_posts", "raw_reels"])
def test_what_the_datasets_and_views_are_made_of_makes_them_due(instance: dg.DagsterInstance, name: str) -> None:
    night = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2026, 11, 2, 3, tzinfo=UTC))

    def made(asset: str) -> None:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset))

    for dataset in ("dataset_csv", "dataset_json", "dataset_parquet", "dataset_delta"):
        made(dataset)
    assert isinstance(nightly_datasets(night), dg.SkipReason)
    made(name)
    assert isinstance(nightly_datasets(night), dg.RunRequest)
