"""Pages about the web app itself: status, login, API reference, and the notice about the index."""

from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from instagram_assets.web.api_reference import reference_of
from instagram_assets.web.authentication import SESSION, Access
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.index_service import notice
from instagram_assets.web.rendering import format_time, render, words_of
from instagram_assets.web.status import cached_status, in_words, of_dagster
from instagram_assets.web.status_facts import AS_IT_SHOULD_BE

router = APIRouter(include_in_schema=False)


@router.get("/status", name="status")
async def status(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the status page: what is pending, failed or missing."""
    return render(request, "status.html", page="status", **await _status_shown(request, services))


@router.get("/status/facts", name="status_facts")
async def facts(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page fragment of the status facts; it refreshes itself while they are being computed."""
    return render(request, "status_facts.html", **await _status_shown(request, services))


async def _status_shown(request: Request, services: Services) -> dict[str, Any]:
    remembered = cached_status(services)
    found = remembered.newest()
    if found is not None:
        found = in_words(found, await of_dagster(services), words_of(request))
    return {
        "platform": found,
        "is_counting": remembered.is_finding,
        "as_it_should_be": AS_IT_SHOULD_BE,
        "dagster_url": services.dagster_url,
        "counted_at": format_time(found.counted_at, services.settings.zone) if found else "",
    }


@router.get("/login", name="login")
def login(request: Request, next: str = "/") -> Response:
    """Responds with the login form, or redirects to `next` if no login is needed."""
    access: Access = request.app.state.access
    if not access.is_demanded or request.scope[SESSION]:
        return RedirectResponse(_ours(next), 303)
    return render(request, "login.html", page="login", next=_ours(next))


def _ours(address: str) -> str:
    """Returns the URL if it is a path of this server, else the start page, so that redirects stay on this site.

    `//host` and `/\\host` lead to other sites, and browsers drop line breaks in URLs.
    """
    is_path = address.startswith("/") and address[1:2] not in ("/", "\\") and address.isprintable()
    return address if is_path and address.isascii() else "/"


@router.get("/api-reference", name="api")
def api(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the API reference, with an example request for each operation."""
    access: Access = request.app.state.access
    address = str(request.base_url).rstrip("/")
    variable = services.settings.web.token_variable if access.is_demanded else ""
    found = reference_of(request.app.openapi(), address, token_variable=variable)
    return render(request, "api.html", page="api", reference=found, is_token_demanded=access.is_demanded)


@router.get("/index/notice", name="index_notice")
def index_notice(request: Request, waiting: bool = False) -> HTMLResponse:
    """Responds with the page fragment about the state of the index, refreshed by polling; empty if all is well."""
    return notice(request, is_waiting=waiting)
