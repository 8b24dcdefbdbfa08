"""What the UI starts and what the daemon looks at works on the shipped storages: backfills, sensors, freshness."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import pytest
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._daemon.backfill import execute_backfill_iteration
from dagster._daemon.freshness import FreshnessDaemon
from dagster._daemon.run_coordinator.queued_run_coordinator_daemon import QueuedRunCoordinatorDaemon
from dagster_graphql.test.utils import execute_dagster_graphql

from instagram_assets_tests.conftest import OpenHome
from instagram_assets_tests.dagster_instances import IN_THIS_PROCESS
from instagram_assets_tests.storage import event_log_chain as chain

LOGGER = logging.getLogger(__name__)
BACKFILL = """mutation Backfill($cells: [String!]!) {launchPartitionBackfill(backfillParams: {
  assetSelection: [{path: ["first"]}], partitionNames: $cells
}) {__typename ... on LaunchBackfillSuccess {backfillId} ... on PythonError {message stack}}}"""
BACKFILLED = """query Backfill($id: String!) {partitionBackfillOrError(backfillId: $id) {... on PartitionBackfill {
  status assetBackfillData {assetBackfillStatuses {... on AssetPartitionsStatusCounts {
    numPartitionsTargeted numPartitionsMaterialized numPartitionsFailed numPartitionsInProgress}}}}}}"""
LAUNCH = """mutation Launch($location: String!, $tags: [ExecutionTag!]!) {launchRun(executionParams: {
  selector: {jobName: "chain", repositoryName: "__repository__", repositoryLocationName: $location,
             assetSelection: [{path: ["first"]}, {path: ["second"]}]}
  executionMetadata: {tags: $tags}
}) {__typename ... on LaunchRunSuccess {run {runId}} ... on PythonError {message stack}}}"""
ASSET = """{assetNodeOrError(assetKey: {path: ["first"]}) {... on AssetNode {
  partitionStats {numMaterialized numFailed numMaterializing} freshnessStatusInfo {freshnessStatus}}}}"""


@pytest.fixture(params=["sqlite", "postgres"], scope="module")
def process(
    request: pytest.FixtureRequest, open_home: OpenHome, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[WorkspaceProcessContext]:
    """A home that is shipped, with the code location of the chain."""
    home = tmp_path_factory.mktemp("automation") / "home"
    with (
        open_home(request.param, home, more=IN_THIS_PROCESS, batch=1000) as instance,
        chain.workspace(instance) as opened,
    ):
        instance.add_dynamic_partitions("accounts", chain.ACCOUNTS)
        yield opened


def asked(process: WorkspaceProcessContext, query: str, **variables: Any) -> Mapping[str, Any]:
    answer = execute_dagster_graphql(process.create_request_context(), query, variables)
    assert not answer.errors
    return answer.data


def run_what_is_queued(process: WorkspaceProcessContext) -> Sequence[dg.DagsterRun]:
    daemon, waiting = (
        QueuedRunCoordinatorDaemon(interval_seconds=0),
        dg.RunsFilter(statuses=[dg.DagsterRunStatus.QUEUED]),
    )
    queued = process.instance.get_run_ids(waiting)
    while process.instance.get_run_ids(waiting):
        assert not any(daemon.run_iteration(process))
    return process.instance.get_runs(dg.RunsFilter(run_ids=queued)) if queued else []


@pytest.mark.filterwarnings("ignore:Function .AssetSelection.sources.:DeprecationWarning")  # Dagster calls it itself
def test_a_backfill_of_500_cells_from_the_page_of_an_asset_ends_and_counts_them(
    process: WorkspaceProcessContext,
) -> None:
    days = [str(day) for day in chain.days.get_partition_keys()[:125]]
    cells = [f"{account}|{day}" for account in chain.ACCOUNTS for day in days]
    started = asked(process, BACKFILL, cells=cells)["launchPartitionBackfill"]
    assert started["__typename"] == "LaunchBackfillSuccess", started
    runs: list[dg.DagsterRun] = []
    for _ in range(4):
        assert not any(execute_backfill_iteration(process, LOGGER))
        runs += run_what_is_queued(process)
    assert len(runs) == len(chain.ACCOUNTS)
    assert {run.status for run in runs} == {dg.DagsterRunStatus.SUCCESS}
    told = asked(process, BACKFILLED, id=started["backfillId"])["partitionBackfillOrError"]
    assert told["status"] == "COMPLETED_SUCCESS"
    assert told["assetBackfillData"]["assetBackfillStatuses"] == [
        {
            "numPartitionsTargeted": 500,
            "numPartitionsMaterialized": 500,
            "numPartitionsFailed": 0,
            "numPartitionsInProgress": 0,
        }
    ]
    page = asked(process, ASSET)["assetNodeOrError"]
    assert page["partitionStats"] == {"numMaterialized": 500, "numFailed": 0, "numMaterializing": 0}
    assert process.instance.get_materialized_partitions(dg.AssetKey("first")) == set(cells)


def test_one_cell_that_is_launched_is_made_alone(process: WorkspaceProcessContext) -> None:
    location = process.create_request_context().code_locations[0].name
    tags = [{"key": key, "value": value} for key, value in chain.of_cell("account3|2025-05-30").items()]
    launched = asked(process, LAUNCH, location=location, tags=tags)["launchRun"]
    assert launched["__typename"] == "LaunchRunSuccess", launched
    (run,) = run_what_is_queued(process)
    assert run.status == dg.DagsterRunStatus.SUCCESS
    assert process.instance.get_materialized_partitions(dg.AssetKey("second")) == {"account3|2025-05-30"}
    assert chain.states(process.instance, "first")["in progress"] == set()


def test_freshness_is_judged_by_the_newest_cell(process: WorkspaceProcessContext) -> None:
    list(FreshnessDaemon().run_iteration(process))
    assert asked(process, ASSET)["assetNodeOrError"]["freshnessStatusInfo"] == {"freshnessStatus": "HEALTHY"}


def test_sensors_are_told_of_the_runs_that_ended_and_of_the_assets_that_were_made(
    process: WorkspaceProcessContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    instance = process.instance
    ticks = {
        sensor: dg.build_sensor_context(instance=instance, cursor=evaluated(sensor, instance, None).cursor)
        for sensor in (chain.succeeded, chain.failed, chain.second_made)
    }
    well = chain.start(instance, tags=chain.of_cell(min(chain.CELLS)))
    chain.execute(instance, well)
    monkeypatch.setenv("CUT", "third:raise")
    badly = chain.start(instance)
    chain.execute(instance, badly)
    told = {
        sensor.name: [
            {key: value for key, value in request.tags.items() if not key.startswith("dagster/")}
            for request in (sensor.evaluate_tick(context).run_requests or [])
        ]
        for sensor, context in ticks.items()
    }
    assert told == {
        "succeeded": [{chain.ENDED: well.run_id}],
        "failed": [{chain.ENDED: badly.run_id, "steps": "third"}],
        "second_made": [{chain.ENDED: badly.run_id, "cell": newest_cell(instance, "second")}],
    }


def newest_cell(instance: dg.DagsterInstance, name: str) -> str | None:
    entry = instance.get_latest_materialization_event(dg.AssetKey(name))
    assert entry
    return entry.get_dagster_event().partition


def evaluated(sensor: Any, instance: dg.DagsterInstance, cursor: str | None) -> Any:
    return sensor.evaluate_tick(dg.build_sensor_context(instance=instance, cursor=cursor))
