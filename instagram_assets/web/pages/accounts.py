"""Pages about accounts and hashtags: the list, the page of one account, and the page for erasing it."""

from typing import Annotated, Any
from urllib.parse import quote, urlencode

from fastapi import APIRouter, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import HTMLResponse

from instagram_assets.errors import InstagramAssetsError
from instagram_assets.web.account_list import Sort, account_detail, is_known, list_accounts
from instagram_assets.web.collect_methods import refresh_methods
from instagram_assets.web.dependencies import LONGEST_ACCOUNT, ServicesDep
from instagram_assets.web.forgetting import canonical, preview, progress, runs_under_way, unfinished
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.svg_charts import line_of

router = APIRouter(include_in_schema=False)
_SHOWN_FOLLOWERS = 200


@router.get("/accounts", name="accounts")
def accounts(
    request: Request,
    services: ServicesDep,
    query: Annotated[str, Query(max_length=LONGEST_ACCOUNT)] = "",
    sort: Sort = Sort.newest,
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> HTMLResponse:
    """Responds with a page of the list of accounts and hashtags."""
    listing = list_accounts(services, query, sort, page)

    def address(**changes: object) -> str:
        """Returns the URL of this account list with the query parameters in `changes` replaced."""
        chosen = {"query": query, "sort": sort.value, "page": listing.page} | changes
        return f"/accounts?{urlencode({name: value for name, value in chosen.items() if value not in ('', 1)})}"

    return render(
        request,
        "accounts.html",
        page="accounts",
        listing=listing,
        unfinished=unfinished(services.settings),
        query=query,
        sort=sort.value,
        address=address,
        link=account_address,
        settings=services.settings,
    )


@router.get("/accounts/{name}", name="account")
def account(request: Request, services: ServicesDep, name: str) -> HTMLResponse:
    """Responds with the page of one account or hashtag: metrics, newest posts, and state at each collector site."""
    detail = account_detail(services, name)
    return render(
        request,
        "account.html",
        page="accounts",
        detail=detail,
        account=detail.account,
        line=line_of(detail.followers),
        followers=detail.followers[: -_SHOWN_FOLLOWERS - 1 : -1],
        methods=refresh_methods(services.settings, detail.account.name),
        link=account_address,
        settings=services.settings,
    )


def account_address(name: str) -> str:
    """Returns the URL of the page of an account or hashtag."""
    return f"/accounts/{quote(name, safe='')}"


@router.get("/accounts/{name}/forget", name="forget")
async def forget(request: Request, services: ServicesDep, name: str) -> HTMLResponse:
    """Responds with the page for erasing an account or hashtag: what erasure does, and its progress."""
    values = await _forget_values(services, name)
    known = await run_in_threadpool(is_known, services, values["name"])
    words = words_of(request)
    back = (account_address(values["name"]), values["name"]) if known else ("/accounts", words("accounts.title"))
    return render(request, "forget.html", page="accounts", back=back[0], back_to=back[1], is_part=False, **values)


@router.get("/accounts/{name}/forget/progress", name="forget_progress")
async def forget_progress(request: Request, services: ServicesDep, name: str) -> HTMLResponse:
    """Responds with the page fragment that shows the progress of the erasure."""
    return render(request, "forget_progress.html", is_part=True, **await _forget_values(services, name))


@router.get("/accounts/{name}/forget/preview", name="forget_preview")
def forget_preview(request: Request, services: ServicesDep, name: str) -> HTMLResponse:
    """Responds with the page fragment that lists what would be erased."""
    found, problem = None, ""
    try:
        found = preview(services.settings, name)
    except InstagramAssetsError as error:
        problem = str(error)
    return render(request, "forget_preview.html", found=found, problem=problem)


async def _forget_values(services: ServicesDep, name: str) -> dict[str, Any]:
    state = await run_in_threadpool(progress, services.settings, name)
    runs = (
        await runs_under_way(services)
        if state.can_pause and not (state.request and not state.request.phase.is_over)
        else []
    )
    return {"name": canonical(name), "progress": state, "runs": runs, "link": account_address}
