"""Loads this code location's definitions anew while it runs, as the button "Reload" of the Dagster UI does."""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from dagster._grpc.client import DagsterGrpcClient

# Dagster's own names, which `dagster code-server start` reads; its children, where sensors and runs live, inherit them.
SOCKET = "DAGSTER_CODE_SERVER_SOCKET"
PORT = "DAGSTER_CODE_SERVER_PORT"
HOST = "DAGSTER_CODE_SERVER_HOST"
NO_CODE_SERVER = (
    f"no code server is known that could load the definitions anew (neither {SOCKET} nor {PORT} is set). "
    "Start them again: `instagram-assets dev` needs no telling the next time"
)
# Importing everything takes seconds; a machine with other work takes its time.
_SECONDS = 120


def reload_location() -> bool:
    """Load the definitions anew, in a new process beside this one; False where no code server is known.

    To be called from a sensor, a schedule or a run. Returns when the new process serves: Dagster's daemon and UI see
    it within about two seconds. Calls under way, the caller's too, are finished by the old process, which then ends,
    once its runs have. Raises DagsterUserCodeUnreachableError when the code server does not answer.
    """
    client = _code_server()
    if client is None:
        return False
    client.reload_code(timeout=_SECONDS)
    return True


def _code_server() -> "DagsterGrpcClient | None":
    from dagster._grpc.client import DagsterGrpcClient

    if path := os.environ.get(SOCKET):
        return DagsterGrpcClient(socket=path)
    if port := os.environ.get(PORT):
        host = os.environ.get(HOST, "localhost")
        return DagsterGrpcClient(port=int(port), host="localhost" if host in ("0.0.0.0", "::") else host)
    return None
