"""The FastAPI application of the web app: its routes, middleware and error handlers."""

import socket
from collections.abc import Iterable
from pathlib import Path

from fastapi import FastAPI
from fastapi.staticfiles import StaticFiles
from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from instagram_assets import __version__
from instagram_assets.web.api import accounts as api_accounts
from instagram_assets.web.api import gallery as api_gallery
from instagram_assets.web.api import images as api_images
from instagram_assets.web.api import inbox as api_inbox
from instagram_assets.web.api import insights as api_insights
from instagram_assets.web.api import jobs as api_jobs
from instagram_assets.web.api import lists as api_lists
from instagram_assets.web.api import posts as api_posts
from instagram_assets.web.api import server as api_server
from instagram_assets.web.api import thumbnails as api_thumbnails
from instagram_assets.web.api_reference import document_api
from instagram_assets.web.authentication import Access, access_for
from instagram_assets.web.csrf_guard import guarded, local_names, rest
from instagram_assets.web.dependencies import Services
from instagram_assets.web.error_responses import RESPONSES, add_error_handlers
from instagram_assets.web.http_server import address_of
from instagram_assets.web.index_service import answer_waiting
from instagram_assets.web.middleware import Headers, LoginGate, NoChangesWhilePaused, SmallBodies
from instagram_assets.web.pages import accounts, collect, gallery, history, insights, morning, posts, server, start

_API = (
    *(api_jobs, api_images, api_inbox, api_gallery, api_posts, api_lists, api_thumbnails, api_insights, api_server),
    api_accounts,
)
_PAGES = (start, morning, gallery, posts, insights, collect, history, accounts, server)


def create_app(services: Services, access: Access | None = None) -> FastAPI:
    """Creates the FastAPI application without the CSRF guard; without `access` no token is required."""
    access = access or Access()
    app = FastAPI(title="instagram_assets", version=__version__, docs_url=None, redoc_url=None)
    app.state.services, app.state.access = services, access
    for module in _API:
        app.include_router(module.router, responses=RESPONSES)
    for module in _PAGES:
        app.include_router(module.router)
    add_error_handlers(app)
    answer_waiting(app)
    document_api(app)
    # The middleware that is added last runs first.
    app.add_middleware(SmallBodies)
    app.add_middleware(NoChangesWhilePaused)
    app.add_middleware(LoginGate, access=access)
    app.add_middleware(GZipMiddleware, minimum_size=1_000, compresslevel=6)
    app.mount("/static", StaticFiles(directory=Path(__file__).with_name("static")), name="static")
    return app


def protected_app(listener: socket.socket, services: Services, names: Iterable[str] = ()) -> ASGIApp:
    """Returns the complete web app for a listening socket: with CSRF guard, security headers, and login if required.

    `names` are additional host names of the server, as in a browser's address bar.
    """
    host, port = listener.getsockname()[:2]
    others = tuple(names)
    access = access_for(host, port, is_named=bool(others), variable=services.settings.web.token_variable)
    allowed = local_names(port, [address_of(listener), *others])
    return Headers(guarded(create_app(services, access), allowed, rest, json_below="/api/"))
