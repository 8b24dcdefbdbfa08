"""What was collected: all collections, and each with its images and its log."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/jobs", name="history")
def history(request: Request) -> HTMLResponse:
    return render(request, "history.html", page="history")
