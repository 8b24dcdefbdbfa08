"""Accounts and hashtags: how each stands, and what can be done about it."""

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.rendering import render

router = APIRouter(include_in_schema=False)


@router.get("/accounts", name="accounts")
def accounts(request: Request) -> HTMLResponse:
    return render(request, "accounts.html", page="accounts")
