"""The web app: all of its routes, and how errors are answered."""

from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware

from instagram_assets import __version__
from instagram_assets.web.access import Access
from instagram_assets.web.api import accounts as api_accounts
from instagram_assets.web.api import age as api_age
from instagram_assets.web.api import gallery as api_gallery
from instagram_assets.web.api import images as api_images
from instagram_assets.web.api import inbox as api_inbox
from instagram_assets.web.api import insights as api_insights
from instagram_assets.web.api import jobs as api_jobs
from instagram_assets.web.api import lists as api_lists
from instagram_assets.web.api import login as api_login
from instagram_assets.web.api import posts as api_posts
from instagram_assets.web.api import status as api_status
from instagram_assets.web.api import thumbnails as api_thumbnails
from instagram_assets.web.bodies import SmallBodies
from instagram_assets.web.document import document_api
from instagram_assets.web.entrance import Entrance
from instagram_assets.web.index_waiting import answer_waiting
from instagram_assets.web.pages import (
    accounts,
    age,
    collect,
    files,
    gallery,
    history,
    images,
    index,
    insights,
    lists,
    login,
    morning,
    posts,
    reels,
    start,
    status,
)
from instagram_assets.web.pages import api as reference
from instagram_assets.web.pausing import NoChangesWhilePaused
from instagram_assets.web.problems import RESPONSES, answer_problems
from instagram_assets.web.services import Services

_API = (
    api_jobs,
    api_images,
    api_inbox,
    api_gallery,
    api_posts,
    api_lists,
    api_thumbnails,
    api_insights,
    api_age,
    api_status,
    api_accounts,
    api_login,
)
_PAGES = (
    start,
    morning,
    gallery,
    lists,
    posts,
    reels,
    insights,
    index,
    age,
    collect,
    files,
    history,
    images,
    accounts,
    status,
    reference,
    login,
)


def create_app(services: Services, access: Access | None = None) -> FastAPI:
    """The application, without the guard around it; without `access` it demands no token."""
    access = access or Access()
    app = FastAPI(title="instagram_assets", version=__version__, docs_url=None, redoc_url=None)
    app.state.services, app.state.access = services, access
    for module in _API:
        app.include_router(module.router, responses=RESPONSES)
    for module in _PAGES:
        app.include_router(module.router)
    answer_problems(app)
    answer_waiting(app)
    document_api(app)
    # The last is asked first.
    app.add_middleware(SmallBodies)
    app.add_middleware(NoChangesWhilePaused)
    app.add_middleware(Entrance, access=access)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    return app
