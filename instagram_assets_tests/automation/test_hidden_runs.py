"""Runs that are hidden leave the history, and Dagster keeps all that it knows of them."""

from collections.abc import Mapping

import dagster as dg
import pytest
import sqlalchemy as sa
from dagster._core.storage.runs.schema import RunsTable, RunTagsTable
from dagster._serdes import serialize_value

from instagram_assets.automation.hidden_runs import ended_runs, hide_runs, sql_storage
from instagram_assets.partitions import FOLDER_TAG, HISTORY_TAG, SHOWN_IN_HISTORY

BOTH = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)
SHOWN_TAGS = {HISTORY_TAG: SHOWN_IN_HISTORY}


def run(
    instance: dg.DagsterInstance,
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.SUCCESS,
    tags: Mapping[str, str] = {},
) -> str:
    made = dg.DagsterRun(job_name="search", status=status, tags={**SHOWN_TAGS, "이름": "고양이 'x' \\", **tags})
    return instance.add_run(made).run_id


def shown(instance: dg.DagsterInstance) -> set[str]:
    return set(instance.get_run_ids(dg.RunsFilter(tags=SHOWN_TAGS)))


@BOTH
def test_a_hidden_run_is_found_no_more_and_keeps_everything_else(instance: dg.DagsterInstance) -> None:
    hidden, kept = run(instance), run(instance)
    before = instance.get_run_by_id(hidden)
    assert hide_runs(instance, [hidden]) == 1
    assert shown(instance) == {kept}
    after = instance.get_run_by_id(hidden)
    assert before
    assert after == before.with_tags({name: tag for name, tag in before.tags.items() if name != HISTORY_TAG})
    assert hide_runs(instance, [hidden]) == 0


@BOTH
@pytest.mark.parametrize("half", ["row", "body"])
def test_hiding_again_mends_a_run_of_which_only_half_is_hidden(instance: dg.DagsterInstance, half: str) -> None:
    """Dagster reads a run before the transaction in which it adds tags, and writes all of them."""
    made = run(instance)
    with sql_storage(instance).connect() as connection:
        if half == "row":
            connection.execute(sa.delete(RunTagsTable).where(RunTagsTable.c.key == HISTORY_TAG))
        else:
            shown_run = instance.get_run_by_id(made)
            assert shown_run
            body = serialize_value(shown_run.with_tags({}))
            connection.execute(sa.update(RunsTable).values(run_body=body))
    assert hide_runs(instance, [made]) == 1
    assert shown(instance) == set()
    found = instance.get_run_by_id(made)
    assert found
    assert HISTORY_TAG not in found.tags
    assert hide_runs(instance, [made]) == 0


@BOTH
@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_that_waits_or_goes_on_stays(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    going = run(instance, status)
    assert hide_runs(instance, [going]) == 0
    assert shown(instance) == {going}


@BOTH
def test_ended_runs_are_told_with_their_folders(instance: dg.DagsterInstance) -> None:
    with_folder, without = run(instance, tags={FOLDER_TAG: "cats"}), run(instance, dg.DagsterRunStatus.FAILURE)
    run(instance, dg.DagsterRunStatus.STARTED)
    hide_runs(instance, [run(instance)])
    assert ended_runs(instance) == {with_folder: "cats", without: ""}


def test_more_runs_than_go_at_once(instance: dg.DagsterInstance) -> None:
    made = [run(instance) for _ in range(1_001)]
    assert hide_runs(instance, made) == len(made)
    assert shown(instance) == set()


def test_a_run_that_is_not_of_the_history_or_not_there_is_left_alone(instance: dg.DagsterInstance) -> None:
    other = run(instance, tags={HISTORY_TAG: "other"})
    assert hide_runs(instance, [other, "none"]) == 0
    assert hide_runs(instance, []) == 0
    found = instance.get_run_by_id(other)
    assert found
    assert found.tags[HISTORY_TAG] == "other"
