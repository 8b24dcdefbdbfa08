"""The page of lists: how many images each keeps and drops, and each as files."""

from urllib.parse import quote, urlencode

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.datasets.lists import list_names
from instagram_assets.errors import InstagramAssetsError
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)


@router.get("/lists", name="lists")
def lists(request: Request, services: Given) -> HTMLResponse:
    """All lists by name, or why they cannot be read."""
    found, problem = [], ""
    try:
        found = list_names(services.lake)
    except InstagramAssetsError as error:
        problem = str(error)
    return render(
        request,
        "lists.html",
        page="gallery",
        lists=found,
        problem=problem,
        gallery_of=gallery_of,
        api_of=api_of,
        is_pseudonymous=services.settings.privacy.pseudonymous_exports,
    )


def gallery_of(name: str, decided: str = "") -> str:
    """The gallery with the images of a list, those that it keeps or drops where that is said."""
    said = {"list_name": name, "decided": decided}
    return f"/gallery?{urlencode({field: value for field, value in said.items() if value}, quote_via=quote)}"


def api_of(name: str) -> str:
    """The address of a list in the API."""
    return f"/api/lists/{quote(name, safe='')}"
