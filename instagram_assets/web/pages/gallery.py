"""The page gallery."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/gallery", name="gallery")
def gallery(request: Request, services: Given) -> HTMLResponse:
    """To be made."""
    del services
    return render(request, "gallery.html", page="gallery")
