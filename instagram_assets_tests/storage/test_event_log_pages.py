"""What the Dagster UI asks about partitions and runs is answered as with stock storage."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.test_utils import in_process_test_workspace
from dagster._core.types.loadable_target_origin import LoadableTargetOrigin
from dagster_graphql.test.utils import execute_dagster_graphql

from instagram_assets_tests.storage import event_log_failures as chain

DEPLOYED = Path(__file__).parents[2] / "deploy" / "sqlite" / "dagster.yaml"
PLANNED = "AssetMaterializationPlannedEvent"
CELLS = sorted(chain.WITH_ROWS)[:2]
PAGE = """query Page($asset: [String!]!, $cells: [String!]!, $cell: String!) {
  assetNodeOrError(assetKey: {path: $asset}) {... on AssetNode {
    partitionStats {numMaterialized numPartitions numFailed numMaterializing}
    assetPartitionStatuses {__typename ... on MultiPartitionStatuses {
      primaryDimensionName
      ranges {primaryDimStartKey primaryDimEndKey secondaryDim {... on DefaultPartitionStatuses {
        materializedPartitions failedPartitions materializingPartitions unmaterializedPartitions}}}}}
    latestMaterializationByPartition(partitions: $cells) {partition runId metadataEntries {label} tags {key}}
    latestRunForPartition(partition: $cell) {runId status}
    staleStatus(partition: $cell)
    staleCauses(partition: $cell) {category reason}
    assetMaterializations(limit: 500) {partition runId}
  }}
}"""
RUN = """query Run($run: ID!) {
  logsForRun(runId: $run) {__typename ... on EventConnection {hasMore events {
    __typename
    ... on MessageEvent {message stepKey}
    ... on MaterializationEvent {partition assetKey {path} metadataEntries {label ... on IntMetadataEntry {intValue}}}
    ... on AssetMaterializationPlannedEvent {assetKey {path}}}}}
  runOrError(runId: $run) {... on Run {
    status
    assets {key {path}}
    stats {... on RunStatsSnapshot {materializations stepsSucceeded stepsFailed}}
    stepStats {stepKey status}}}
}"""


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What is answered on stock storage and on ours after the same four runs: whole, part again, one cell, failed."""
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        found: dict[str, dict[str, Any]] = {}
        for kind in ("stock", "ours"):
            home = tmp_path_factory.mktemp(kind)
            (home / "dagster.yaml").write_text("telemetry: {enabled: false}")
            if kind == "ours":
                shutil.copy(DEPLOYED, home)
            patch.setenv("DAGSTER_HOME", str(home))
            patch.setenv("FILES", str(home / "files"))
            patch.setenv("DAGSTER_EVENT_BATCH_SIZE", "15")
            found[kind] = asked(stack.enter_context(dg.DagsterInstance.from_config(str(home))), patch)
        yield found


def asked(instance: dg.DagsterInstance, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    names: dict[str, str] = {}

    def run(name: str, first: str, last: str) -> None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        begun = chain.start(instance, tags=tags)
        names[begun.run_id] = name
        chain.execute(instance, begun)

    patch.delenv("CUT", raising=False)
    run("whole", "account0|2025-01-01", "account2|2025-01-10")
    run("again", "account1|2025-01-01", "account1|2025-01-03")
    patch.setenv("CUT", "third:raise")
    run("failed", "account1|2025-01-02", "account3|2025-01-09")
    patch.setenv("CUT", "second:raise")
    run("one cell", "account3|2025-01-10", "account3|2025-01-10")
    origin = LoadableTargetOrigin(
        module_name="instagram_assets_tests.storage.event_log_failures", attribute="definitions"
    )
    with in_process_test_workspace(instance, origin) as context:
        pages = {
            (name, cell): execute_dagster_graphql(context, PAGE, {"asset": [name], "cells": CELLS, "cell": cell}).data
            for name in chain.NAMES
            for cell in (CELLS[0], "account0|2025-01-05", "account1|2025-01-05", "account3|2025-01-10")
        }
        runs = {name: execute_dagster_graphql(context, RUN, {"run": run_id}).data for run_id, name in names.items()}
    return {"pages": named(pages, names), "runs": runs}


def named(value: Any, names: dict[str, str]) -> Any:
    """Answers with the names of runs in the place of their ids."""
    if isinstance(value, dict):
        return {key: named(each, names) for key, each in value.items()}
    if isinstance(value, list):
        return [named(each, names) for each in value]
    return names.get(value, value) if isinstance(value, str) else value


def without_versions(page: dict[str, Any]) -> dict[str, Any]:
    """A page without the tags of input versions, which a cell of a box does not have."""
    for cell in page["assetNodeOrError"]["latestMaterializationByPartition"]:
        if cell:
            cell["tags"] = sorted(tag["key"] for tag in cell["tags"] if tag["key"].startswith("dagster/partition"))
    return page


def test_the_pages_of_an_asset_show_what_stock_storage_has_them_show(answers: dict[str, dict[str, Any]]) -> None:
    for asked_for, theirs in answers["stock"]["pages"].items():
        ours = without_versions(answers["ours"]["pages"][asked_for])["assetNodeOrError"]
        for field, answer in without_versions(theirs)["assetNodeOrError"].items():
            assert ours[field] == answer, (asked_for, field)


def test_the_page_of_a_run_shows_each_asset_once_and_all_else(answers: dict[str, dict[str, Any]]) -> None:
    for name, theirs in answers["stock"]["runs"].items():
        ours = answers["ours"]["runs"][name]
        assert ours["runOrError"] == theirs["runOrError"], name
        mine, stock = (events_of(run) for run in (ours, theirs))
        assert mine["rest"] == stock["rest"], name
        assert mine["assets"] == stock["assets"], name


def events_of(run: dict[str, Any]) -> dict[str, Any]:
    events = run["logsForRun"]["events"]
    of_cells = [event for event in events if event["__typename"] in ("MaterializationEvent", PLANNED)]
    return {
        "rest": [event["__typename"] for event in events if event not in of_cells],
        "assets": {(event["__typename"], *event["assetKey"]["path"]) for event in of_cells},
    }


def test_the_log_of_a_box_says_how_many_partitions_were_made(answers: dict[str, dict[str, Any]]) -> None:
    events = answers["ours"]["runs"]["whole"]["logsForRun"]["events"]
    made = [event for event in events if event["__typename"] == "MaterializationEvent"]
    assert [event["message"] for event in made] == [f"Materialized 30 partitions of {name}." for name in chain.NAMES]
    assert [event["metadataEntries"] for event in made] == [[{"label": "partitions", "intValue": 30}]] * 3
    assert [event["partition"] for event in made] == [None] * 3
