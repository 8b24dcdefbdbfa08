"""What lies in the inbox is asked for until it has landed, never by two runs at once, and ever later."""

import json
import os
from collections.abc import Sequence
from pathlib import Path

import dagster as dg
import pytest
from dagster._core.definitions.repository_definition import SINGLETON_REPOSITORY_NAME
from dagster._core.remote_origin import RegisteredCodeLocationOrigin, RemoteJobOrigin, RemoteRepositoryOrigin

from instagram_assets.automation.dead_runs import PROCESS_TAG, this_process
from instagram_assets.automation.sensors import inbox_sensor
from instagram_assets.automation.shell_runs import run_job
from instagram_assets.definitions import defs
from instagram_assets_tests.automation.test_sensors import tick
from instagram_assets_tests.conftest import export, post

STATES_UNDER_WAY = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
# Dagster demands of a queued run that it can be found again.
_LOCATION = RegisteredCodeLocationOrigin("instagram_assets")
_ORIGIN = RemoteJobOrigin(RemoteRepositoryOrigin(_LOCATION, SINGLETON_REPOSITORY_NAME), "landing")


@pytest.fixture
def file(data_dir: Path) -> Path:
    return export(data_dir / "inbox" / "posts.json", [post(1)])


def launch(
    instance: dg.DagsterInstance,
    files: Sequence[str],
    status: dg.DagsterRunStatus = dg.DagsterRunStatus.STARTED,
    tags: dict[str, str] | None = None,
) -> dg.DagsterRun:
    """A landing run as the daemon makes it, in this state."""
    config = {"ops": {"landed": {"config": {"files": list(files)}}}}
    job = defs.resolve_job_def("landing")
    return instance.create_run_for_job(
        job, run_config=config, status=status, tags=tags or {}, remote_job_origin=_ORIGIN
    )


def later(cursor: str | None, seconds: float) -> str:
    """The cursor as it is so many seconds after its tick."""
    return json.dumps(
        {name: [mark, times, at - seconds] for name, (mark, times, at) in json.loads(cursor or "").items()}
    )


def waits(instance: dg.DagsterInstance, cursor: str | None, seconds: float) -> bool:
    return not tick(inbox_sensor, instance, later(cursor, seconds))[0]


def test_a_file_whose_run_failed_is_asked_for_again_and_lands(
    instance: dg.DagsterInstance, data_dir: Path, file: Path
) -> None:
    [first], cursor = tick(inbox_sensor, instance, None)
    run = launch(instance, [file.name], tags={"dagster/run_key": first.run_key or ""})
    instance.report_run_failed(run)
    [second], _ = tick(inbox_sensor, instance, later(cursor, 31))
    assert second.run_key != first.run_key  # else Dagster starts none
    run_job(instance, "landing", config=dict(second.run_config))
    assert os.listdir(data_dir / "inbox") == ["done"]


def test_a_file_whose_run_was_cancelled_is_asked_for_again(instance: dg.DagsterInstance, file: Path) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    instance.report_run_canceled(launch(instance, [file.name]))
    assert len(tick(inbox_sensor, instance, later(cursor, 31))[0]) == 1


def test_a_file_whose_run_was_deleted_is_asked_for_again(instance: dg.DagsterInstance, file: Path) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    instance.delete_run(launch(instance, [file.name]).run_id)
    assert len(tick(inbox_sensor, instance, later(cursor, 31))[0]) == 1


def test_a_file_whose_run_was_never_made_is_asked_for_again(instance: dg.DagsterInstance, file: Path) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    assert len(tick(inbox_sensor, instance, later(cursor, 31))[0]) == 1


@pytest.mark.parametrize("status", STATES_UNDER_WAY)
def test_no_second_run_is_asked_for_while_one_waits_or_goes_on(
    instance: dg.DagsterInstance, file: Path, status: dg.DagsterRunStatus
) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    launch(instance, [file.name], status)
    assert waits(instance, cursor, 86_400)
    assert tick(inbox_sensor, instance, None)[0] == []  # nor when the cursor is lost


def test_while_one_file_lands_another_is_asked_for(instance: dg.DagsterInstance, data_dir: Path, file: Path) -> None:
    launch(instance, [file.name])
    export(data_dir / "inbox" / "more.json", [post(2)])
    [request], _ = tick(inbox_sensor, instance, None)
    assert request.run_config["ops"]["landed"]["config"]["files"] == ["more.json"]


def test_a_run_over_all_that_lies_in_the_inbox_is_waited_for(instance: dg.DagsterInstance, file: Path) -> None:
    run = launch(instance, [])
    assert tick(inbox_sensor, instance, None)[0] == []
    instance.report_run_failed(run)
    assert len(tick(inbox_sensor, instance, None)[0]) == 1


def test_a_run_whose_shell_was_killed_holds_nothing_up(instance: dg.DagsterInstance, file: Path) -> None:
    host, number, _ = this_process().split(":")
    run = launch(instance, [], tags={PROCESS_TAG: f"{host}:{number}:an earlier one"})
    assert len(tick(inbox_sensor, instance, None)[0]) == 1
    dead = instance.get_run_by_id(run.run_id)
    assert dead
    assert dead.status == dg.DagsterRunStatus.FAILURE


def test_a_file_that_never_lands_is_asked_for_ever_later_and_that_is_said(
    instance: dg.DagsterInstance, file: Path
) -> None:
    cursor, waited = None, list[float]()
    for _ in range(10):
        [_], cursor = tick(inbox_sensor, instance, cursor)
        wait = next(
            seconds for seconds in (30, 60, 120, 240, 480, 960, 1920, 3600) if not waits(instance, cursor, seconds)
        )
        assert waits(instance, cursor, wait - 5)
        waited.append(wait)
        context = dg.build_sensor_context(instance=instance, definitions=defs, cursor=cursor)
        result = inbox_sensor(context)
        assert isinstance(result, dg.SkipReason)
        assert "posts.json was asked for" in (result.skip_message or "")
        cursor = later(cursor, wait)
    assert waited == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]


def test_a_changed_file_is_asked_for_at_once(instance: dg.DagsterInstance, file: Path) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    assert tick(inbox_sensor, instance, cursor)[0] == []
    export(file, [post(1), post(2)])
    assert len(tick(inbox_sensor, instance, cursor)[0]) == 1


@pytest.mark.parametrize("cursor", ["", "no json", "[1]", '{"posts.json": 5}', '{"posts.json": ["x"]}'])
def test_a_lost_cursor_asks_anew(instance: dg.DagsterInstance, file: Path, cursor: str) -> None:
    assert len(tick(inbox_sensor, instance, cursor)[0]) == 1


def test_a_file_that_waits_for_ever_by_an_older_cursor_is_asked_for(instance: dg.DagsterInstance, file: Path) -> None:
    from instagram_assets.ingest.inbox import entry_fingerprint

    assert len(tick(inbox_sensor, instance, json.dumps({file.name: entry_fingerprint(file)}))[0]) == 1


def test_a_clock_that_was_set_back_holds_nothing_up(instance: dg.DagsterInstance, file: Path) -> None:
    _, cursor = tick(inbox_sensor, instance, None)
    assert not waits(instance, cursor, -86_400)


def test_the_same_bytes_under_a_second_name_are_told(data_dir: Path, file: Path) -> None:
    from instagram_assets.ingest.inbox import land_files
    from instagram_assets.settings import settings
    from instagram_assets.storage.lake import open_lake

    (data_dir / "inbox" / "x.json").write_bytes(file.read_bytes())
    assert land_files([], open_lake(settings()), settings()).folders == [
        "x.json: the very same as posts.json, which has landed"
    ]


def test_an_error_that_is_worded_otherwise_each_time_is_no_other_file(
    instance: dg.DagsterInstance, data_dir: Path, file: Path
) -> None:
    layout = data_dir / "lake" / "_layout.json"
    layout.parent.mkdir(parents=True, exist_ok=True)
    cursor, asked = None, list[int]()
    for length in range(4):
        layout.write_text("[" + " " * length)  # what is damaged is told with its place
        requests, cursor = tick(inbox_sensor, instance, cursor)
        asked.append(len(requests))
    assert asked == [1, 0, 0, 0]
