"""`dev` as a process: it ends with all that belongs to it, and says in words what went wrong."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest

from instagram_assets_tests.search.browsers import wait_until_ended
from instagram_assets_tests.servers.dev import ROOT, Dev, end, is_running, start_dev, wait_until_it_says

PATIENCE = 240
FREE = ("--port", "0", "--web-port", "0")


def child(dev: Dev, words: str) -> int:
    """The process of the family whose command line holds these words, once there is one."""
    while True:
        for number, command in dev.family.items():
            if words in command:
                return number
        time.sleep(0.05)


def test_a_killed_dev_leaves_no_process(tmp_path: Path) -> None:
    with start_dev(tmp_path) as dev:
        wait_until_it_says(dev, "Dagster UI")
        family = dev.family
        programs = (
            "code-server start",
            "api grpc",
            "dagster-ui",
            "cli web",
            "dagster._daemon run",
            "child_processes.py",
        )
        assert {name for name in programs if any(name in words for words in family.values())} == set(programs)
        assert end(dev, signal.SIGKILL)[0] == -signal.SIGKILL
        wait_until_ended(list(family), PATIENCE)
        assert not dev.family
        assert not [number for number in family if is_running(number)]


def test_when_a_part_dies_its_last_words_are_told_and_all_ends(tmp_path: Path) -> None:
    with start_dev(tmp_path, NO_COLOR="1") as dev:
        wait_until_it_says(dev, "Logs")
        os.kill(child(dev, "code-server start"), signal.SIGKILL)
        family = dev.family
        said, _ = dev.process.communicate()
        assert dev.process.returncode == 1
        log = tmp_path / "data" / "dagster" / "dev" / "code_server.log"
        assert "Error: The code server ended with status -9. It" in said
        assert str(log) in said
        wait_until_ended(list(family), PATIENCE)
        assert not dev.family


@pytest.mark.parametrize("option", ["--port", "--web-port"])
def test_a_port_that_is_taken_is_told_at_once(tmp_path: Path, option: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [
            sys.executable,
            "-m",
            "instagram_assets.cli",
            "dev",
            *(f"{name}=0" for name in ("--port", "--web-port")),
            option,
            port,
        ]
        environment = os.environ | {"PYTHONPATH": str(ROOT)}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert f"127.0.0.1:{port} cannot be used" in done.stderr
    assert f"Choose another with {option}." in " ".join(done.stderr.split())
    assert not (tmp_path / "data").exists()
