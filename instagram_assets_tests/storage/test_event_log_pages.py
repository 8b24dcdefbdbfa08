"""What the Dagster UI asks about partitions and runs is answered as with stock storage, from SQLite and PostgreSQL."""

from collections.abc import Iterator
from typing import Any

import dagster as dg
import pytest
from dagster_graphql.test.utils import execute_dagster_graphql

from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.storage import event_log_chain as chain

OURS = ("sqlite", "postgres")
PLANNED = "AssetMaterializationPlannedEvent"
CELLS = sorted(chain.WITH_ROWS)[:2]
ASKED_FOR = (CELLS[0], "account0|2025-01-05", "account1|2025-01-05", "account3|2025-01-06")
"""Cells made again, made once, failed in a box, and failed alone."""
OF_CELLS = "".join(
    f"""
    run{number}: latestRunForPartition(partition: "{cell}") {{runId status}}
    stale{number}: staleStatus(partition: "{cell}")
    causes{number}: staleCauses(partition: "{cell}") {{category reason}}"""
    for number, cell in enumerate(ASKED_FOR)
)
PAGE = """query Page($asset: [String!]!, $cells: [String!]!) {
  assetNodeOrError(assetKey: {path: $asset}) {... on AssetNode {
    partitionStats {numMaterialized numPartitions numFailed numMaterializing}
    assetPartitionStatuses {__typename ... on MultiPartitionStatuses {
      primaryDimensionName
      ranges {primaryDimStartKey primaryDimEndKey secondaryDim {... on DefaultPartitionStatuses {
        materializedPartitions failedPartitions materializingPartitions unmaterializedPartitions}}}}}
    latestMaterializationByPartition(partitions: $cells) {
      partition runId tags {key} metadataEntries {label ... on IntMetadataEntry {intValue}}}
    OF_CELLS
    assetMaterializations(limit: 500) {partition runId metadataEntries {label ... on IntMetadataEntry {intValue}}}
    dependencyKeys {path}
    dependedByKeys {path}
    assetChecksOrError {... on AssetChecks {checks {name executionForLatestMaterialization {
      runId status evaluation {success targetMaterialization {runId} metadataEntries {label}}}}}}
  }}
}""".replace("OF_CELLS", OF_CELLS)
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
def answers(open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, dict[str, Any]]]:
    """What is answered on stock storage and on ours after the same four runs: whole, failed, one cell, part again."""
    with pytest.MonkeyPatch.context() as patch:
        found: dict[str, dict[str, Any]] = {}
        for kind in ("stock", *OURS):
            with open_home(kind, tmp_path_factory.mktemp(kind) / "home") as instance:
                found[kind] = asked(instance, patch)
        yield found


def asked(instance: dg.DagsterInstance, patch: pytest.MonkeyPatch) -> dict[str, Any]:
    names: dict[str, str] = {}

    def run(name: str, first: str, last: str) -> None:
        tags = {"dagster/asset_partition_range_start": first, "dagster/asset_partition_range_end": last}
        begun = chain.start(instance, tags=tags)
        names[begun.run_id] = name
        chain.execute(instance, begun)

    patch.delenv("CUT", raising=False)
    run("whole", "account0|2025-01-01", "account2|2025-01-06")
    patch.setenv("CUT", "third:raise")
    run("failed", "account1|2025-01-02", "account3|2025-01-05")
    patch.setenv("CUT", "second:raise")
    run("one cell", "account3|2025-01-06", "account3|2025-01-06")
    patch.delenv("CUT")
    run("again", "account1|2025-01-01", "account1|2025-01-03")
    with chain.workspace(instance) as process:
        context = process.create_request_context()
        pages = {
            name: execute_dagster_graphql(context, PAGE, {"asset": [name], "cells": CELLS}).data["assetNodeOrError"]
            for name in chain.NAMES
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
    """What a page shows of an asset, without the tags of input versions, which a cell of a box does not have."""
    cells = [
        cell and {**cell, "tags": sorted(tag["key"] for tag in cell["tags"] if tag["key"].startswith("dagster/part"))}
        for cell in page["latestMaterializationByPartition"]
    ]
    return {**page, "latestMaterializationByPartition": cells}


@pytest.mark.parametrize("kind", OURS)
def test_the_pages_of_an_asset_show_what_stock_storage_has_them_show(
    answers: dict[str, dict[str, Any]], kind: str
) -> None:
    for asked_for, stock in answers["stock"]["pages"].items():
        ours, theirs = without_versions(answers[kind]["pages"][asked_for]), without_versions(stock)
        for field, answer in theirs.items():
            assert ours[field] == answer, (asked_for, field)


def test_the_pages_that_are_compared_have_something_of_everything(answers: dict[str, dict[str, Any]]) -> None:
    """States, rows of partitions, lineage and checks, so that the comparison says something."""
    pages = answers["stock"]["pages"]
    third = pages["third"]
    assert third["partitionStats"] == {
        "numMaterialized": 12,
        "numPartitions": len(chain.ACCOUNTS) * 151,
        "numFailed": 11,
        "numMaterializing": 0,
    }
    rows = [{"label": "dagster/partition_row_count", "intValue": number} for number in range(18)]
    assert rows[5] in [entry for each in third["assetMaterializations"] for entry in each["metadataEntries"]]
    assert [key["path"] for key in third["dependencyKeys"]] == [["second"]]
    assert [third[f"run{number}"]["runId"] for number in range(4)] == ["again", "whole", "failed", "one cell"]
    assert {cause["category"] for page in pages.values() for cause in page["causes1"] + page["causes2"]}
    check = third["assetChecksOrError"]["checks"][0]["executionForLatestMaterialization"]
    assert check["evaluation"]["targetMaterialization"] == {"runId": "again"}


@pytest.mark.parametrize("kind", OURS)
def test_the_page_of_a_run_shows_each_asset_once_and_all_else(answers: dict[str, dict[str, Any]], kind: str) -> None:
    for name, theirs in answers["stock"]["runs"].items():
        ours = answers[kind]["runs"][name]
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


@pytest.mark.parametrize("kind", OURS)
def test_the_log_of_a_box_says_how_many_partitions_and_rows_were_made(
    answers: dict[str, dict[str, Any]], kind: str
) -> None:
    events = answers[kind]["runs"]["whole"]["logsForRun"]["events"]
    made = [event for event in events if event["__typename"] == "MaterializationEvent"]
    assert [event["message"] for event in made] == [f"Materialized 18 partitions of {name}." for name in chain.NAMES]
    cells = {"label": "partitions", "intValue": 18}
    rows = {"label": "rows", "intValue": sum(range(18))}
    assert [event["metadataEntries"] for event in made] == [[cells], [cells], [cells, rows]]
    assert [event["partition"] for event in made] == [None] * 3
