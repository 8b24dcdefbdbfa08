"""Detects runs whose process died and marks them as failed, so that they do not block other runs."""

import hashlib
import json
import os
import socket
from collections.abc import Mapping
from pathlib import Path
from socket import gethostname

import dagster as dg
from dagster._core.storage.tags import GRPC_INFO_TAG

PROCESS_TAG = ".dagster/instagram_assets_process"
"""Hidden tag of a run started by a command: the process that executes it."""
_WITH_PROCESS = [
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]
"""Statuses of runs that can have a process, including those being cancelled."""
_WITHOUT_PROCESS = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.MANAGED]


def this_process() -> str:
    """Unique name of this process: host, process id and start time (since process ids are reused)."""
    return f"{gethostname()}:{os.getpid()}:{_start_of(os.getpid())}"


def sockets_folder() -> str:
    """Name prefix of the temporary folders with the sockets of this machine's code servers."""
    return f"instagram_assets-{hashlib.blake2b(gethostname().encode(), digest_size=4).hexdigest()}-"


def close_dead_runs(instance: dg.DagsterInstance, *, of_shells: bool = False) -> int:
    """Mark runs whose process on this machine died as failed, and free their pool slots; returns their number.

    A run that was being cancelled is marked as cancelled. A run that a command started is dead if the command's process
    has ended. A run that `dev` launched is dead if its code server has ended; with `of_shells` these runs are not
    checked. Dagster itself would count dead runs as running for hours, and would not start others.
    """
    closed = 0
    for run in _open_runs(instance):
        if not (_process_is_gone(run) or (not of_shells and _code_server_is_gone(run.tags))):
            continue
        # It may have ended normally just before its process was checked.
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            continue
        message = "The process of this run ended unexpectedly; run it again."
        if now.status == dg.DagsterRunStatus.CANCELING:
            instance.report_run_canceled(now, message)
        else:
            instance.report_run_failed(now, message)
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        closed += 1
    return closed


def close_restored_runs(instance: dg.DagsterInstance) -> int:
    """Mark all unfinished runs in a restored copy of Dagster's database as failed; returns their number.

    They were running when the backup was made, and do not continue in the restored copy.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=[*_WITH_PROCESS, *_WITHOUT_PROCESS]))
    for run in runs:
        instance.report_run_failed(run, "This run had not ended when the backup was made; run it again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(runs)


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that Dagster lists as running although their process on this machine has died."""
    return [run for run in _open_runs(instance) if _process_is_gone(run) or _code_server_is_gone(run.tags)]


def _open_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(statuses=_WITH_PROCESS)))


def _process_is_gone(run: dg.DagsterRun) -> bool:
    if run.parent_run_id:  # a re-execution, which has its parent's tags and a process of its own
        return False
    host, _, rest = run.tags.get(PROCESS_TAG, "").partition(":")
    number, _, start = rest.partition(":")
    return host == gethostname() and number.isdecimal() and _start_of(int(number)) != start


def _code_server_is_gone(tags: Mapping[str, str]) -> bool:
    path = Path(json.loads(tags.get(GRPC_INFO_TAG, "{}")).get("socket", ""))
    if not path.parent.name.startswith(sockets_folder()):
        return False
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) != 0


def _start_of(number: int) -> str:
    """Start time, in kernel ticks as text, of the process with id `number`; empty if unknown or no such process."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[19]
    except OSError:
        return _alive_without_proc(number)


def _alive_without_proc(number: int) -> str:
    if Path("/proc/self/stat").exists():
        return ""
    try:
        os.kill(number, 0)
    except OSError:
        return ""
    return "running"
