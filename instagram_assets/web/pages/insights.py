"""The insights: pages of charts, each chart a part that is loaded by itself, and the filter that all of them share."""

from typing import Annotated, get_args

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse

from instagram_assets.errors import NotFoundError, NotReadyError, QueryError
from instagram_assets.insights.answers import answer_of, passed_over
from instagram_assets.insights.asked import FEW
from instagram_assets.insights.charts import PAGES
from instagram_assets.insights.every import CHARTS, chart_of
from instagram_assets.insights.scope import STRETCHES, accounts_like, scope_of, unknown_accounts
from instagram_assets.lake_index.filters import Filter, Kind
from instagram_assets.lake_index.reading import LakeIndex
from instagram_assets.text.pos import POS_CLASSES
from instagram_assets.web.filter_given import Wanted, filter_of
from instagram_assets.web.index_service import index_of
from instagram_assets.web.rendering import render, words_of
from instagram_assets.web.services import Given, Services
from instagram_assets.web.shown_filter import address, chips_of, kept_fields
from instagram_assets.web.shown_numbers import (
    MOST_LINES,
    cloud_of,
    column_name,
    drawn,
    has_few,
    lines_of,
    shown_columns,
)

router = APIRouter(include_in_schema=False)
_FIRST = PAGES[0]


@router.get("/insights", name="insights")
@router.get(f"/insights/{_FIRST}")
def first_page(request: Request, services: Given) -> HTMLResponse:
    """The page that the navigation opens."""
    return _page(request, services, _FIRST)


@router.get("/insights/accounts", name="insights_accounts")
def accounts(request: Request, services: Given, account: Annotated[list[str] | None, Query()] = None) -> HTMLResponse:
    """Accounts to choose from, for what is typed: the last of the field's values."""
    typed = account[-1].strip()[:100] if account else ""
    index = _index_or_none(services)  # a field has no room to say that there is none yet; the page around it does
    return render(request, "filter_accounts.html", accounts=accounts_like(index, typed) if index else [])


@router.get("/insights/charts/{name}", name="insights_chart")
def chart(request: Request, services: Given, name: str, wanted: Wanted) -> HTMLResponse:
    """One chart, as a part of a page."""
    found = chart_of(name)
    address = f"/insights/charts/{name}?{wanted.to_query()}"
    try:
        answer = answer_of(index_of(services), found, wanted)
    except NotReadyError:
        return render(request, "insights_chart.html", chart=found, answer=None, address=address)
    words = words_of(request)
    return render(
        request,
        "insights_chart.html",
        chart=found,
        answer=answer,
        address=address,
        csv=f"/api/insights/{name}.csv?{answer.wanted.to_query()}",
        columns=[column_name(words, column) for column in shown_columns(answer)],
        lines=lines_of(answer, words, services.settings.zone),
        left_out=max(0, len(answer.rows) - MOST_LINES),
        few=FEW if has_few(answer) else 0,
        link_text=words.known(f"insights.links.{name}", otherwise=words("insights.to_posts")),
        has_links=any(answer.links),
        drawn=drawn(answer, words),
        cloud=cloud_of(answer) if found.kind == "cloud" else [],
        passed_over=[words(f"filter.fields.{field}") for field in passed_over(found, wanted)],
    )


@router.get("/insights/{page}", name="insights_page")
def page(request: Request, services: Given, page: str) -> HTMLResponse:
    """One page of charts. Raises NotFoundError."""
    if page not in PAGES:
        raise NotFoundError(f"There is no page of insights {page!r}. There are: {', '.join(PAGES)}.")
    return _page(request, services, page)


def _page(request: Request, services: Services, page: str) -> HTMLResponse:
    wanted, problem = Filter(), ""
    try:
        wanted = filter_of(request)
    except QueryError as error:
        problem = str(error)
    index = _index_or_none(services)
    charts = [chart for chart in CHARTS.values() if chart.page == page]
    fields = {field for chart in charts for field in chart.fields}
    scope = scope_of(index) if index else None
    words = words_of(request)
    answer = render(
        request,
        "insights.html",
        422 if problem else 200,
        page="insights",
        shown=page,
        tabs=PAGES,
        wanted=wanted,
        problem=problem,
        is_made=index is not None,
        is_empty=scope is not None and scope.last is None,
        unknown=unknown_accounts(index, wanted) if index and wanted.account else [],
        charts=charts,
        fields=fields,
        address=f"/insights/{page}",
        link=lambda other=None: address(f"/insights/{page}", other or Filter(), {}),
        query=wanted.to_query(),
        chips=chips_of(wanted, words),
        hidden=kept_fields(wanted, fields),
        stretches=[
            (days, stretch, stretch == wanted)
            for days in (*STRETCHES, 0)
            if scope
            for stretch in [scope.stretch(wanted, days)]
        ],
        scope=scope,
        kinds=[(kind, words(f"filter.values.kind_{kind}")) for kind in get_args(Kind) if kind],
        parts_of_speech=[(pos, words(f"filter.parts.{pos}")) for pos in POS_CLASSES],
    )
    # What a browser shows as the address is without the fields that were left empty.
    if "hx-request" in request.headers and not problem:
        answer.headers["HX-Push-Url"] = f"/insights/{page}" + (f"?{wanted.to_query()}" if wanted.to_query() else "")
    return answer


def _index_or_none(services: Services) -> LakeIndex | None:
    try:
        return index_of(services)
    except NotReadyError:
        return None
