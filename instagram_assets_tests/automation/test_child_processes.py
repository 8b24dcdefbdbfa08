"""Child processes end with the process that started them, whatever happens to it, and their children too."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instagram_assets.automation.child_processes import child_processes, wait_for
from instagram_assets_tests.search.browsers import wait_until_ended
from instagram_assets_tests.servers.dev import ROOT, is_running

# A child that starts one of its own, tells both numbers, and ends at SIGTERM or never.
FAMILY = """
import os, signal, subprocess, sys, time
# Whatever the process that started it does at SIGTERM, which a child would do too.
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
signal.signal(signal.SIGTERM, signal.SIG_IGN if sys.argv[1:] == ["stubborn"] else signal.SIG_DFL)
grandchild = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(os.getpid(), grandchild.pid, flush=True)
time.sleep(600)
"""
PARENT = f"""
import os, sys, time
from pathlib import Path
from instagram_assets.automation.child_processes import child_processes
with child_processes(Path(sys.argv[1]), "children-") as group:
    for name in ("first", "second"):
        group.start(name, [sys.executable, "-c", {FAMILY!r}, "stubborn"], os.environ)
    print(group.folder, flush=True)
    sys.stdin.read()
"""


def numbers(log: Path) -> list[int]:
    """What the family told, once it has."""
    while not (text := log.read_text()).endswith("\n"):
        time.sleep(0.01)
    return [int(number) for number in text.split()]


def living(found: list[int]) -> list[int]:
    return [number for number in found if is_running(number)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGHUP])
def test_a_killed_parent_takes_all_with_it(tmp_path: Path, number: signal.Signals) -> None:
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT, str(tmp_path)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    with parent:
        assert parent.stdout
        folder = Path(parent.stdout.readline().decode().rstrip("\n"))
        assert folder.stat().st_mode & 0o777 == 0o700
        family = [number for name in ("first", "second") for number in numbers(tmp_path / f"{name}.log")]
        assert living(family) == family
        parent.send_signal(number)
    wait_until_ended(family, 60)
    assert living(family) == []
    assert not folder.exists()


def test_leaving_the_block_ends_all_also_those_who_will_not(tmp_path: Path) -> None:
    with child_processes(tmp_path, "children-") as group:
        willing = group.start("willing", [sys.executable, "-c", FAMILY], os.environ)
        stubborn = group.start("stubborn", [sys.executable, "-c", FAMILY, "stubborn"], os.environ)
        family = numbers(willing.log) + numbers(stubborn.log)
        group.ask_to_end(1)
        wait_for(willing, 60)
        assert (willing.process.returncode, stubborn.process.poll()) == (-signal.SIGTERM, None)
    assert stubborn.process.returncode == -signal.SIGKILL
    assert not group.folder.exists()
    wait_until_ended(family, 60)
    assert living(family) == []


def test_a_child_that_died_leaves_its_last_words_and_its_predecessors(tmp_path: Path) -> None:
    program = "import sys; print('first'); sys.exit('what went wrong')"
    words = ""
    for _ in range(2):
        with child_processes(tmp_path, "children-") as group:
            child = group.start("code server", [sys.executable, "-c", program], os.environ)
            wait_for(child, 60)
            assert child.ended
            words = child.last_words()
    log = tmp_path / "code_server.log"
    assert words.splitlines()[0] == f"The code server ended with status 1. Its last lines, of {log}:"
    assert set(words.splitlines()[1:]) == {"first", "what went wrong"}
    assert (tmp_path / "code_server.previous.log").read_text() == log.read_text()


@pytest.mark.parametrize(
    ("code", "told"), [("", "It said nothing; its log is"), ("print('Aha')", "Its last lines, of")]
)
def test_last_words_are_told_only_where_there_are_any(tmp_path: Path, code: str, told: str) -> None:
    with child_processes(tmp_path, "children-") as group:
        child = group.start("first", [sys.executable, "-c", code], os.environ)
        child.process.wait()
        words = child.last_words()
    assert told in words
    assert words.endswith("Aha") == bool(code)
