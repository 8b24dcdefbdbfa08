"""Ctrl-C in a terminal, while a step works: the command says how to go on, and nothing else is to be read."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

from instagram_assets_tests.conftest import export, post
from instagram_assets_tests.servers.hostile import HostileServer, Seen

ROOT = Path(__file__).parents[2]
# Tests that run in the background pass on that the signal is ignored.
COMMAND = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from instagram_assets.cli import app
app()
"""


def test_ctrl_c_shows_no_traceback_of_any_process_of_the_command(tmp_path: Path) -> None:
    asked = threading.Event()

    async def never(_: Seen, writer: asyncio.StreamWriter) -> bool:
        asked.set()
        await writer.wait_closed()
        return False

    with HostileServer() as server:
        export(tmp_path / "posts.json", [post(1, displayUrl=server.on("/1.jpg", never))])
        allowed = {f"INSTAGRAM_ASSETS_DOWNLOAD__{name}": "true" for name in ("ALLOW_HTTP", "ALLOW_LOOPBACK")}
        command = subprocess.Popen(
            [sys.executable, "-c", COMMAND, "ingest", "posts.json"],
            cwd=tmp_path,
            env=os.environ | allowed | {"PYTHONPATH": str(ROOT), "COLUMNS": "160"},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert asked.wait(120)
        os.killpg(command.pid, signal.SIGINT)  # as a terminal does
        _, errors = command.communicate(timeout=60)  # returns when no process of it holds the pipe any more
    assert command.returncode == 130, errors
    assert "Run the same command again: it goes on where this one was." in errors
    assert "Traceback" not in errors
