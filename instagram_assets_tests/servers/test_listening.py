"""The loopback servers that other tests stand on leave nothing behind for those tests to trip over."""

import gc
import socket
import threading
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager, suppress

import pytest

from instagram_assets_tests.servers.hostile import HostileServer, answer
from instagram_assets_tests.servers.mail import MailServer


@contextmanager
def clients(port: int, count: int = 3) -> Generator[None]:
    """Clients that connect to `port` over and over and say half a line."""
    end = threading.Event()

    def connect() -> None:
        while not end.is_set():
            with socket.socket() as client, suppress(OSError):
                client.connect(("127.0.0.1", port))
                client.send(b"GET / HT")

    threads = [threading.Thread(target=connect) for _ in range(count)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        end.set()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("kind", [HostileServer, MailServer])
def test_a_server_that_stops_while_clients_come_leaves_no_connection_open(
    kind: type[HostileServer | MailServer], recwarn: pytest.WarningsRecorder
) -> None:
    for _ in range(10):
        with ExitStack() as stack, kind() as server:
            stack.enter_context(clients(server.port))
            time.sleep(0.01)
    gc.collect()
    assert [str(warning.message) for warning in recwarn] == []


def test_a_client_that_reads_no_more_does_not_keep_its_connection_open(recwarn: pytest.WarningsRecorder) -> None:
    with socket.socket() as client:
        with HostileServer() as server:
            server.on("/", answer(bytes(10_000_000)))
            client.connect(("127.0.0.1", server.port))
            client.send(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(1)
        gc.collect()
    assert [str(warning.message) for warning in recwarn] == []
