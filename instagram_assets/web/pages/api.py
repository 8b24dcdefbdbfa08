"""The REST API for readers, made from its own OpenAPI document."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.access import Access
from instagram_assets.web.reference import reference_of
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/api-reference", name="api")
def api(request: Request, services: Given) -> HTMLResponse:
    """What a script can ask, with an example of each."""
    access: Access = request.app.state.access
    address = str(request.base_url).rstrip("/")
    variable = services.settings.web.token_variable if access.is_demanded else ""
    found = reference_of(request.app.openapi(), address, token_variable=variable)
    return render(request, "api.html", page="api", reference=found, is_token_demanded=access.is_demanded)
