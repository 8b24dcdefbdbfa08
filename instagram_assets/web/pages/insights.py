"""Insights pages: charts, the reels of a week, contact sheets of clusters, and the age model."""

from collections.abc import Mapping
from typing import Annotated, Any, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.calendar import week_name
from instagram_assets.errors import NotFoundError, NotReadyError, QueryError
from instagram_assets.insights.chart_data import CHARTS_BY_NAME, chart_data, chart_of, ignored_fields
from instagram_assets.insights.chart_definition import CHART_PAGES, FEW, OF_IMAGES, keep_fields
from instagram_assets.insights.cluster_charts import MOST_SHEETS, Sheet, cluster_sheets, images_of_cluster, topic_sheets
from instagram_assets.insights.filter_form import STRETCHES, accounts_like, day_range, repeated_posts, unknown_accounts
from instagram_assets.insights.virality_charts import hypotheses, reels_of_week
from instagram_assets.lake_index.facets import clusters_of
from instagram_assets.lake_index.filters import Filter, KindFilter
from instagram_assets.lake_index.index_reader import LakeIndex
from instagram_assets.text.part_of_speech import POS_CLASSES
from instagram_assets.web.age_facts import markdown_html, read_age_facts
from instagram_assets.web.chart_rendering import (
    MOST_TABLE_ROWS,
    cloud_of,
    column_name,
    has_few,
    script_data,
    table_columns,
    table_rows,
)
from instagram_assets.web.dependencies import Services, ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.pages.morning import day_from_query, picture_of, post_link
from instagram_assets.web.pages.start import week_pages
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.svg_charts import reliability_of
from instagram_assets.web.url_filter import UrlFilter, address, chips_of, filter_of_request, kept_fields

router = APIRouter(include_in_schema=False)
_HALF = 80
"""Half the width of the SVG image of a confidence interval, in SVG units."""


@router.get("/insights/reels")
def reels(request: Request, services: ServicesDep, filters: UrlFilter, week: str = "") -> HTMLResponse:
    """Responds with one week's reels and hypotheses on what makes them viral. Raises QueryError, NotReadyError."""
    by_account = keep_fields(filters, ("account",))
    index = index_of(services)
    found = reels_of_week(index, by_account, day_from_query(week))
    of_week = Filter(first=found.week, last=found.week)
    rows = hypotheses(index, of_week).to_pylist() if found.week else []
    pages = {page.week: page.name for page in week_pages(services.settings.folder("reports"))}
    return render(
        request,
        "reels.html",
        found=found,
        query=by_account.to_query(),
        report=pages.get(week_name(found.week), "") if found.week else "",
        contrasts=[(row, interval_of(row)) for row in rows if row["difference"] is not None],
        supposed=[row for row in rows if row["difference"] is None],
        all_reels=f"/posts?{by_account.but(kind='reel', first=found.week, last=found.last).to_query()}"
        if found.week
        else "",
        post_link=post_link,
        frame_of=frame_of,
    )


@router.get("/insights/sheets")
def sheets(
    request: Request, services: ServicesDep, filters: UrlFilter, offset: Annotated[int, Query(ge=0, le=100_000)] = 0
) -> HTMLResponse:
    """Responds with the largest clusters and topics, each with sample images. Raises QueryError, NotReadyError."""
    of_images = keep_fields(filters, OF_IMAGES)
    index = index_of(services)
    clusters = cluster_sheets(index, of_images, offset)
    return render(
        request,
        "groups.html",
        clusters=clusters,
        topics=topic_sheets(index, of_images) if not offset else [],
        query=of_images.to_query(),
        following=offset + MOST_SHEETS if len(clusters) == MOST_SHEETS else 0,
        offset=offset,
        gallery_of=lambda sheet: _gallery_of(sheet, of_images),
    )


def interval_of(row: Mapping[str, Any]) -> dict[str, float]:
    """Returns the x coordinates of a confidence interval and its centre, scaled so that the interval fits.

    The SVG image is 2 * _HALF wide, with 0 in the middle.
    """
    widest = max(abs(row[name]) for name in ("low", "high", "difference")) or 1.0
    return {name: round(_HALF + (_HALF - 4) * row[name] / widest, 1) for name in ("low", "high", "difference")}


def frame_of(reel: Mapping[str, Any]) -> str:
    """Returns the name of the image that represents a reel: a frame of its video, else its first image; else ""."""
    return picture_of({**reel, "first_image": None}) or picture_of(reel)


def _gallery_of(sheet: Sheet, filters: Filter) -> str:
    return f"/gallery?{images_of_cluster(sheet.numbers, filters).to_query()}"


_FIRST = CHART_PAGES[0]


@router.get("/insights", name="insights")
@router.get(f"/insights/{_FIRST}")
def first_page(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the first page of the insights, to which the navigation links."""
    return _page(request, services, _FIRST)


@router.get("/insights/accounts", name="insights_accounts")
def accounts(
    request: Request, services: ServicesDep, account: Annotated[list[str] | None, Query()] = None
) -> HTMLResponse:
    """Responds with account suggestions for the filter form; the last value of `account` is the text being typed."""
    typed = account[-1].strip()[:100] if account else ""
    index = _index_or_none(services)  # a form field cannot show that the index is missing; the page around it does
    return render(request, "filter_accounts.html", accounts=accounts_like(index, typed) if index else [])


@router.get("/insights/charts/{name}", name="insights_chart")
def chart(request: Request, services: ServicesDep, name: str, filters: UrlFilter) -> HTMLResponse:
    """Responds with one chart, as a page fragment."""
    found = chart_of(name)
    address = f"/insights/charts/{name}?{filters.to_query()}"
    try:
        answer = chart_data(index_of(services), found, filters)
    except NotReadyError:
        return render(request, "insights_chart.html", chart=found, answer=None, address=address, few=0)
    words = words_of(request)
    return render(
        request,
        "insights_chart.html",
        chart=found,
        answer=answer,
        address=address,
        csv=f"/api/insights/{name}.csv?{answer.criteria.to_query()}",
        columns=[column_name(words, column) for column in table_columns(answer)],
        lines=table_rows(answer, words, services.settings.zone),
        left_out=max(0, len(answer.rows) - MOST_TABLE_ROWS),
        few=FEW if has_few(answer) else 0,
        link_text=words.known(f"insights.links.{name}", otherwise=words("insights.to_posts")),
        has_links=any(answer.links),
        drawn=script_data(answer, words),
        cloud=cloud_of(answer) if found.kind == "cloud" else [],
        passed_over=[words(f"filter.fields.{field}") for field in ignored_fields(found, filters)],
    )


@router.get("/insights/{page}", name="insights_page")
def page(request: Request, services: ServicesDep, page: str) -> HTMLResponse:
    """Responds with one page of charts. Raises NotFoundError for an unknown page."""
    if page not in CHART_PAGES:
        raise NotFoundError(f"There is no page of insights {page!r}. There are: {', '.join(CHART_PAGES)}.")
    return _page(request, services, page)


def _page(request: Request, services: Services, page: str) -> HTMLResponse:
    filters, problem = Filter(), ""
    try:
        filters = filter_of_request(request)
    except QueryError as error:
        problem = str(error)
    index = _index_or_none(services)
    charts = [chart for chart in CHARTS_BY_NAME.values() if chart.page == page]
    fields = {field for chart in charts for field in chart.fields}
    scope = day_range(index) if index else None
    words = words_of(request)
    answer = render(
        request,
        "insights.html",
        422 if problem else 200,
        page="insights",
        shown=page,
        tabs=CHART_PAGES,
        filters=filters,
        problem=problem,
        is_made=index is not None,
        is_empty=scope is not None and scope.last is None,
        unknown=unknown_accounts(index, filters) if index and filters.account else [],
        repeated=repeated_posts(index, filters) if index else 0,
        charts=charts,
        fields=fields,
        address=f"/insights/{page}",
        link=lambda other=None: address(f"/insights/{page}", other or Filter(), {}),
        query=filters.to_query(),
        chips=chips_of(filters, words, clusters=clusters_of(index)) if index else [],
        hidden=kept_fields(filters, fields),
        stretches=[
            (days, stretch, stretch == filters)
            for days in (*STRETCHES, 0)
            if scope
            for stretch in [scope.stretch(filters, days)]
        ],
        scope=scope,
        kinds=[(kind, words(f"filter.values.kind_{kind}")) for kind in get_args(KindFilter) if kind],
        parts_of_speech=[(pos, words(f"filter.parts.{pos}")) for pos in POS_CLASSES],
    )
    # The URL shown in the browser has no empty parameters.
    if "hx-request" in request.headers and not problem:
        answer.headers["HX-Push-Url"] = f"/insights/{page}" + (f"?{filters.to_query()}" if filters.to_query() else "")
    return answer


def _index_or_none(services: Services) -> LakeIndex | None:
    try:
        return index_of(services)
    except NotReadyError:
        return None


@router.get("/age", name="age")
def age(request: Request, services: ServicesDep) -> HTMLResponse:
    """Responds with the page of the configured age model, or why it cannot be shown."""
    found = read_age_facts(services.settings)
    model = found.evaluations.get("model")
    return render(
        request,
        "age.html",
        page="insights",
        shown="age",
        tabs=CHART_PAGES,
        query=_tab_query(request),
        found=found,
        own=model,
        diagram=reliability_of(model.bins) if model else None,
        card=markdown_html(found.card, 2, words_of(request)("age.table")) if found.card else "",
    )


def _tab_query(request: Request) -> str:
    """Returns the filter as a query string for links to the other tabs; the age page itself does not use it."""
    try:
        return filter_of_request(request).to_query()
    except QueryError:
        return ""
