"""The web app at a port of this machine, in a thread, behind its guard: what a browser meets."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager

import uvicorn

from instagram_assets.web.app import create_app
from instagram_assets.web.guard import guarded, local_names
from instagram_assets.web.services import Services


@contextmanager
def served(services: Services) -> Generator[str]:
    """Its address, such as http://127.0.0.1:41234; it ends with the block."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        application = guarded(create_app(services), local_names(port))
        server = uvicorn.Server(uvicorn.Config(application, log_level="warning", timeout_graceful_shutdown=2))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{port}"
        finally:
            server.should_exit = True
            thread.join()
