"""Start a collection, put files in, and watch what runs."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/collect", name="collect")
def collect(request: Request) -> HTMLResponse:
    return render(request, "collect.html", page="collect")
