"""The first page: what there is to see and to do."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/", name="start")
def start(request: Request) -> HTMLResponse:
    return render(request, "start.html", page="start")
