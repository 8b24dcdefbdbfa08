"""Parts of the insights that are no charts: the reels of a week, and groups of images with some of each."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.calendar import week_name
from instagram_assets.insights.asked import OF_IMAGES, only
from instagram_assets.insights.groups import MOST_SHEETS, Sheet, cluster_sheets, images_of_cluster, topic_sheets
from instagram_assets.insights.virality import hypotheses, reels_of_week
from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.filter_given import Wanted
from instagram_assets.web.index_service import index_of
from instagram_assets.web.pages.morning import day_of, picture_of, post_link
from instagram_assets.web.rendering import render
from instagram_assets.web.reports import week_pages
from instagram_assets.web.services import Given

router = APIRouter(include_in_schema=False)
_HALF = 80
"""Half the width of the picture of an interval, in its own units."""


@router.get("/insights/reels")
def reels(request: Request, services: Given, wanted: Wanted, week: str = "") -> HTMLResponse:
    """The reels of a week, with what may set the viral ones apart. Raises QueryError, NotReadyError."""
    asked = only(wanted, ("account",))
    index = index_of(services)
    found = reels_of_week(index, asked, day_of(week))
    of_week = Filter(first=found.week, last=found.week)
    rows = hypotheses(index, of_week).to_pylist() if found.week else []
    pages = {page.week: page.name for page in week_pages(services.settings.folder("reports"))}
    return render(
        request,
        "reels.html",
        found=found,
        query=asked.to_query(),
        report=pages.get(week_name(found.week), "") if found.week else "",
        contrasts=[(row, interval_of(row)) for row in rows if row["difference"] is not None],
        supposed=[row for row in rows if row["difference"] is None],
        all_reels=f"/posts?{asked.but(kind='reel', first=found.week, last=found.last).to_query()}"
        if found.week
        else "",
        post_link=post_link,
        frame_of=frame_of,
    )


@router.get("/insights/sheets")
def sheets(
    request: Request, services: Given, wanted: Wanted, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> HTMLResponse:
    """The largest clusters and topics, each with some of its images. Raises QueryError, NotReadyError."""
    asked = only(wanted, OF_IMAGES)
    index = index_of(services)
    clusters = cluster_sheets(index, asked, offset)
    return render(
        request,
        "groups.html",
        clusters=clusters,
        topics=topic_sheets(index, asked) if not offset else [],
        query=asked.to_query(),
        following=offset + MOST_SHEETS if len(clusters) == MOST_SHEETS else 0,
        offset=offset,
        gallery_of=lambda sheet: _gallery_of(sheet, asked),
    )


def interval_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Where an interval and its middle stand in a picture 2 * _HALF wide with zero in its middle, each on its scale."""
    widest = max(abs(row[name]) for name in ("low", "high", "difference")) or 1.0
    return {name: round(_HALF + (_HALF - 4) * row[name] / widest, 1) for name in ("low", "high", "difference")}


def frame_of(reel: Mapping[str, Any]) -> str:
    """The name of the picture of a reel: a frame of its video, else its first image; empty for none."""
    return picture_of({**reel, "first_image": None}) or picture_of(reel)


def _gallery_of(sheet: Sheet, wanted: Filter) -> str:
    return f"/gallery?{images_of_cluster(sheet.numbers, wanted).to_query()}"
