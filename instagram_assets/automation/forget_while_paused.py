"""Erasure requested by the web app: `dev` runs the command `forget` as a child process while Dagster is stopped."""

import os
import sys
from pathlib import Path
from threading import Event

import dagster as dg

from instagram_assets.automation.child_processes import Child, child_processes
from instagram_assets.automation.dead_runs import sockets_folder
from instagram_assets.automation.forget_requests import FORGET_LOG, ForgetPhase, ForgetRequest, write_state
from instagram_assets.automation.run_states import ACTIVE_STATUSES, run_statuses

_MOST_NAMED = 5
_PROOF = "Proof: "
_LOOK_EVERY = 0.2
_SECONDS_TO_END = 5.0


def active_run_names() -> list[str]:
    """Active runs as "job id" with a shortened id, at most five: they must end before an erasure."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=run_statuses(ACTIVE_STATUSES)), limit=_MOST_NAMED)
    return [f"{run.job_name} {run.run_id[:8]}" for run in runs]


def run_forget_command(wish: ForgetRequest, folder: Path, ended: Event) -> ForgetRequest:
    """Run the command `forget` with its output in the folder's log, and return the request with its outcome.

    `ended` is set by a signal, which stops the command; the same request again finishes it. Nobody may use DAGSTER_HOME
    meanwhile. The daemon's heartbeats are deleted first, so that it does not count as running.
    """
    write_state(folder, wish.at(ForgetPhase.forgetting))
    with dg.DagsterInstance.get() as instance:
        instance.wipe_daemon_heartbeats()
    # Its own group, with its log outside of the data folder, where the name would be found again.
    with child_processes(folder, sockets_folder()) as group:
        command = [sys.executable, "-m", "instagram_assets.cli", *wish.command]
        child = group.start("forget", command, {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"})
        assert child.log == folder / FORGET_LOG
        while not (child.ended or ended.wait(_LOOK_EVERY)):
            pass
        if not child.ended:
            group.ask_to_end(_SECONDS_TO_END)
        done = wish.at(ForgetPhase.done if child.process.poll() == 0 else ForgetPhase.failed, _detail(child))
    write_state(folder, done.at(ForgetPhase.starting, done.detail))
    return done


def _detail(child: Child) -> str:
    """From the command's log: the path of the proof of erasure, or the error message."""
    lines = child.log.read_text("utf-8", "replace").splitlines()
    if proof := next((line for line in lines if line.startswith(_PROOF)), ""):
        return proof.removeprefix(_PROOF)
    error = next((number for number, line in enumerate(lines) if line.startswith("Error:")), -_MOST_NAMED)
    return "\n".join(lines[error:]).removeprefix("Error: ")
