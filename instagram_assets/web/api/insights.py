"""REST API of the charts' data and of the age model."""

from datetime import date
from enum import Enum
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Response
from pydantic import BaseModel, Field

from instagram_assets.datasets.csv_cells import utf8
from instagram_assets.insights.chart_data import CHARTS_BY_NAME, ChartData, chart_data, chart_json, chart_of, csv_lines
from instagram_assets.insights.chart_definition import ChartKind, Page
from instagram_assets.lake_index.filters import Filter
from instagram_assets.web.age_facts import AgeFacts, read_age_facts
from instagram_assets.web.dependencies import ServicesDep
from instagram_assets.web.index_service import index_of
from instagram_assets.web.url_filter import UrlFilter
from instagram_assets.web.words import words_in

router = APIRouter(prefix="/api")
_TAGS: list[str | Enum] = ["insights"]

_Name = Annotated[str, Path(description="A `name` of the list.", max_length=100)]


class ChartTold(BaseModel):
    """A chart: what it counts, how it is drawn, and which filter fields it supports."""

    name: str
    page: Page
    kind: ChartKind
    title: str
    about: Annotated[str, Field(description="What is counted and how.")]
    fields: Annotated[list[str], Field(description="Parameters that its numbers keep to; it passes over others.")]


class Charts(BaseModel):
    """All charts."""

    charts: list[ChartTold]


class Numbers(BaseModel):
    """The data of a chart, and the URL of the posts behind each row."""

    name: str
    kind: ChartKind
    x: str
    y: str
    series: str
    size: str
    columns: list[str]
    rows: Annotated[list[list[Any]], Field(description="A value for each of `columns`; null in `series` means all.")]
    links: Annotated[list[str | None], Field(description="For each row the address of its posts; null for none.")]


def _documented(
    account: Annotated[list[str] | None, Query(description="Any of these accounts; all when left out.")] = None,
    first: Annotated[date | None, Query(description="First day of the posts.")] = None,
    last: Annotated[date | None, Query(description="Last day of the posts.")] = None,
    pos: Annotated[str, Query(description="Part of speech of words, such as `noun`.", max_length=300)] = "",
    kind: Annotated[Literal["", "post", "reel"], Query(description="Posts or reels alone.")] = "",
) -> None:
    """Declares the filter fields of charts for the API reference; `UrlFilter` reads these and all other fields."""


_Documented = Depends(_documented)


@router.get("/insights", tags=_TAGS)
def list_charts() -> Charts:
    """All charts of the insights."""
    words = words_in("en")
    return Charts(
        charts=[
            ChartTold(
                name=chart.name,
                page=chart.page,
                kind=chart.kind,
                title=words(f"insights.charts.{chart.name}"),
                about=words(f"insights.about.{chart.name}"),
                fields=list(chart.fields),
            )
            for chart in CHARTS_BY_NAME.values()
        ]
    )


@router.get(
    "/insights/{name}.csv",
    tags=_TAGS,
    dependencies=[_Documented],
    response_class=Response,
    responses={200: {"content": {"text/csv": {}}, "description": "A line for each row, with a byte order mark"}},
)
def chart_csv(services: ServicesDep, name: _Name, filters: UrlFilter) -> Response:
    """The data of a chart as CSV."""
    answer = _answer(services, name, filters)
    lines = csv_lines(answer, spreadsheet_safe=services.settings.export.spreadsheet_safe)
    headers = {"Content-Disposition": f'attachment; filename="{answer.chart.name}.csv"'}
    return Response(utf8("".join(lines)), media_type="text/csv; charset=utf-8", headers=headers)


@router.get("/insights/{name}", tags=_TAGS, dependencies=[_Documented])
def chart_numbers(services: ServicesDep, name: _Name, filters: UrlFilter) -> Numbers:
    """The data of a chart."""
    return Numbers(**chart_json(_answer(services, name, filters)))


def _answer(services: ServicesDep, name: str, filters: Filter) -> ChartData:
    return chart_data(index_of(services), chart_of(name), filters)


@router.get("/age", tags=["age model"])
def get_age(services: ServicesDep) -> AgeFacts:
    """How good the age model is on test users, whom it was not trained on, and its predictions for all accounts.

    The predictions are only given for all accounts together. Off by default: then `state` is `off` and everything else
    is empty. Not for decisions about a person.
    """
    return read_age_facts(services.settings)
