"""Runs the HTTP servers of the web app and of the Dagster UI, both behind the CSRF guard."""

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import AsyncGenerator, Callable, Iterable
from pathlib import Path
from typing import Any

from instagram_assets.settings import settings
from instagram_assets.storage.locks import at_work_in
from instagram_assets.web.csrf_guard import guarded, local_names
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.http_server import http_server, is_behind_proxy


def serve_web_app(
    listener: socket.socket, dagster_url: str, names: Iterable[str] = (), ready: Callable[[], None] = lambda: None
) -> None:
    """Serve the web app until SIGTERM or SIGINT; `dagster_url` is the URL of Dagster's webserver.

    `names` are additional host names of the server, as in a browser's address bar; `ready` is called once everything is
    set up. Raises SettingsError if other machines can reach the server and no access token is set.
    """
    from instagram_assets.web.app import protected_app  # not needed by the Dagster UI
    from instagram_assets.web.index_updater import index_updates
    from instagram_assets.web.thumbnail_updater import making_ahead

    names = tuple(names)
    services = Services(settings(), DagsterApi(dagster_url), dagster_url)
    application = protected_app(listener, services, names)
    ready()
    server = http_server(application, is_behind_proxy=is_behind_proxy(listener.getsockname()[0], names))
    # uvicorn finishes open requests and then raises the signal again, which must end this process as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), index_updates(services.settings), making_ahead(services.settings):
        server.run(sockets=[listener])


# The defaults of `dagster_webserver/cli.py` 1.13.27, in milliseconds, seconds, connections, milliseconds.
_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW, _POLL_RATE = 15_000, 3_600, 20, 2_000


def serve_dagster_ui(listener: socket.socket, workspace: Path | None, names: Iterable[str] = ()) -> None:
    """Serve the Dagster UI for the instance in DAGSTER_HOME until SIGTERM or SIGINT.

    The definitions are loaded from the code servers in the `workspace` file, or from this package without one. `names`
    are additional host names of the server, as in a browser's address bar.
    """
    from dagster import DagsterInstance
    from dagster._core.workspace.context import WorkspaceProcessContext
    from dagster._core.workspace.load_target import ModuleTarget, WorkspaceFileTarget
    from dagster._utils.interrupts import setup_interrupt_handlers
    from dagster_webserver.app import create_app_from_workspace_process_context
    from dagster_webserver.version import __version__

    from instagram_assets.automation.code_server import DEFINITIONS, LOCATION_NAME

    target = (
        WorkspaceFileTarget([str(workspace)]) if workspace else ModuleTarget(DEFINITIONS, None, None, LOCATION_NAME)
    )
    host, port = listener.getsockname()[:2]
    allowed = local_names(port, [f"{host}:{port}", *names])
    with DagsterInstance.get() as instance, at_work_in(Path(instance.root_directory)):
        instance.optimize_for_webserver(_STATEMENT_TIMEOUT, _POOL_RECYCLE, _POOL_OVERFLOW)
        with WorkspaceProcessContext(instance, target, __version__) as context:
            application = create_app_from_workspace_process_context(context, "", _POLL_RATE, lifespan=_lifespan)
            server = http_server(guarded(application, allowed))
            # uvicorn finishes open requests and then raises the signal again, which must not skip the clean-up.
            setup_interrupt_handlers()
            with contextlib.suppress(KeyboardInterrupt):
                server.run(sockets=[listener])


@contextlib.asynccontextmanager
async def _lifespan(_: Any) -> AsyncGenerator[None]:
    try:
        yield
    except asyncio.CancelledError:  # how uvicorn ends it on a signal
        logging.getLogger(__name__).info("The Dagster UI was shut down.")
