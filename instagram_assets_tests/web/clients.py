"""The web app in this process, asked without a network, while no Dagster answers."""

from pathlib import Path
from typing import Any

from fastapi import FastAPI
from starlette.testclient import TestClient

from instagram_assets.settings import load_settings
from instagram_assets.web.app import create_app
from instagram_assets.web.dagster_api import DagsterApi
from instagram_assets.web.services import Services

NOBODY = "http://127.0.0.1:1"
"""An address at which nothing answers."""


def app_of(folder: Path, **settings: Any) -> FastAPI:
    """The app with a data folder."""
    return create_app(Services(load_settings(data_dir=folder, **settings), DagsterApi(NOBODY), NOBODY))


def client_of(app: FastAPI) -> TestClient:
    """Asks as a script does; a fault of the app is an answer too, as it is for who asks by network."""
    return TestClient(app, base_url="http://127.0.0.1:3001", raise_server_exceptions=False, follow_redirects=False)
