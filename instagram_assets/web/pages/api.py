"""The REST API for readers, made from its own OpenAPI document."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/api-reference", name="api")
def api(request: Request) -> HTMLResponse:
    return render(request, "api.html", page="api")
