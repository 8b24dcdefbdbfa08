"""The web app: all of its routes, and how errors are answered."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles

from instagram_assets import __version__
from instagram_assets.web.api import accounts as api_accounts
from instagram_assets.web.api import house as api_house
from instagram_assets.web.api import images as api_images
from instagram_assets.web.api import inbox as api_inbox
from instagram_assets.web.api import jobs as api_jobs
from instagram_assets.web.pages import (
    accounts,
    collect,
    files,
    history,
    house,
    start,
)
from instagram_assets.web.pages import api as reference
from instagram_assets.web.problems import RESPONSES, answer_problems
from instagram_assets.web.services import Services

_API = (api_jobs, api_images, api_inbox, api_house, api_accounts)
_PAGES = (
    start,
    collect,
    files,
    history,
    accounts,
    house,
    reference,
)


def create_app(services: Services) -> FastAPI:
    """The application, without what guards it."""
    app = FastAPI(title="instagram_assets", version=__version__, docs_url=None, redoc_url=None)
    app.state.services = services
    for module in _API:
        app.include_router(module.router, responses=RESPONSES)
    for module in _PAGES:
        app.include_router(module.router)
    answer_problems(app)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    return app
