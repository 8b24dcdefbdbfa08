"""`instagram-assets dev` as a process of its own, and all the processes that belong to it."""

import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent


class Dev(NamedTuple):
    """The command, its data folder, and what it said until its servers answered."""

    process: subprocess.Popen[str]
    data: Path
    said: list[str]

    @property
    def port(self) -> int:
        """Where its Dagster UI is."""
        return self._port_of("Dagster UI")

    @property
    def web_port(self) -> int:
        """Where its web app is."""
        return self._port_of("Web app")

    @property
    def family(self) -> dict[int, str]:
        """Every process in the group of its children, by number: its command line."""
        return {number: words for group in _children(self.process.pid) for number, words in _members(group).items()}

    def _port_of(self, server: str) -> int:
        [line] = [line for line in self.said if line.startswith(server)]
        return int(line.rpartition(":")[2])


@contextmanager
def start_dev(folder: Path, **environment: str) -> Generator[Dev]:
    """Start it with a data folder below `folder` and a free port; it says nothing yet. Killed at the end."""
    process = subprocess.Popen(
        [sys.executable, "-m", "instagram_assets.cli", "dev", "--port", "0", "--web-port", "0"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), "PYTHONUNBUFFERED": "1"} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    assert process.stdout
    try:
        yield Dev(process, folder / "data", [])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def wait_until_it_says(dev: Dev, words: str) -> None:
    """Read what it says until a line begins with these words."""
    assert dev.process.stdout
    for line in dev.process.stdout:
        dev.said.append(line.rstrip())
        if line.startswith(words):
            return
    raise AssertionError(f"dev ended with {dev.process.wait()}: {dev.said}")


def end(dev: Dev, number: signal.Signals) -> tuple[int, str]:
    """Send it a signal; its exit status and the rest of what it said."""
    dev.process.send_signal(number)
    rest, _ = dev.process.communicate()
    return dev.process.returncode, rest


def kill_all(process: "subprocess.Popen[str]") -> None:
    """Kill a command and all that it started at once: nothing goes on, and nothing holds its output any longer.

    The code server that a killed webserver leaves behind ends by itself, but only after a minute.
    """
    numbers = _descendants(process.pid)
    process.kill()
    for number in numbers:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
    process.wait()


def is_running(number: int) -> bool:
    """True when there is such a process, and not only its exit status that nobody has asked for yet."""
    return _stat(number)[:1] not in ([], ["Z"], ["X"])


def _children(parent: int) -> list[int]:
    return [number for number in _numbers() if _stat(number)[1:2] == [str(parent)]]


def _descendants(parent: int) -> list[int]:
    return [number for child in _children(parent) for number in (child, *_descendants(child))]


def _members(group: int) -> dict[int, str]:
    members = [number for number in _numbers() if _stat(number)[2:3] == [str(group)] and is_running(number)]
    return {number: _command(number) for number in members}


def _numbers() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _stat(number: int) -> list[str]:
    """State, parent, group, …; empty when there is no such process any more."""
    try:
        return Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _command(number: int) -> str:
    try:
        return Path(f"/proc/{number}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    except OSError:
        return ""
