"""The state of the house: what waits, failed or is missing, and what helps."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/house", name="house")
def house(request: Request) -> HTMLResponse:
    return render(request, "house.html", page="house")
