"""Accounts and hashtags: how each stands, and what can be done about it."""

from typing import Annotated
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.web.accounts import Sort, account_detail, advice, list_accounts
from instagram_assets.web.line_chart import line_of
from instagram_assets.web.refresh_ways import ways_to_refresh
from instagram_assets.web.rendering import render
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)
_SHOWN_FOLLOWERS = 200


@router.get("/accounts", name="accounts")
def accounts(
    request: Request,
    services: Given,
    query: Annotated[str, Query(max_length=200)] = "",
    sort: Sort = Sort.newest,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    listing = list_accounts(services, query, sort, page)

    def address(**changes: object) -> str:
        """This list with something else chosen."""
        chosen = {"query": query, "sort": sort.value, "page": listing.page} | changes
        return f"/accounts?{urlencode({name: value for name, value in chosen.items() if value not in ('', 1)})}"

    return render(
        request,
        "accounts.html",
        page="accounts",
        listing=listing,
        query=query,
        sort=sort.value,
        address=address,
        link=account_address,
        advice=advice,
        settings=services.settings,
    )


@router.get("/accounts/{name}", name="account")
def account(request: Request, services: Given, name: str) -> HTMLResponse:
    detail = account_detail(services, name)
    return render(
        request,
        "account.html",
        page="accounts",
        detail=detail,
        account=detail.account,
        line=line_of(detail.followers),
        followers=detail.followers[: -_SHOWN_FOLLOWERS - 1 : -1],
        ways=ways_to_refresh(services.settings, detail.account.name),
        link=account_address,
        advice=advice,
        settings=services.settings,
    )


def account_address(name: str) -> str:
    """The page of an account or hashtag."""
    return f"/accounts/{quote(name, safe='')}"
