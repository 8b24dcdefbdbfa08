"""Child processes in a group that is killed when this process ends in any way; their output goes to log files.

A guard process leads the group: this module, run as a script with nothing but the standard library.
    python -I -S child_processes.py FOLDER
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import NamedTuple

_LOGGED_LINES = 12


class Child(NamedTuple):
    """A child process with the log file of its output."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Its exit status, the last lines of its log, and the log's path, for an error message."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LOGGED_LINES:]
        ending = f"The {self.name} ended with status {self.process.poll()}."
        if not any(map(str.strip, lines)):
            return f"{ending} It said nothing; its log is {self.log}."
        return "\n".join([f"{ending} Its last lines, of {self.log}:", *lines])


class Children:
    """A process group that is killed when its `with` block is left or this process is gone.

    `folder` is a private temporary folder, for sockets and the like, that is deleted with it.
    """

    def __init__(self, group: int, folder: Path, logs: Path) -> None:
        self.folder = folder
        self._group = group
        self._logs = logs
        self._started: list[Child] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], pass_fds: Iterable[int] = ()
    ) -> Child:
        """Start a program in the group; the log of an earlier program of this name is kept as `….previous.log`."""
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self._logs / f"{name.replace(' ', '_')}.log"
        if log.exists():
            log.replace(log.with_suffix(".previous.log"))
        with log.open("wb") as output:
            process = subprocess.Popen(
                command,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=tuple(pass_fds),
                process_group=self._group,
            )
        child = Child(name, process, log)
        self._started.append(child)
        return child

    def ask_to_end(self, seconds: float) -> None:
        """Send SIGTERM to the whole group and wait up to `seconds` for the children to end."""
        os.killpg(self._group, signal.SIGTERM)
        until = monotonic() + seconds
        for child in self._started:
            wait_for(child, until - monotonic())

    def kill(self) -> None:
        """Send SIGKILL to the whole group and wait for the children."""
        os.killpg(self._group, signal.SIGKILL)
        for child in self._started:
            child.process.wait()


def wait_for(child: Child, seconds: float) -> None:
    """Wait up to `seconds` for the child to end."""
    try:
        child.process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return


@contextmanager
def child_processes(logs: Path, prefix: str) -> Generator[Children]:
    """Context manager: a group to start child processes in; what is left of it at the end is killed.

    The name of its folder begins with `prefix`.
    """
    folder = tempfile.mkdtemp(prefix=prefix)
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", __file__, folder],
        stdin=subprocess.PIPE,
        process_group=0,  # Ctrl-C in a terminal is ours alone
    )
    assert guard.stdin
    children = Children(guard.pid, Path(folder), logs)
    try:
        yield children
    finally:
        children.kill()
        guard.stdin.close()
        guard.wait()
        shutil.rmtree(folder, ignore_errors=True)


def _guard_group() -> None:
    """Kill our process group, and delete the folder named as argument, when the parent's end of our stdin closes.

    It closes however the parent ends, even by SIGKILL, where no clean-up code would run. As leader of the group the
    guard keeps its id from being reused.
    """
    # SIGTERM is meant for the other processes of the group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _guard_group()
