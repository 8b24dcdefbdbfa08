"""The daily summary page, for yesterday by default: what accounts posted, new words, and missing data."""

from datetime import date, timedelta
from functools import partial
from pathlib import PurePosixPath
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.calendar import today
from instagram_assets.errors import QueryError
from instagram_assets.insights.daily_summary import (
    DAYS_BEFORE,
    MOST_SHOWN_POSTS,
    DaySummary,
    Row,
    day_summary,
    yesterday,
)
from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.url_filter import UrlFilter

router = APIRouter(include_in_schema=False)
PAGE = 20
"""Number of accounts that are shown at once."""
_MOST_NAMED = 24
_FIRST_DAY, _LAST_DAY = date(2010, 1, 1), date(2200, 1, 1)
"""Instagram began in 2010."""


@router.get("/morning", name="morning")
def morning_page(request: Request, services: ServicesDep, filters: UrlFilter, day: str = "") -> HTMLResponse:
    """Responds with the summary of a day. Raises QueryError, NotReadyError."""
    last = yesterday(today(services.settings.zone))
    requested = day_from_query(day)
    found = day_summary(index_of(services), requested or last, filters.account)
    if not requested and found.is_unknown and found.newest:
        found = day_summary(index_of(services), found.newest, filters.account)
    chosen = found.day
    shown = {"page": "morning", "day": chosen, "query": _query(filters, chosen), "filters": filters}
    weekday = words_of(request)(f"morning.weekdays.{chosen.isoweekday()}")
    return render(
        request,
        "morning.html",
        weekday=weekday,
        is_yesterday=chosen == last,
        instead_of=last if not requested and chosen != last else None,
        previous=chosen - timedelta(days=1),
        following=chosen + timedelta(days=1),
        days_before=DAYS_BEFORE,
        most_named=_MOST_NAMED,
        **shown,
        **_shown(services, found, filters, 0),
    )


@router.get("/morning/accounts", name="morning_accounts")
def more_accounts(
    request: Request,
    services: ServicesDep,
    filters: UrlFilter,
    day: str,
    offset: Annotated[int, Query(ge=0, le=100_000)] = 0,
) -> HTMLResponse:
    """Responds with the next accounts of the summary, as a page fragment. Raises QueryError."""
    chosen = day_from_query(day) or yesterday(today(services.settings.zone))
    found = day_summary(index_of(services), chosen, filters.account)
    shown = _shown(services, found, filters, offset)
    return render(request, "morning_accounts.html", day=chosen, query=_query(filters, chosen), filters=filters, **shown)


def _shown(services: Services, found: DaySummary, filters: Filter, offset: int) -> dict[str, Any]:
    of_day = Filter(account=filters.account, first=found.day, last=found.day)
    return {
        "morning": found,
        "of_day": of_day,
        "accounts": found.active[offset : offset + PAGE],
        "offset": offset + PAGE,
        "rest": max(0, len(found.active) - offset - PAGE),
        "most_posts": MOST_SHOWN_POSTS,
        "zone": services.settings.zone,
        "post_link": post_link,
        "query_of": partial(_query, filters),
        "picture_of": picture_of,
    }


def picture_of(post: Row) -> str:
    """Returns the name of the image that represents a post: its first image, else a frame of its video; else ""."""
    return post["first_image"] or (PurePosixPath(post["poster"]).stem if post["poster"] else "")


def post_link(post: Row) -> str:
    """Returns the URL of a post's page."""
    return f"/posts?{Filter(account=(post['account'],), post=post['post_id']).to_query()}"


def _query(filters: Filter, day: date) -> str:
    return Filter(account=filters.account).to_query(day=str(day))


def day_from_query(text: str) -> date | None:
    """Parses a day from a URL, in ISO 8601; None for an empty text. Raises QueryError for an invalid day."""
    if not text.strip():
        return None
    try:
        day = date.fromisoformat(text.strip()[:40])
    except ValueError as error:
        raise QueryError(f"day={text[:40]!r}: not a day such as 2026-11-02.") from error
    if not _FIRST_DAY <= day <= _LAST_DAY:
        raise QueryError(f"day={day}: it is one between {_FIRST_DAY} and {_LAST_DAY}.")
    return day
