"""What runs by the clock: the datasets of a night, when something changed."""

import shutil
from datetime import UTC, datetime

import dagster as dg
import pytest

from instagram_assets.automation.jobs import datasets
from instagram_assets.automation.schedules import nightly_datasets
from instagram_assets.automation.stale_datasets import DATASET_INPUTS
from instagram_assets.definitions import defs
from instagram_assets.engagement.viral_labels import apply_rule
from instagram_assets.settings import settings
from instagram_assets.storage.lake import open_lake
from instagram_assets.storage.lake_writer import write_asset
from instagram_assets_tests.datasets.files import put_files
from instagram_assets_tests.engagement.simulated import items


@pytest.fixture(autouse=True)
def written(instance: dg.DagsterInstance) -> None:
    """The datasets are where they were written."""
    put_files()


def is_due(instance: dg.DagsterInstance) -> bool:
    night = dg.build_schedule_context(instance=instance, scheduled_execution_time=datetime(2026, 11, 2, 3, tzinfo=UTC))
    return isinstance(nightly_datasets(night), dg.RunRequest)


def make(instance: dg.DagsterInstance, *assets: str) -> None:
    for asset in assets:
        instance.report_runless_asset_event(dg.AssetMaterialization(asset))


@pytest.mark.parametrize("name", sorted({source for sources in DATASET_INPUTS.values() for source in sources}))
def test_what_the_job_of_datasets_makes_is_due_when_what_it_is_made_of_is_newer(
    instance: dg.DagsterInstance, name: str
) -> None:
    make(instance, *DATASET_INPUTS)
    assert not is_due(instance)
    make(instance, name)
    assert is_due(instance)


@pytest.mark.parametrize("name", DATASET_INPUTS)
def test_what_was_left_out_of_a_night_is_due(instance: dg.DagsterInstance, name: str) -> None:
    make(instance, "posts", "raw_posts", "tokens", "embeddings", *(made for made in DATASET_INPUTS if made != name))
    assert is_due(instance)


@pytest.mark.parametrize("file", ["post.csv", "reel.csv", "merged_dataset_all_with_images.json", "parquet", "delta"])
def test_a_dataset_whose_files_are_gone_is_due_until_they_are_there(instance: dg.DagsterInstance, file: str) -> None:
    for name in DATASET_INPUTS:
        instance.report_runless_asset_event(dg.AssetMaterialization(name, metadata={"dagster/row_count": 3}))
    assert not is_due(instance)
    gone = settings().folder("datasets") / file
    shutil.rmtree(gone) if gone.is_dir() else gone.unlink()
    assert is_due(instance)
    put_files()
    assert not is_due(instance)


def test_datasets_are_due_in_a_folder_that_was_brought_back_without_them(instance: dg.DagsterInstance) -> None:
    make(instance, *DATASET_INPUTS)
    shutil.rmtree(settings().folder("datasets"))
    assert is_due(instance)


def test_of_no_rows_there_is_no_delta_table_and_of_one_mode_no_file_of_the_other(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in DATASET_INPUTS:
        instance.report_runless_asset_event(dg.AssetMaterialization(name, metadata={"dagster/row_count": 0}))
    folder = settings().folder("datasets")
    shutil.rmtree(folder / "delta")
    assert not is_due(instance)
    monkeypatch.setenv("INSTAGRAM_ASSETS_MODE", "post")
    settings.cache_clear()
    (folder / "reel.csv").unlink()
    assert is_due(instance)  # the merged JSON is named after the mode
    (folder / "merged_dataset_post_with_images.json").touch()
    assert not is_due(instance)


def test_what_was_never_written_is_not_missed(instance: dg.DagsterInstance) -> None:
    shutil.rmtree(settings().folder("datasets"))
    assert not is_due(instance)


def test_the_tables_that_make_the_job_of_datasets_due_are_those_that_it_reads() -> None:
    graph = defs.resolve_asset_graph()
    made = {key.to_user_string() for key in datasets.selection.resolve(graph)}
    assert DATASET_INPUTS.keys() == made
    for name, sources in DATASET_INPUTS.items():
        assert {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys} == set(sources)


def test_labels_of_another_rule_than_that_of_the_settings_are_due(
    instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(instance, *DATASET_INPUTS)
    write_asset(open_lake(settings()), "viral_labels", apply_rule(items([{"likes": 3}]), settings().virality))
    assert not is_due(instance)
    monkeypatch.setenv("INSTAGRAM_ASSETS_VIRALITY__FRACTION", "0.1")
    settings.cache_clear()
    assert is_due(instance)
