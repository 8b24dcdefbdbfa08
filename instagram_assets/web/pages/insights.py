"""The page insights."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/insights", name="insights")
def insights(request: Request, services: Given) -> HTMLResponse:
    """To be made."""
    del services
    return render(request, "insights.html", page="insights")
