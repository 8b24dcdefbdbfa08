"""Sockets that servers are handed, and the HTTP server of the web app and of the Dagster UI."""

import socket
from typing import TYPE_CHECKING

from instagram_assets.errors import SettingsError
from instagram_assets.web.guard import Application

if TYPE_CHECKING:
    import uvicorn


LOOPBACK = "127.0.0.1"


def listen(host: str, port: int, option: str = "--port") -> socket.socket:
    """A socket that listens there; port 0 takes a free one.

    Raises SettingsError when it cannot be had, with the option that would choose another.
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


def place_of(listener: socket.socket) -> str:
    """Host and port as they stand in an address: 127.0.0.1:3001, [::1]:3001."""
    host, port = listener.getsockname()[:2]
    return f"[{host}]:{port}" if listener.family == socket.AF_INET6 else f"{host}:{port}"


# A page that is open keeps its WebSocket for ever, and an answer under way must not hold up the end.
_SECONDS_TO_FINISH = 2


def http_server(application: Application, *, is_behind_proxy: bool = False) -> "uvicorn.Server":
    """A server that cuts off headers above 64 KiB.

    With `is_behind_proxy` it takes a proxy's word for whose address a request came from; else anybody on this machine
    could name another one with each request.
    """
    import uvicorn

    config = uvicorn.Config(
        application,  # pyright: ignore[reportArgumentType]  # ours says less about messages than uvicorn's own types
        http="h11",  # httptools 0.9 reads headers without a limit, before anything of ours sees the request
        log_level="warning",
        server_header=False,
        proxy_headers=is_behind_proxy,
        timeout_graceful_shutdown=_SECONDS_TO_FINISH,
    )
    return uvicorn.Server(config)
