"""Jobs of an earlier dashboard stand in the history once, each as it was, older than all that Dagster ran itself."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from instagram_assets.automation.hidden_runs import ended_runs, hide_runs
from instagram_assets.automation.imported_jobs import import_jobs, run_id_of
from instagram_assets.ingest.dashboard_jobs import DashboardJob
from instagram_assets.partitions import (
    ERROR_TAG,
    HISTORY_TAG,
    IMPORTED_TAG,
    KEPT_TAG,
    LIMIT_TAG,
    OUT_DIR_TAG,
    QUERY_TAG,
    SHOWN_IN_HISTORY,
)

BOTH = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)
BEGAN = datetime(2025, 3, 1, tzinfo=UTC)


def job(number: int, status: str = "done", error: str = "", log: str = "총 3장 저장됨") -> DashboardJob:
    begun = BEGAN + timedelta(hours=number)
    ended = begun + timedelta(minutes=5)
    return DashboardJob(f"id{number}", f"고양이 {number}", 50, f"out/{number}", status, 3, error, log, begun, ended)


def shown(instance: dg.DagsterInstance) -> list[str]:
    """The ids of the history, the newest first."""
    return list(instance.get_run_ids(dg.RunsFilter(tags={HISTORY_TAG: SHOWN_IN_HISTORY})))


@BOTH
def test_a_job_is_in_the_history_as_it_was(instance: dg.DagsterInstance) -> None:
    failed = job(1, "failed", "no images")
    assert import_jobs(instance, [failed]) == 1
    (record,) = instance.get_run_records(dg.RunsFilter(run_ids=[run_id_of(failed)]))
    run = record.dagster_run
    assert run.status is dg.DagsterRunStatus.FAILURE
    told = {
        HISTORY_TAG: SHOWN_IN_HISTORY,
        IMPORTED_TAG: "id1",
        QUERY_TAG: "고양이 1",
        LIMIT_TAG: "50",
        KEPT_TAG: "3",
        OUT_DIR_TAG: "out/1",
    }
    assert run.tags == told | {ERROR_TAG: "no images"}
    assert (record.start_time, record.end_time) == (failed.started_at.timestamp(), failed.finished_at.timestamp())  # pyright: ignore
    assert record.create_timestamp == failed.started_at
    (line,) = instance.get_records_for_run(run.run_id).records
    assert line.event_log_entry.user_message == failed.log


@BOTH
def test_imported_jobs_are_older_than_what_is_there_and_in_the_order_of_their_times(
    instance: dg.DagsterInstance,
) -> None:
    own = instance.add_run(dg.DagsterRun(job_name="search", tags={HISTORY_TAG: SHOWN_IN_HISTORY})).run_id
    import_jobs(instance, [job(2), job(3), job(1)])
    import_jobs(instance, [job(0)])
    later = instance.add_run(dg.DagsterRun(job_name="search", tags={HISTORY_TAG: SHOWN_IN_HISTORY})).run_id
    assert shown(instance) == [later, own, *(run_id_of(job(number)) for number in (3, 2, 1, 0))]


@BOTH
def test_a_second_import_adds_nothing_and_brings_nothing_back(instance: dg.DagsterInstance) -> None:
    import_jobs(instance, [job(1), job(2)])
    hide_runs(instance, [run_id_of(job(1))])
    assert import_jobs(instance, [job(1), job(2), job(3)]) == 1
    assert shown(instance) == [run_id_of(job(2)), run_id_of(job(3))]
    assert len(instance.get_records_for_run(run_id_of(job(2))).records) == 1


@BOTH
def test_imports_at_the_same_time_add_each_job_once(instance: dg.DagsterInstance) -> None:
    every = [job(number, log="") for number in range(20)]
    with ThreadPoolExecutor(4) as pool:
        added = list(pool.map(lambda _: import_jobs(instance, every), range(4)))
    assert sum(added) == 20
    assert shown(instance) == [run_id_of(each) for each in reversed(every)]


def test_what_is_not_known_is_not_there(instance: dg.DagsterInstance) -> None:
    bare = DashboardJob("x", "cats", None, "", "cancelled", None, "", "", None, None)
    import_jobs(instance, [bare])
    (record,) = instance.get_run_records(dg.RunsFilter(run_ids=[run_id_of(bare)]))
    assert (record.start_time, record.end_time) == (None, None)
    assert record.dagster_run.tags == {HISTORY_TAG: SHOWN_IN_HISTORY, IMPORTED_TAG: "x", QUERY_TAG: "cats"}
    assert not instance.get_records_for_run(run_id_of(bare)).records
    assert ended_runs(instance) == {run_id_of(bare): ""}
