"""Sockets that servers are handed: made first, so that a port that is taken is told before anything starts."""

import socket

from instagram_assets.errors import SettingsError

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
