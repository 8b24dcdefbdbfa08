"""Post metrics in the UI: a view of the raw tables, with its numbers and the growth of posts."""

from pathlib import Path

import dagster as dg

from instagram_assets.automation import shell_runs
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets_tests.conftest import export, post


def test_every_observation_is_counted_and_growth_is_drawn(instance: dg.DagsterInstance, data_dir: Path) -> None:
    for day, likes in ((1, 10), (3, 30)):
        posts = [post(1, likesCount=likes), post(2, account="sea.mom", likesCount=likes)]
        shell_runs.land(instance, [export(data_dir / f"{day}.json", posts)], f"2026-11-0{day}T00:00:00Z")
    shell_runs.bring_up_to_date(instance)
    key = dg.AssetKey("post_metrics")
    # As a lake has it that was made before post metrics were a view.
    for partition in ("sun_diary|2026-10-20", "sea.mom|2026-10-20"):
        instance.report_runless_asset_event(dg.AssetMaterialization(key, partition=partition))
    shell_runs.run_job(instance, "datasets", assets=[key])
    event = instance.get_latest_materialization_event(key)
    assert event
    assert event.asset_materialization
    shown = {title: value.value for title, value in event.asset_materialization.metadata.items()}
    assert (shown["dagster/row_count"], shown["observations"], shown["posts"]) == (4, 4, 2)
    assert (data_dir / "reports" / "post_metrics-growth.png").read_bytes().startswith(b"\x89PNG")
    assert not (open_lake(settings()) / "post_metrics").exists()
