"""The page posts."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/posts", name="posts")
def posts(request: Request, services: Given) -> HTMLResponse:
    """To be made."""
    del services
    return render(request, "posts.html", page="posts")
