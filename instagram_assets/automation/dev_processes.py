"""The processes of `instagram-assets dev`: a Dagster code server, daemon and UI, and the web app.

`dagster dev` is not used, since its web server cannot be protected against requests from other web pages, and its child
processes keep running when it is killed.
"""

import http.client
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.child_processes import Child, Children, child_processes, wait_for
from instagram_assets.automation.code_server import client_environment, code_server_command, is_serving, write_workspace
from instagram_assets.automation.dead_runs import sockets_folder
from instagram_assets.automation.dev_events import EventReporter
from instagram_assets.automation.forget_requests import (
    FORGET_LOG,
    PAUSE_FOLDER,
    ForgetPhase,
    ForgetRequest,
    delete_old_state,
    pending_request,
    write_state,
)
from instagram_assets.automation.run_states import ACTIVE_STATUSES, run_statuses
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.settings import settings
from instagram_assets.storage.locks import at_work_in

_PYTHON = (sys.executable, "-m")
_SECONDS_TO_START = 180.0
# The daemon first: it would retry failed runs at once, on a code server that is ending too.
_SECONDS_FOR_DAEMON, _SECONDS_FOR_ALL = 3.0, 5.0
_POLL_SECONDS = 1.0
_FORGET_POLL_SECONDS = 0.2
_MOST_RUNS_NAMED = 5
_PROOF = "Proof: "


class DevError(InstagramAssetsError):
    """A process of `dev` did not start, or ended unexpectedly."""


class Listeners(NamedTuple):
    """Listening sockets of the Dagster UI and the web app; the caller closes both."""

    ui: socket.socket
    web: socket.socket

    def close(self) -> None:
        self.ui.close()
        self.web.close()


def run_dev(
    listeners: Listeners, home: Path, failures: Path, say: Callable[[str], None], *, verbose: bool = False
) -> None:
    """Serve the web app and the Dagster UI until SIGTERM or SIGINT; closes the listeners. DAGSTER_HOME must exist.

    Reports with `say` the URLs of both once they respond, ingested files, runs that start and end, and failed runs,
    which are read from the file `failures`; with `verbose` also all output of the child processes. Raises DevError with
    the last output of a child that ended. While an erasure requested in the web app is made, only the web app runs.
    """
    with _ended_by_signals() as ended, child_processes(home / "dev", sockets_folder()) as lasting:
        say(f"Logs        {home / 'dev'}")
        dev = _Dev(listeners, lasting, home, failures, say, ended, verbose=verbose)
        try:
            request = dev.serve(listeners.ui)
            while request:
                say("Dagster is away while something is forgotten; the web app says how far it is")
                outcome = run_forget_command(request, lasting.folder, ended)
                request = None if ended.is_set() else dev.serve(_listen_again(dev.ui_address), outcome)
        finally:
            listeners.close()
            lasting.ask_to_end(_SECONDS_FOR_ALL)


class _Dev:
    """The child processes: code server, UI and daemon, which restart together, and the web app, which keeps running.

    The web app is in the process group `lasting`.
    """

    def __init__(
        self,
        listeners: Listeners,
        lasting: Children,
        home: Path,
        failures: Path,
        say: Callable[[str], None],
        ended: Event,
        *,
        verbose: bool,
    ) -> None:
        self.ui_address: tuple[str, int] = listeners.ui.getsockname()[:2]
        self._web_address: tuple[str, int] = listeners.web.getsockname()[:2]
        self._web_listener, self._lasting = listeners.web, lasting
        self._home, self._failures, self._say, self._ended = home, failures, say, ended
        self._verbose, self._level = verbose, "debug" if verbose else "warning"
        self._web: Child | None = None

    def serve(self, ui: socket.socket, forgotten: ForgetRequest | None = None) -> ForgetRequest | None:
        """Serve until a signal (returns None) or until an erasure is requested.

        The request is returned when all processes except the web app have stopped. `forgotten` is the previous erasure,
        which is reported as finished when all processes run again.
        """
        with at_work_in(self._home), child_processes(self._home / "dev", sockets_folder()) as group:
            running: list[Child] = []
            try:
                for child in self._start(group, ui):
                    running.append(child)
                if self._ended.is_set():
                    return None
                if forgotten:
                    write_state(self._lasting.folder, forgotten)
                    self._say("Dagster is there again")
                else:
                    self._say(f"Web app     {_url(self._web_address)}")
                    self._say(f"Dagster UI  {_url(self.ui_address)}")
                return self._until_asked(group, running)
            finally:
                ui.close()
                _end(group, running)

    def _start(self, group: Children, ui: socket.socket) -> Generator[Child]:
        """Start and yield the child processes; the code server first, and the others when it responds."""
        workspace = write_workspace(group.folder)
        environment = client_environment(group.folder, without=settings().web.token_variable)
        child = group.start("code server", code_server_command(self._level), environment)
        yield child
        _until(lambda: is_serving(group.folder), child, self._ended)
        command = [*_PYTHON, "instagram_assets.cli", "dagster-ui", "--workspace", str(workspace)]
        child = _start_server(group, "UI", command, ui, environment)
        yield child
        web = self._web or self._start_web()
        yield self._start_daemon(group)
        _until(partial(_serves, *self.ui_address, "/server_info"), child, self._ended)
        _until(partial(_serves, *self._web_address, "/static/icon.svg"), web, self._ended)

    def _start_web(self) -> Child:
        command = [*_PYTHON, "instagram_assets.cli", "web", "--dagster", _url(self.ui_address)]
        environment = {**os.environ, PAUSE_FOLDER: str(self._lasting.folder)}
        self._web = _start_server(self._lasting, "web app", command, self._web_listener, environment)
        return self._web

    def _start_daemon(self, group: Children) -> Child:
        workspace = str(write_workspace(group.folder))
        command = [*_PYTHON, "dagster._daemon", "run", "-w", workspace, "--log-level", self._level]
        environment = client_environment(group.folder, without=settings().web.token_variable)
        return group.start("daemon", command, environment)

    def _until_asked(self, group: Children, running: list[Child]) -> ForgetRequest | None:
        """Watch the processes until an erasure is requested and no run is active; then stop the daemon, which starts
        runs, and return the request. None after a signal.
        """
        while request := self._watch(running):
            daemon = running.pop()
            daemon.process.terminate()
            wait_for(daemon, _SECONDS_FOR_ALL)
            if not (going := active_run_names()):
                write_state(self._lasting.folder, request.at(ForgetPhase.stopping))
                return request
            write_state(self._lasting.folder, request.at(ForgetPhase.refused, ", ".join(going)))
            running.append(self._start_daemon(group))
        return None

    def _watch(self, running: list[Child]) -> ForgetRequest | None:
        """Report events until a signal arrives (returns None) or an erasure is requested (returns the request)."""
        watched = [*running, *filter(None, [self._web])]
        failed = _new_lines(self._failures, self._failures.stat().st_size if self._failures.exists() else 0)
        said = {child.name: _new_lines(child.log) for child in watched} if self._verbose else {}
        with dg.DagsterInstance.get() as instance:
            news = EventReporter(instance, self._say)
            while not self._ended.wait(_POLL_SECONDS):
                for name, lines in said.items():
                    for line in next(lines):
                        self._say(f"{name}: {line}")
                for child in watched:
                    if child.ended:
                        raise DevError(child.last_words())
                news.report()
                for line in next(failed):
                    self._say(_failure(json.loads(line)))
                delete_old_state(self._lasting.folder)
                if request := pending_request(self._lasting.folder):
                    return request
        return None


def active_run_names() -> list[str]:
    """Active runs, which must end before an erasure: at most five strings "job id", with a shortened id."""
    with dg.DagsterInstance.get() as instance:
        runs = instance.get_runs(dg.RunsFilter(statuses=run_statuses(ACTIVE_STATUSES)), limit=_MOST_RUNS_NAMED)
    return [f"{run.job_name} {run.run_id[:8]}" for run in runs]


def run_forget_command(request: ForgetRequest, folder: Path, ended: Event) -> ForgetRequest:
    """Run the command `forget` with its output in the folder's log, and return the request with its outcome.

    `ended` is an event that a signal sets, which stops the command; repeating the request then finishes the erasure. No
    other process can use DAGSTER_HOME meanwhile. The daemon's heartbeats are deleted first, so that the command does
    not take the daemon for running.
    """
    write_state(folder, request.at(ForgetPhase.forgetting))
    with dg.DagsterInstance.get() as instance:
        instance.wipe_daemon_heartbeats()
    # Its own group, with its log outside of the data folder, where the name would be found again.
    with child_processes(folder, sockets_folder()) as group:
        command = [sys.executable, "-m", "instagram_assets.cli", *request.command]
        child = group.start("forget", command, {**os.environ, "PYTHONUNBUFFERED": "1", "NO_COLOR": "1"})
        assert child.log == folder / FORGET_LOG
        while not (child.ended or ended.wait(_FORGET_POLL_SECONDS)):
            pass
        if not child.ended:
            group.ask_to_end(_SECONDS_FOR_ALL)
        done = request.at(ForgetPhase.done if child.process.poll() == 0 else ForgetPhase.failed, _forget_detail(child))
    write_state(folder, done.at(ForgetPhase.starting, done.detail))
    return done


def _forget_detail(child: Child) -> str:
    """Read the path of the proof of erasure, or the error message, from the log of the command `forget`."""
    lines = child.log.read_text("utf-8", "replace").splitlines()
    if proof := next((line for line in lines if line.startswith(_PROOF)), ""):
        return proof.removeprefix(_PROOF)
    error = next((number for number, line in enumerate(lines) if line.startswith("Error:")), -_MOST_RUNS_NAMED)
    return "\n".join(lines[error:]).removeprefix("Error: ")


def _listen_again(address: tuple[str, int]) -> socket.socket:
    """Open a listening socket at the UI's address again. Raises DevError if another process uses the address now."""
    try:
        return socket.create_server(address, backlog=2_048)
    except OSError as error:
        raise DevError(f"{_url(address)}: cannot be used any more ({error}). Start `dev` again with --port.") from error


def _start_server(
    group: Children, name: str, command: Sequence[str], listener: socket.socket, environment: Mapping[str, str]
) -> Child:
    """Start a server on the listening socket; closes it in this process, since else clients of a dead server hang."""
    descriptor = listener.fileno()
    child = group.start(name, [*command, "--listener", str(descriptor)], environment, [descriptor])
    listener.close()
    return child


def _until(ready: Callable[[], bool], child: Child, ended: Event) -> None:
    until = monotonic() + _SECONDS_TO_START
    while not (ended.is_set() or ready()):
        if child.ended:
            raise DevError(child.last_words())
        if monotonic() > until:
            raise DevError(f"The {child.name} does not answer after {_SECONDS_TO_START:.0f} s. See {child.log}.")
        ended.wait(0.1)


def _url(address: tuple[str, int]) -> str:
    host, port = address
    return f"http://{host}:{port}"


def _serves(host: str, port: int, path: str) -> bool:
    connection = http.client.HTTPConnection(host, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def _new_lines(file: Path, read: int = 0) -> Generator[list[str]]:
    """Generator that yields, each time it is advanced, the complete lines appended to a file since the last time.

    The first `read` bytes of the file are skipped.
    """
    while True:
        new = b""
        if file.exists() and file.stat().st_size > read:
            with file.open("rb") as stream:
                stream.seek(read)
                new = stream.read()
        complete = new[: new.rfind(b"\n") + 1]
        read += len(complete)
        yield complete.decode("utf-8", "replace").splitlines()


def _failure(entry: dict[str, object]) -> str:
    steps = entry["steps"]
    reasons = [f"{step}: {reason}" for step, reason in steps.items()] if isinstance(steps, dict) else []
    return f"The run {str(entry['run'])[:8]} of {entry['job']} failed. {' '.join(reasons) or entry['error']}"


def _end(group: Children, running: list[Child]) -> None:
    for child in running:
        if child.name == "daemon":
            child.process.terminate()
            wait_for(child, _SECONDS_FOR_DAEMON)
    group.ask_to_end(_SECONDS_FOR_ALL)


@contextmanager
def _ended_by_signals() -> Generator[Event]:
    """Context manager: returns an event that is set by SIGTERM and SIGINT, instead of their usual effect."""
    ended = Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: ended.set()) for number in numbers]
    try:
        yield ended
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
