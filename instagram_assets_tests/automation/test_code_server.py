"""A code location is loaded anew from one of its own sensors; Dagster's daemon and UI see it by themselves."""

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import dagster as dg
import pytest
from dagster._core.remote_representation.code_location import CodeLocation
from dagster._core.remote_representation.external import RemoteRepository
from dagster._core.remote_representation.grpc_server_state_subscriber import (
    LocationStateChangeEvent,
    LocationStateSubscriber,
)
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import GrpcServerTarget

from instagram_assets.automation.code_server import (
    CODE_SERVER_HOST,
    CODE_SERVER_PORT,
    CODE_SERVER_SOCKET,
    reload_location,
)
from instagram_assets_tests.servers.dev import ROOT

# Partitions that a file names when the code is loaded, as `days` begin with the first year of the lake.
DEFINITIONS = """
from pathlib import Path
import dagster as dg
from instagram_assets.automation.code_server import reload_location

NAMES = Path(__file__).with_name("names").read_text().split()

@dg.asset(partitions_def=dg.StaticPartitionsDefinition(NAMES))
def things(): ...

@dg.sensor(target=things)
def news():
    return dg.SkipReason(f"{' '.join(NAMES)}: {reload_location()}")

defs = dg.Definitions(assets=[things], sensors=[news])
"""


@pytest.fixture
def code_server(instance: dg.DagsterInstance, tmp_path: Path) -> Iterator[Path]:
    """A code server as `dev` starts it, of definitions of our own; its socket."""
    (tmp_path / "names").write_text("a b")
    (tmp_path / "defs.py").write_text(DEFINITIONS)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "code.sock")
        server = subprocess.Popen(
            [sys.executable, "-m", "dagster", "code-server", "start", "-f", str(tmp_path / "defs.py")],
            env=os.environ | {CODE_SERVER_SOCKET: str(path), "PYTHONPATH": str(ROOT)},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            text=True,
        )
        assert server.stdout
        try:
            assert next((line for line in server.stdout if "Started Dagster code proxy server" in line), None)
            yield path
        finally:
            # Its own end waits for all that it was asked; nobody asks any more.
            os.killpg(server.pid, signal.SIGKILL)
            server.communicate()


def the_repository(context: WorkspaceProcessContext) -> tuple[CodeLocation, RemoteRepository]:
    [location] = context.create_request_context().code_locations
    [repository] = location.get_repositories().values()
    return location, repository


def partitions(context: WorkspaceProcessContext) -> list[str]:
    definition = the_repository(context)[1].asset_graph.get(dg.AssetKey("things")).partitions_def
    assert definition
    return list(definition.get_partition_keys())


def tick(context: WorkspaceProcessContext) -> str | None:
    location, repository = the_repository(context)
    data = location.get_sensor_execution_data(context.instance, repository.handle, "news", None, None, None, None, None)
    return data.skip_message


def test_a_sensor_loads_its_location_anew_and_whoever_watches_sees_it(
    instance: dg.DagsterInstance, code_server: Path, tmp_path: Path
) -> None:
    target = GrpcServerTarget("localhost", None, str(code_server), "things")
    with WorkspaceProcessContext(instance, target) as context:
        events: Queue[LocationStateChangeEvent] = Queue()
        context.add_state_subscriber(LocationStateSubscriber(events.put))
        assert partitions(context) == ["a", "b"]
        (tmp_path / "names").write_text("a b c")
        assert tick(context) == "a b: True"  # by the old process, which finishes what it is asked
        assert events.get().event_type.name == "LOCATION_UPDATED"
        assert partitions(context) == ["a", "b", "c"]
        assert tick(context) == "a b c: True"


def test_without_a_code_server_it_says_that_it_cannot(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (CODE_SERVER_SOCKET, CODE_SERVER_PORT, CODE_SERVER_HOST):
        monkeypatch.delenv(name, raising=False)
    assert not reload_location()
