"""Child processes in a group that is killed when this process ends in any way; their output is written to log files.

The group's leader is a guard process: this module, run as a script that uses only the standard library.
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
    """A child process and the log file to which its output is written."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Error message text: the child's exit status, the last lines of its log, and the path of the log."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_LOGGED_LINES:]
        ending = f"The {self.name} ended with status {self.process.poll()}."
        if not any(map(str.strip, lines)):
            return f"{ending} It said nothing; its log is {self.log}."
        return "\n".join([f"{ending} Its last lines, of {self.log}:", *lines])


class Children:
    """A process group that is killed when its `with` block is left or this process dies.

    `folder` is a private temporary folder, such as for sockets, which is deleted together with the group.
    """

    def __init__(self, group: int, folder: Path, logs: Path) -> None:
        self.folder = folder
        self._group = group
        self._logs = logs
        self._started: list[Child] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], pass_fds: Iterable[int] = ()
    ) -> Child:
        """Start a program in the group; the log of the previous program with this name is kept as `….previous.log`."""
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
    """Context manager: a process group for child processes; those still running at the end are killed.

    Output goes to log files in the folder `logs`. The name of the group's temporary folder begins with `prefix`.
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
    """Kill this process group and delete the folder named as argument, when the parent's end of our stdin closes.

    The pipe also closes if the parent is killed by SIGKILL, when no clean-up code of the parent could run. As leader of
    the process group, this guard process prevents the group id from being reused.
    """
    # SIGTERM is meant for the other processes of the group.
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    sys.stdin.buffer.read()
    shutil.rmtree(sys.argv[1], ignore_errors=True)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    _guard_group()
