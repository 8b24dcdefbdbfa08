"""Forgetting while `dev` pauses: the command `forget` as a child, with the data folder for itself."""

import os
import sys
from pathlib import Path
from threading import Event

import dagster as dg

from instagram_assets.automation.children import Child, child_processes
from instagram_assets.automation.dead_runs import sockets_folder
from instagram_assets.automation.pause import LOG, Phase, Wish, tell
from instagram_assets.automation.run_states import UNDER_WAY, statuses

_MOST_NAMED = 5
_PROOF = "Proof: "
_LOOK_EVERY = 0.2
_SECONDS_TO_END = 5.0


def runs_under_way() -> list[str]:
    """Runs that wait or go on, by their job and the beginning of their id; of many the first ones."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=statuses(UNDER_WAY)), limit=_MOST_NAMED)
    return [f"{run.job_name} {run.run_id[:8]}" for run in runs]


def forget_in_child(wish: Wish, folder: Path, ended: Event) -> Wish:
    """Forget it, its words in the folder's log; how it ended. A signal ends it: the same again finishes it.

    Nobody may use Dagster's home meanwhile. The daemon's last sign of life goes, by which it would seem to be there.
    """
    tell(folder, wish.at(Phase.forgetting))
    with dg.DagsterInstance.get() as instance:
        instance.wipe_daemon_heartbeats()
    # Its own group, with its log outside of the data folder, where the name would be found again.
    with child_processes(folder, sockets_folder()) as group:
        command = [sys.executable, "-m", "instagram_assets.cli", *wish.command]
        child = group.start("forget", command, {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"})
        assert child.log == folder / LOG
        while not (child.ended or ended.wait(_LOOK_EVERY)):
            pass
        if not child.ended:
            group.ask_to_end(_SECONDS_TO_END)
        done = wish.at(Phase.done if child.process.poll() == 0 else Phase.failed, _detail(child))
    tell(folder, done.at(Phase.starting, done.detail))
    return done


def _detail(child: Child) -> str:
    """Where the proof is, or why it failed."""
    lines = child.log.read_text("utf-8", "replace").splitlines()
    if proof := next((line for line in lines if line.startswith(_PROOF)), ""):
        return proof.removeprefix(_PROOF)
    error = next((number for number, line in enumerate(lines) if line.startswith("Error:")), -_MOST_NAMED)
    return "\n".join(lines[error:]).removeprefix("Error: ")
