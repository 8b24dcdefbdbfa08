"""Dagster's code server: how `dev` starts it, how clients connect, and how a sensor or run reloads its definitions."""

import json
import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient

LOCATION_NAME = "instagram_assets"
"""The name of Dagster's code location, as in `workspace.yaml`."""
DEFINITIONS = "instagram_assets.definitions"
_PACKAGE_ROOT = Path(__file__).parent.parent.parent
# Environment variables read by `dagster code-server start` and inherited by its child processes (sensors and runs).
CODE_SERVER_SOCKET = "DAGSTER_CODE_SERVER_SOCKET"
CODE_SERVER_PORT = "DAGSTER_CODE_SERVER_PORT"
CODE_SERVER_HOST = "DAGSTER_CODE_SERVER_HOST"
NO_CODE_SERVER = (
    "no code server is known that could load the definitions anew "
    f"(neither {CODE_SERVER_SOCKET} nor {CODE_SERVER_PORT} is set). "
    "Start them again: `instagram-assets dev` needs no telling the next time"
)
# Importing everything takes seconds, longer on a busy machine.
_SECONDS = 120


def write_workspace(folder: Path) -> Path:
    """Write `workspace.yaml`, by which Dagster's UI and daemon find this folder's code server; returns its path."""
    file = folder / "workspace.yaml"
    server = {"socket": str(_socket(folder)), "location_name": LOCATION_NAME}
    file.write_text(json.dumps({"load_from": [{"grpc_server": server}]}), "utf-8")
    return file


def code_server_command(log_level: str) -> list[str]:
    """The command line of the code server; `client_environment` tells it the socket to listen on."""
    command = [sys.executable, "-m", "dagster", "code-server", "start", "-m", DEFINITIONS, "-d", str(_PACKAGE_ROOT)]
    return [*command, "--location-name", LOCATION_NAME, "--log-level", log_level]


def client_environment(folder: Path, without: str) -> dict[str, str]:
    """Environment variables for the code server of this folder and for its clients.

    `without` is the name of a variable with a secret that is removed.
    """
    left_out = (CODE_SERVER_HOST, CODE_SERVER_PORT, without)
    others = {name: value for name, value in os.environ.items() if name not in left_out}
    return {**others, CODE_SERVER_SOCKET: str(_socket(folder))}


def is_serving(folder: Path) -> bool:
    """Whether the code server of this folder accepts connections."""
    with socket.socket(socket.AF_UNIX) as client:
        return client.connect_ex(str(_socket(folder))) == 0


def _socket(folder: Path) -> Path:
    return folder / "code.sock"


def reload_location() -> bool:
    """Reload the definitions in a new process of the code server; returns False when no code server is known.

    Call it from a sensor, a schedule or a run. It returns when the new process accepts requests; Dagster's daemon and
    UI notice it within about two seconds. The old process finishes its requests and runs, including the caller, and
    then ends. Raises DagsterUserCodeUnreachableError if the code server does not respond.
    """
    client = _code_server()
    if client is None:
        return False
    client.reload_code(timeout=_SECONDS)
    return True


def _code_server() -> "DagsterGrpcClient | None":
    from dagster._grpc.client import DagsterGrpcClient

    if path := os.environ.get(CODE_SERVER_SOCKET):
        return DagsterGrpcClient(socket=path)
    if port := os.environ.get(CODE_SERVER_PORT):
        host = os.environ.get(CODE_SERVER_HOST, "localhost")
        return DagsterGrpcClient(port=int(port), host="localhost" if host in ("0.0.0.0", "::") else host)
    return None
