"""An S3 server on this machine: moto's, one request at a time.

Moto looks at a condition and then writes, so two threads of it can both find the condition met.
"""

import sys
from collections.abc import Generator
from contextlib import contextmanager
from subprocess import PIPE, Popen
from typing import Any

from upath import UPath

KEYS: dict[str, str] = {"key": "testing", "secret": "testing"}  # moto takes any
BUCKET = "lakes"


@contextmanager
def object_store() -> Generator[str]:
    """The address of a server in a process of its own, with the bucket `lakes`."""
    with Popen([sys.executable, "-m", __name__], stdin=PIPE, stdout=PIPE, text=True) as server:
        assert server.stdout
        assert server.stdin
        try:
            yield server.stdout.readline().strip()
        finally:
            server.stdin.close()  # at the end of its input it ends


def options(address: str) -> dict[str, Any]:
    """What fsspec needs to reach the server."""
    return {**KEYS, "endpoint_url": address}


def store_path(address: str, name: str) -> UPath:
    """A place in the server's bucket."""
    return UPath(f"s3://{BUCKET}/{name}", **options(address))


def _serve() -> None:
    import threading

    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
    from werkzeug.serving import WSGIRequestHandler, make_server

    class Quiet(WSGIRequestHandler):
        def log(self, type: str, message: str, *args: object) -> None:
            """Say nothing of each request."""

    server = make_server("127.0.0.1", 0, DomainDispatcherApplication(create_backend_app), request_handler=Quiet)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.port}"
    import s3fs

    s3fs.S3FileSystem(**options(address)).mkdir(BUCKET)
    print(address, flush=True)
    sys.stdin.read()
    server.shutdown()


if __name__ == "__main__":
    _serve()
