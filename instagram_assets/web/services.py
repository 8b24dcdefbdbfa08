"""What the routes of the web app work with, made once when it starts."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from upath import UPath

from instagram_assets.settings import Settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.dagster_api import DagsterApi


@dataclass(frozen=True)
class Services:
    """The settings, and Dagster by its webserver's GraphQL; `dagster_url` is where a browser finds its UI."""

    settings: Settings
    dagster: DagsterApi
    dagster_url: str

    @property
    def lake(self) -> UPath:
        """The root of the lake. Raises SettingsError for an address that no file system here knows."""
        return lake_root(self.settings)


def services_of(request: Request) -> Services:
    """The services of the application that answers this request."""
    return request.app.state.services


async def _given(request: Request) -> Services:
    """The same, as a coroutine: for a plain function FastAPI would take a thread at each request."""
    return services_of(request)


Given = Annotated[Services, Depends(_given)]
"""A parameter of a route that gets the services."""
