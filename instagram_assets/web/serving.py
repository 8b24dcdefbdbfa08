"""Serves the web app at a socket, behind its guard, until SIGTERM or SIGINT."""

import contextlib
import os
import signal
import socket
from collections.abc import Callable, Iterable

from starlette.types import ASGIApp

from instagram_assets.settings import settings
from instagram_assets.web.access import access_for, is_loopback
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.guard import guarded, local_names, rest
from instagram_assets.web.headers import Headers
from instagram_assets.web.http_server import http_server
from instagram_assets.web.index_keeper import keeping
from instagram_assets.web.listening import place_of
from instagram_assets.web.services import Services
from instagram_assets.web.thumbnail_keeper import making_ahead


def protected(listener: socket.socket, services: Services, names: Iterable[str] = ()) -> ASGIApp:
    """The app as it is served at a socket: with its guard, its headers, and the token that it demands there."""
    host, port = listener.getsockname()[:2]
    others = tuple(names)
    access = access_for(host, port, is_named=bool(others), variable=services.settings.web.token_variable)
    allowed = local_names(port, [place_of(listener), *others])
    return Headers(guarded(create_app(services, access), allowed, rest, json_below="/api/"))


def serve(
    listener: socket.socket, dagster_url: str, names: Iterable[str] = (), ready: Callable[[], None] = lambda: None
) -> None:
    """Serve until SIGTERM or SIGINT; `dagster_url` is the webserver's address, `names` are as in `local_names`.

    `ready` is called when nothing is missing any more. Raises SettingsError when others can reach it and no token is
    set.
    """
    names = tuple(names)
    services = Services(settings(), DagsterApi(dagster_url), dagster_url)
    application = protected(listener, services, names)
    ready()
    server = http_server(application, is_behind_proxy=is_behind_proxy(listener.getsockname()[0], names))
    # uvicorn finishes what is under way and then raises the signal again, which is to end this as Ctrl-C does.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with contextlib.suppress(KeyboardInterrupt), keeping(services.settings), making_ahead(services.settings):
        server.run(sockets=[listener])


def is_behind_proxy(host: str, names: tuple[str, ...]) -> bool:
    """Whether others reach it by a proxy: it has a name of its own and listens to this machine alone.

    Where proxies are named (uvicorn's FORWARDED_ALLOW_IPS), as in containers, it may listen anywhere.
    """
    return bool(names) and (is_loopback(host) or bool(os.environ.get("FORWARDED_ALLOW_IPS")))
