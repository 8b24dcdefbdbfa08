"""Runs whose process died are closed when the next one begins, and hold nothing."""

import json
import socket
import tempfile
from pathlib import Path
from socket import gethostname

import dagster as dg
from dagster._core.storage.tags import TagType, get_tag_type

from instagram_assets.automation.dead_runs import PROCESS_TAG, close_dead_runs, sockets_folder, this_process
from instagram_assets.automation.run_states import COMMAND_TAG
from instagram_assets.definitions import defs
from instagram_assets.partitions import PLAN

STARTED = dg.DagsterRunStatus.STARTED


def started(instance: dg.DagsterInstance, process: str) -> str:
    run = instance.create_run_for_job(defs.resolve_job_def("landing"), tags={PROCESS_TAG: process}, status=STARTED)
    return run.run_id


def test_a_dead_run_is_closed_and_frees_its_slot_and_a_living_one_goes_on(instance: dg.DagsterInstance) -> None:
    host, number, start = this_process().split(":")
    dead = started(instance, f"{host}:{number}:{int(start) - 1}")
    gone = started(instance, f"{host}:4194304:1")
    living = started(instance, this_process())
    elsewhere = started(instance, f"another-{host}:4194304:1")
    storage = instance.event_log_storage
    storage.initialize_concurrency_limit_to_default("downloads")
    assert storage.claim_concurrency_slot("downloads", dead, "images").is_claimed
    assert not storage.claim_concurrency_slot("downloads", living, "images").is_claimed
    assert close_dead_runs(instance) == 2
    assert {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[STARTED]))} == {living, elsewhere}
    assert storage.claim_concurrency_slot("downloads", living, "images").is_claimed
    closed = instance.get_run_by_id(gone)
    assert closed
    assert closed.status == dg.DagsterRunStatus.FAILURE


def test_a_run_whose_process_died_while_it_was_cancelled_becomes_cancelled(instance: dg.DagsterInstance) -> None:
    run = instance.create_run_for_job(
        defs.resolve_job_def("landing"),
        tags={PROCESS_TAG: f"{gethostname()}:4194304:1"},
        status=dg.DagsterRunStatus.CANCELING,
    )
    assert close_dead_runs(instance) == 1
    closed = instance.get_run_by_id(run.run_id)
    assert closed
    assert closed.status == dg.DagsterRunStatus.CANCELED


def test_what_the_ui_runs_again_of_a_command_that_has_ended_goes_on(instance: dg.DagsterInstance) -> None:
    ended = started(instance, f"{gethostname()}:4194304:1")
    tags = {PROCESS_TAG: f"{gethostname()}:4194304:1"}
    again = instance.create_run_for_job(
        defs.resolve_job_def("landing"), tags=tags, status=STARTED, parent_run_id=ended, root_run_id=ended
    )
    assert close_dead_runs(instance) == 1
    assert [run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[STARTED]))] == [again.run_id]


def test_tags_of_a_command_that_nobody_reads_are_hidden_in_the_ui() -> None:
    assert {get_tag_type(tag) for tag in (PROCESS_TAG, COMMAND_TAG, PLAN)} == {TagType.HIDDEN}


def test_a_run_that_dev_launched_is_closed_once_its_code_server_is_gone(instance: dg.DagsterInstance) -> None:
    def launched(path: Path) -> str:
        tags = {".dagster/grpc_info": json.dumps({"host": "localhost", "socket": str(path)})}
        return instance.create_run_for_job(defs.resolve_job_def("landing"), tags=tags, status=STARTED).run_id

    with (
        tempfile.TemporaryDirectory(prefix=sockets_folder()) as ours,
        tempfile.TemporaryDirectory() as others,
        socket.socket(socket.AF_UNIX) as server,
        socket.socket(socket.AF_UNIX) as killed,
    ):
        server.bind(f"{ours}/living.sock")
        server.listen()
        killed.bind(f"{ours}/killed.sock")
        living, dead, gone = (launched(Path(ours, f"{name}.sock")) for name in ("living", "killed", "gone"))
        elsewhere = launched(Path(others, "gone.sock"))
        assert close_dead_runs(instance) == 2
    assert {run.run_id for run in instance.get_runs(dg.RunsFilter(statuses=[STARTED]))} == {living, elsewhere}
    failed = instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.FAILURE]))
    assert {run.run_id for run in failed} == {dead, gone}


def test_nothing_is_closed_where_nothing_died(instance: dg.DagsterInstance, data_dir: Path) -> None:
    assert close_dead_runs(instance) == 0
