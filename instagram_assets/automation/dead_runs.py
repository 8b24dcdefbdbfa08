"""Why runs failed, and runs whose process died without a word."""

import hashlib
import json
import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from socket import gethostname

import dagster as dg
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.storage.tags import GRPC_INFO_TAG
from dagster_shared.error import SerializableErrorInfo

from instagram_assets.errors import InstagramAssetsError, SourceRefusedError, names_below
from instagram_assets.settings import settings
from instagram_assets.status.system_errors import add_remedy

PROCESS_TAG = ".dagster/instagram_assets_process"
"""The hidden tag of a run of a shell: the process that it goes on in."""
STOPPED = "stopped by Ctrl-C or a signal. Run the same command again: it goes on where this one was."
_OPEN = [dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED]

_WAITING = [dg.DagsterRunStatus.QUEUED, dg.DagsterRunStatus.CANCELING, dg.DagsterRunStatus.MANAGED]


def this_process() -> str:
    """Names this process: host, number, and its start, since numbers come back."""
    return f"{gethostname()}:{os.getpid()}:{_start_of(os.getpid())}"


def sockets_folder() -> str:
    """How the names of folders begin in which code servers of this machine have their sockets."""
    return f"instagram_assets-{hashlib.blake2b(gethostname().encode(), digest_size=4).hexdigest()}-"


def close_dead_runs(instance: dg.DagsterInstance, *, of_shells: bool = False) -> int:
    """Mark runs as failed whose process of this machine is gone, and free what they held; how many there were.

    Those of a shell are gone with their process, those that `dev` launched with its code server; `of_shells` looks at
    the former alone. Dagster itself would count them as running for hours, and nothing else would start.
    """
    closed = 0
    for run in _open_runs(instance):
        if not (_process_is_gone(run) or (not of_shells and _code_server_is_gone(run.tags))):
            continue
        # It may have ended well just before its process was looked for.
        now = instance.get_run_by_id(run.run_id)
        if now is None or now.is_finished:
            continue
        instance.report_run_failed(now, "The process of this run ended without a word; run it again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
        closed += 1
    return closed


def close_restored_runs(instance: dg.DagsterInstance) -> int:
    """Mark all runs as failed that had not ended when the record was backed up; how many there were.

    Whatever process or machine they went on in: none of them goes on with this copy of the record.
    """
    runs = instance.get_runs(dg.RunsFilter(statuses=[*_OPEN, *_WAITING]))
    for run in runs:
        instance.report_run_failed(run, "This run had not ended when the backup was made; run it again.")
        instance.event_log_storage.free_concurrency_slots_for_run(run.run_id)
    return len(runs)


def dead_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Runs that Dagster calls running and whose process of this machine is gone."""
    return [run for run in _open_runs(instance) if _process_is_gone(run) or _code_server_is_gone(run.tags)]


def _open_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    return list(instance.get_runs(dg.RunsFilter(statuses=_OPEN)))


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


def reason_of(event: dg.DagsterEvent) -> str:
    """Why a step, or a whole run, failed: our own error's words where there is one, else those of the first cause."""
    error = _error_of(event)
    if was_stopped(error):
        return STOPPED
    data = event.step_failure_data.user_failure_data if event.is_step_failure else None
    error = _first_cause(error)
    told = data.description if data else None
    reason = (told or (_without_class(error.message, error.cls_name) if error else event.message) or "").strip()
    return add_remedy(reason, settings())


def class_of(event: dg.DagsterEvent) -> str:
    """The class of the error whose words `reason_of` gives; empty when there is none, or when a signal stopped it."""
    error = _error_of(event)
    cause = None if was_stopped(error) else _first_cause(error)
    return (cause.cls_name if cause else "") or ""


def ended_by_signal(event: dg.DagsterEvent) -> bool:
    """True when a person or the system ended the run by a signal."""
    return was_stopped(_error_of(event))


def refuses(name: str) -> bool:
    """True when a class of errors, by its name, says that a source of records refuses us."""
    return name in names_below(SourceRefusedError)


def _error_of(event: dg.DagsterEvent) -> SerializableErrorInfo | None:
    return event.step_failure_data.error if event.is_step_failure else event.job_failure_data.error


def _first_cause(error: SerializableErrorInfo | None) -> SerializableErrorInfo | None:
    """Our own error among the causes, else the first of them."""
    ours = names_below(InstagramAssetsError)
    while error and error.cause and error.cls_name not in ours:
        error = error.cause
    return error


def was_stopped(error: SerializableErrorInfo | None) -> bool:
    """True when what failed is that a signal came."""
    while error:
        if error.cls_name == DagsterExecutionInterruptedError.__name__:
            return True
        error = error.cause or error.context
    return False


def _without_class(message: str, name: str | None) -> str:
    """The message without the class that tracebacks put before it, with its module or without."""
    return re.sub(rf"\A([\w.]+\.)?{name}: ", "", message)


def _start_of(number: int) -> str:
    """When a process started, in the kernel's ticks; empty when there is none or the system does not say."""
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
