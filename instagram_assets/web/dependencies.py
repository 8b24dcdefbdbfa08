"""Dependencies of the web app's routes (settings, lake, Dagster client), and maximum lengths of form inputs."""

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from upath import UPath

from instagram_assets.datasets.manual_overrides import LONGEST_WHY
from instagram_assets.search.image_search import LONGEST_QUERY, MOST_IMAGES
from instagram_assets.search.search_requests import LARGEST_SHARPNESS, LARGEST_SIDE, LONGEST_NAME
from instagram_assets.settings import Settings
from instagram_assets.storage.lake import lake_root
from instagram_assets.web.dagster_api import DagsterApi


@dataclass(frozen=True)
class Services:
    """The settings and Dagster client of the application; `dagster_url` is the URL of the Dagster UI for browsers."""

    settings: Settings
    dagster: DagsterApi
    dagster_url: str

    @property
    def lake(self) -> UPath:
        """The root of the lake. Raises SettingsError for a URL of an unsupported file system."""
        return lake_root(self.settings)


def services_of(request: Request) -> Services:
    """Returns the services of the application that handles a request."""
    return request.app.state.services


async def _services_dependency(request: Request) -> Services:
    """Returns the application's services; a coroutine, since FastAPI runs a plain function in a thread per request."""
    return services_of(request)


ServicesDep = Annotated[Services, Depends(_services_dependency)]
"""A parameter of a route that gets the services."""


LONGEST_ACCOUNT = 200
"""Maximum number of characters of an account name in a request."""
MOST_POSTS = 100_000
"""Maximum number of posts of one account in one collection."""

LIMITS = {
    "query": LONGEST_QUERY,
    "images": MOST_IMAGES,
    "folder": LONGEST_NAME,
    "side": LARGEST_SIDE,
    "sharpness": LARGEST_SHARPNESS,
    "posts": MOST_POSTS,
    "why": LONGEST_WHY,
    "account": LONGEST_ACCOUNT,
}
"""Maximum lengths and values of form inputs; templates use them as `limits.query`."""
