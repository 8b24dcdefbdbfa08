"""The REST API for readers, made from its own OpenAPI document."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.access import Access
from instagram_assets.web.reference import reference_of
from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/api-reference", name="api")
def api(request: Request) -> HTMLResponse:
    """What a script can ask, with an example of each."""
    access: Access = request.app.state.access
    address = str(request.base_url).rstrip("/")
    found = reference_of(request.app.openapi(), address, is_token_demanded=access.is_demanded)
    return render(request, "api.html", page="api", reference=found, is_token_demanded=access.is_demanded)
