"""The Dagster UI behind the guard: Dagster's own web application, served as `dagster-webserver` serves it."""

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Iterable
from pathlib import Path
from typing import Any

from instagram_assets.storage.locks import at_work_in
from instagram_assets.web.guard import guarded, local_names
from instagram_assets.web.http_server import http_server

# As `dagster_webserver/cli.py` of 1.13.27 has them: milliseconds, seconds, connections, milliseconds.
_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW, _POLL_RATE = 15_000, 3_600, 20, 2_000


def serve(listener: socket.socket, workspace: Path | None, names: Iterable[str] = ()) -> None:
    """Serve the UI of DAGSTER_HOME until SIGTERM or SIGINT; `names` as in `local_names`.

    The definitions are those of the code servers that the workspace names; without one, this package's.
    """
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget
    from dagster._utils.interrupts import setup_interrupt_handlers
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    from instagram_assets.automation.dev import DEFINITIONS, LOCATION

    target = WorkspaceFileTarget([str(workspace)]) if workspace else ModuleTarget(DEFINITIONS, None, None, LOCATION)
    host, port = listener.getsockname()[:2]
    allowed = local_names(port, [f"{host}:{port}", *names])
    with DagsterInstance.get() as instance, at_work_in(Path(instance.root_directory)):
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, target, __version__) as context:
            application = create_app_from_workspace_process_context(context, "", _POLL_RATE, lifespan=_lifespan)
            server = http_server(guarded(application, allowed))
            # uvicorn finishes what is under way and then raises the signal again, which must not skip the rest.
            setup_interrupt_handlers()
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])


@contextlib.asynccontextmanager
async def _lifespan(_: Any) -> AsyncGenerator[None]:
    try:
        yield
    except asyncio.CancelledError:  # how uvicorn ends it on a signal
        logging.getLogger(__name__).info("The Dagster UI was shut down.")
