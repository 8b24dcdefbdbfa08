"""The notice on pages that are read from the index: that it is made, brought up to date, or cannot be made."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.index_waiting import notice

router = APIRouter(include_in_schema=False)


@router.get("/index/notice", name="index_notice")
def index_notice(request: Request, waiting: bool = False) -> HTMLResponse:
    """The notice, which looks again by itself; empty while nothing is to be said."""
    return notice(request, is_waiting=waiting)
