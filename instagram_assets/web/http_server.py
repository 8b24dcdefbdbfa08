"""Listening sockets and the HTTP server (uvicorn) of the web app and of the Dagster UI."""

import os
import socket
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError
from instagram_assets.web.authentication import is_loopback
from instagram_assets.web.csrf_guard import Application

if TYPE_CHECKING:
    import uvicorn

LOOPBACK = "127.0.0.1"


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """Returns a listening socket at this address; with port 0, at a free port.

    `option` is the command-line option that sets the port; it is named in the SettingsError that is raised if the
    address is not available.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        listener = socket.socket(family, socket.SOCK_STREAM)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        listener.listen(2_048)
    except (OSError, OverflowError) as error:
        raise SettingsError(f"{host}:{port} cannot be used ({error}). Choose another with {option}.") from error
    return listener


def address_of(listener: socket.socket) -> str:
    """Returns host and port of a socket as in a URL: 127.0.0.1:3001, [::1]:3001."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"


def is_behind_proxy(host: str, names: tuple[str, ...]) -> bool:
    """Whether clients connect through a reverse proxy: the server has host names and listens on loopback only.

    If trusted proxies are set (uvicorn's FORWARDED_ALLOW_IPS), as in containers, it can listen on any address.
    """
    return bool(names) and (is_loopback(host) or bool(os.environ.get("FORWARDED_ALLOW_IPS")))


# Seconds to wait at shutdown: an open page keeps its WebSocket for ever, and a slow response must not block the end.
_SECONDS_TO_FINISH = 2


def http_server(application: Application, *, is_behind_proxy: bool = False) -> "uvicorn.Server":
    """Returns a uvicorn server for an application; headers are limited to 64 KiB.

    With `is_behind_proxy`, it takes the client's address from the proxy's header; otherwise that header is ignored,
    since any local process could forge it.
    """
    import uvicorn

    config = uvicorn.Config(
        application,  # pyright: ignore[reportArgumentType]  # ours says less about messages than uvicorn's own types
        http="h11",  # httptools 0.9 reads headers without a limit, before any of our code sees the request
        log_level="warning",
        server_header=False,
        proxy_headers=is_behind_proxy,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    return uvicorn.Server(config)
