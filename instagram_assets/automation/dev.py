"""What `instagram-assets dev` consists of: a code server, Dagster's daemon and UI, and the web app.

`dagster dev` starts its own web server, around which nothing can be put, and leaves its children behind when killed.
"""

import http.client
import json
import os
import signal
import socket
import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from threading import Event
from time import monotonic
from typing import NamedTuple

import dagster as dg

from instagram_assets.automation.children import Child, Children, child_processes, wait_for
from instagram_assets.automation.dead_runs import sockets_folder
from instagram_assets.automation.dev_news import News
from instagram_assets.automation.reload import HOST, PORT, SOCKET
from instagram_assets.errors import DevError
from instagram_assets.storage.locks import at_work_in

LOCATION = "instagram_assets"
DEFINITIONS = "instagram_assets.definitions"
_PACKAGE_ROOT = Path(__file__).parent.parent.parent
_SECONDS_TO_START = 180.0
# The daemon first: it would start failed runs again at once, on a code server that is ending too.
_SECONDS_FOR_DAEMON, _SECONDS_FOR_ALL = 3.0, 5.0
_LOOK_EVERY = 1.0


class Listeners(NamedTuple):
    """Where the Dagster UI and the web app are served; whoever starts them closes both."""

    ui: socket.socket
    web: socket.socket

    def close(self) -> None:
        self.ui.close()
        self.web.close()


def run_dev(
    listeners: Listeners, home: Path, failures: Path, say: Callable[[str], None], *, verbose: bool = False
) -> None:
    """Serve until SIGTERM or SIGINT at both listeners, which are closed. DAGSTER_HOME is made already.

    Tells with `say` where the web app and the UI are once they answer, files that land, runs that start and end, and
    each run of which `failures` says that it failed; with `verbose` also all that the children say. Raises DevError
    with the last words of a child that ended.
    """
    web, ui = _url(listeners.web), _url(listeners.ui)
    with (
        at_work_in(home),
        _ended_by_signals() as ended,
        child_processes(home / "dev", sockets_folder()) as group,
    ):
        say(f"Logs        {home / 'dev'}")
        running: list[Child] = []
        try:
            for child in _start(group, listeners, ended, "debug" if verbose else "warning"):
                running.append(child)
            if not ended.is_set():
                say(f"Web app     {web}")
                say(f"Dagster UI  {ui}")
                _watch(running, failures, ended, say, verbose=verbose)
        finally:
            listeners.close()
            _end(group, running)


def _start(group: Children, listeners: Listeners, ended: Event, level: str) -> Generator[Child]:
    """The four, each as soon as it is started; the code server alone until it answers, since all ask it."""
    code_socket = group.folder / "code.sock"
    workspace = group.folder / "workspace.yaml"
    server = {"socket": str(code_socket), "location_name": LOCATION}
    workspace.write_text(json.dumps({"load_from": [{"grpc_server": server}]}), "utf-8")
    environment = {name: value for name, value in os.environ.items() if name not in (HOST, PORT)}
    environment[SOCKET] = str(code_socket)
    python = [sys.executable, "-m"]
    code = [*python, "dagster", "code-server", "start", "-m", DEFINITIONS, "-d", str(_PACKAGE_ROOT)]
    child = group.start("code server", [*code, "--location-name", LOCATION, "--log-level", level], environment)
    yield child
    _until(lambda: _answers(code_socket), child, ended)
    ui = [*python, "instagram_assets.cli", "dagster-ui", "--workspace", str(workspace)]
    web = [*python, "instagram_assets.cli", "web", "--dagster", _url(listeners.ui)]
    ports = [listener.getsockname()[:2] for listener in listeners]
    servers: list[Child] = []
    for name, command, listener in (("UI", ui, listeners.ui), ("web app", web, listeners.web)):
        descriptor = listener.fileno()
        servers.append(group.start(name, [*command, "--listener", str(descriptor)], environment, [descriptor]))
        yield servers[-1]
    listeners.close()  # else a page would wait for ever for one that has died
    daemon = [*python, "dagster._daemon", "run", "-w", str(workspace), "--log-level", level]
    yield group.start("daemon", daemon, environment)
    for child, (host, port), path in zip(servers, ports, ("/server_info", "/static/icon.svg"), strict=True):
        _until(partial(_serves, host, port, path), child, ended)


def _until(ready: Callable[[], bool], child: Child, ended: Event) -> None:
    until = monotonic() + _SECONDS_TO_START
    while not (ended.is_set() or ready()):
        if child.ended:
            raise DevError(child.last_words())
        if monotonic() > until:
            raise DevError(f"The {child.name} does not answer after {_SECONDS_TO_START:.0f} s. See {child.log}.")
        ended.wait(0.1)


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(path)) == 0


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
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


def _watch(running: list[Child], failures: Path, ended: Event, say: Callable[[str], None], *, verbose: bool) -> None:
    failed = _new_lines(failures, failures.stat().st_size if failures.exists() else 0)
    said = {child.name: _new_lines(child.log) for child in running} if verbose else {}
    with dg.DagsterInstance.get() as instance:
        news = News(instance, say)
        while not ended.wait(_LOOK_EVERY):
            for name, lines in said.items():
                for line in next(lines):
                    say(f"{name}: {line}")
            for child in running:
                if child.ended:
                    raise DevError(child.last_words())
            news.look()
            for line in next(failed):
                say(_failure(json.loads(line)))


def _new_lines(file: Path, told: int = 0) -> Generator[list[str]]:
    """Each time the whole lines that a growing file has more than before, after its first `told` bytes."""
    while True:
        new = b""
        if file.exists() and file.stat().st_size > told:
            with file.open("rb") as stream:
                stream.seek(told)
                new = stream.read()
        whole = new[: new.rfind(b"\n") + 1]
        told += len(whole)
        yield whole.decode("utf-8", "replace").splitlines()


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
    """An event that SIGTERM and SIGINT set, in the place of what they do elsewhere."""
    ended = Event()
    numbers = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(number, lambda *_: ended.set()) for number in numbers]
    try:
        yield ended
    finally:
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)
