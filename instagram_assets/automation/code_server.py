"""Reload of the running Dagster code server's definitions, as by the button "Reload" of the Dagster UI."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient

# Dagster's own names, which `dagster code-server start` reads; its children, where sensors and runs live, inherit them.
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


def reload_location() -> bool:
    """Reload the definitions in a new process of the code server; returns False when no code server is known.

    Call it from a sensor, a schedule or a run. It returns once the new process serves; Dagster's daemon and UI notice
    within about two seconds. The old process finishes its calls and runs, including the caller, and then ends. Raises
    DagsterUserCodeUnreachableError when the code server does not answer.
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
