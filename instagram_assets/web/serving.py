"""Serves the web app at a socket, behind its guard, until SIGTERM or SIGINT."""

import contextlib
import signal
import socket
from collections.abc import Iterable

from instagram_assets.settings import settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.guard import guarded, local_names
from instagram_assets.web.services import Services

_SECONDS_TO_FINISH = 2


def serve(listener: socket.socket, dagster_url: str, names: Iterable[str] = ()) -> None:
    """Serve until SIGTERM or SIGINT; `dagster_url` is the webserver's address, `names` are as in `local_names`."""
    import uvicorn

    host, port = listener.getsockname()[:2]
    services = Services(settings(), DagsterApi(dagster_url), dagster_url)
    application = guarded(create_app(services), local_names(port, [f"{host}:{port}", *names]))
    config = uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=_SECONDS_TO_FINISH)
    # uvicorn finishes what is under way and then raises the signal again, which is to end this as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt):
        uvicorn.Server(config).run(sockets=[listener])
