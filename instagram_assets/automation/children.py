"""Child processes that end with this one, however it ends, and whose output goes to log files."""

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

_TOLD_LINES = 12


class Child(NamedTuple):
    """A child process and the file that takes all it says."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def ended(self) -> bool:
        return self.process.poll() is not None

    def last_words(self) -> str:
        """Its exit status, the end of what it said, and where the rest is."""
        lines = self.log.read_text("utf-8", "replace").splitlines()[-_TOLD_LINES:]
        told = f"The {self.name} ended with status {self.process.poll()}."
        if not any(map(str.strip, lines)):
            return f"{told} It said nothing; its log is {self.log}."
        return "\n".join([f"{told} Its last lines, of {self.log}:", *lines])


class Children:
    """A process group, all of which ends when the group's block is left or this process is gone.

    `folder` is a private one for sockets and the like, which goes with it.
    """

    def __init__(self, group: int, folder: Path, logs: Path) -> None:
        self.folder = folder
        self._group = group
        self._logs = logs
        self._started: list[Child] = []

    def start(
        self, name: str, command: Sequence[str], environment: Mapping[str, str], pass_fds: Iterable[int] = ()
    ) -> Child:
        """Start a program; what its predecessor of this name said stays beside the log as `….previous.log`."""
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
        """Send SIGTERM to the whole group, children's children too, and wait for ours to end, at most so long."""
        os.killpg(self._group, signal.SIGTERM)
        until = monotonic() + seconds
        for child in self._started:
            wait_for(child, until - monotonic())

    def kill(self) -> None:
        """End what is left of the group."""
        os.killpg(self._group, signal.SIGKILL)
        for child in self._started:
            child.process.wait()


def wait_for(child: Child, seconds: float) -> None:
    """Wait until the child has ended, at most so long."""
    try:
        child.process.wait(max(0.0, seconds))
    except subprocess.TimeoutExpired:
        return


@contextmanager
def child_processes(logs: Path, prefix: str) -> Generator[Children]:
    """A group to start children in, for as long as the block runs; what is left of it then is killed.

    The name of its folder begins with `prefix`.
    """
    folder = tempfile.mkdtemp(prefix=prefix)
    guard = subprocess.Popen(
        [sys.executable, "-I", "-S", str(Path(__file__).with_name("children_guard.py")), folder],
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
