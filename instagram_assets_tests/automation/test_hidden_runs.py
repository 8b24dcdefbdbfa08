"""Runs that are hidden leave the history, and Dagster keeps all that it knows of them."""

from collections.abc import Mapping

import dagster as dg
import pytest

from instagram_assets.automation.hidden_runs import ended_runs, hide_runs
from instagram_assets.run_tags import FOLDER, HIDDEN, HISTORY, SHOWN

BOTH = pytest.mark.parametrize("instance", ["sqlite", "postgres"], indirect=True)
SHOWN_TAGS = {HISTORY: SHOWN}


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
    assert instance.get_run_ids(dg.RunsFilter(tags={HISTORY: HIDDEN})) == [hidden]
    after = instance.get_run_by_id(hidden)
    assert before
    assert after == before.with_tags({**before.tags, HISTORY: HIDDEN})
    assert hide_runs(instance, [hidden]) == 0


@BOTH
@pytest.mark.parametrize("status", [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTED])
def test_a_run_that_waits_or_goes_on_stays(instance: dg.DagsterInstance, status: dg.DagsterRunStatus) -> None:
    going = run(instance, status)
    assert hide_runs(instance, [going]) == 0
    assert shown(instance) == {going}


@BOTH
def test_ended_runs_are_told_with_their_folders(instance: dg.DagsterInstance) -> None:
    with_folder, without = run(instance, tags={FOLDER: "cats"}), run(instance, dg.DagsterRunStatus.FAILURE)
    run(instance, dg.DagsterRunStatus.STARTED)
    hide_runs(instance, [run(instance)])
    assert ended_runs(instance) == {with_folder: "cats", without: ""}


def test_more_runs_than_go_at_once(instance: dg.DagsterInstance) -> None:
    made = [run(instance) for _ in range(1_001)]
    assert hide_runs(instance, made) == len(made)
    assert shown(instance) == set()


def test_a_run_that_is_not_of_the_history_or_not_there_is_left_alone(instance: dg.DagsterInstance) -> None:
    other = run(instance, tags={HISTORY: "other"})
    assert hide_runs(instance, [other, "none"]) == 0
    assert hide_runs(instance, []) == 0
    found = instance.get_run_by_id(other)
    assert found
    assert found.tags[HISTORY] == "other"
