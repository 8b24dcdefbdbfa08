"""The web app in this process, while no Dagster answers."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from instagram_assets.settings import load_settings
from instagram_assets.web.app import create_app, protected_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.dependencies import Services
from instagram_assets.web.http_server import address_of, http_server, listen

NOBODY = "http://127.0.0.1:1"
"""An address at which nothing answers."""


def app_of(folder: Path, **settings: Any) -> FastAPI:
    """The app with a data folder."""
    return create_app(Services(load_settings(data_dir=folder, **settings), DagsterApi(NOBODY), NOBODY))


def client_of(app: FastAPI) -> TestClient:
    """Asks as a script does; a fault of the app is an answer too, as it is for who asks by network."""
    return TestClient(app, base_url="http://127.0.0.1:3001", raise_server_exceptions=False, follow_redirects=False)


@contextmanager
def served(folder: Path, dagster: str = NOBODY, **settings: Any) -> Generator[str]:
    """The app at an address of its own, with all that guards it."""
    with listen("127.0.0.1", 0) as listener:
        services = Services(load_settings(data_dir=folder, **settings), DagsterApi(dagster), dagster)
        server = http_server(protected_app(listener, services))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            yield f"http://{address_of(listener)}"
        finally:
            server.should_exit = True
            thread.join()
