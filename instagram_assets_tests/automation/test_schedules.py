"""What runs by the clock: the datasets of a night, when something changed."""

from datetime import UTC, datetime

import dagster as dg
import pytest

from instagram_assets.automation.jobs import datasets
from instagram_assets.automation.plan import MADE_OF
from instagram_assets.automation.schedules import nightly_datasets
from instagram_assets.definitions import defs
from instagram_assets.engagement.virality import label
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake, write_asset
from instagram_assets_tests.engagement.simulated import items


def is_due(instance: dg.DagsterInstance) -> bool:
    night = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2026, 11, 2, 3, tzinfo=UTC))
    return isinstance(nightly_datasets(night), dg.RunRequest)


def make(instance: dg.DagsterInstance, *assets: str) -> None:
    for asset in assets:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset))


@pytest.mark.parametrize("name", sorted({source for sources in MADE_OF.values() for source in sources}))
def test_what_the_job_of_datasets_makes_is_due_when_what_it_is_made_of_is_newer(
    instance: dg.DagsterInstance, name: str
) -> None:
    make(instance, *MADE_OF)
    assert not is_due(instance)
    make(instance, name)
    assert is_due(instance)


@pytest.mark.parametrize("name", MADE_OF)
def test_what_was_left_out_of_a_night_is_due(instance: dg.DagsterInstance, name: str) -> None:
    make(instance, "posts", "raw_posts", "tokens", "embeddings", *(made for made in MADE_OF if made != name))
    assert is_due(instance)


def test_the_tables_that_make_the_job_of_datasets_due_are_those_that_it_reads() -> None:
    graph = defs.resolve_asset_graph()
    made = {key.to_user_string() for key in datasets.selection.resolve(graph)}
    assert MADE_OF.keys() == made
    for name, sources in MADE_OF.items():
        assert {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys} == set(sources)


def test_labels_of_another_rule_than_that_of_the_settings_are_due(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(instance, *MADE_OF)
    write_asset(open_lake(settings()), "viral_labels", label(items([{"likes": 3}]), settings().virality))
    assert not is_due(instance)
    monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__FRACTION", "0.1")
    settings.cache_clear()
    assert is_due(instance)
