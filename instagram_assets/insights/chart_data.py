"""Computes the data of a named chart for a filter, with the URL of the underlying posts per row, as JSON and CSV."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

from instagram_assets.datasets import csv_cells
from instagram_assets.errors import NotFoundError
from instagram_assets.insights import (
    cluster_charts,
    growth_charts,
    posting_time_charts,
    virality_charts,
    word_charts,
)
from instagram_assets.insights.chart_definition import Chart, keep_fields
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

_BOM = "\ufeff"
_MODULES = (word_charts, posting_time_charts, growth_charts, virality_charts, cluster_charts)
CHARTS_BY_NAME: Mapping[str, Chart] = {chart.name: chart for module in _MODULES for chart in module.CHARTS}
"""The registry of all charts, in the order in which the pages show them."""


def chart_of(name: str) -> Chart:
    """Returns the chart with this name. Raises NotFoundError."""
    if name not in CHARTS_BY_NAME:
        raise NotFoundError(f"There is no chart {name!r}. There are: {', '.join(CHARTS_BY_NAME)}.")
    return CHARTS_BY_NAME[name]


@dataclass(frozen=True)
class ChartData:
    """The data of a chart: `rows`, tuples of `columns`, and in `links` the URL of each row's posts or None."""

    chart: Chart
    criteria: Filter
    """The filter, reduced to the fields that the chart supports."""
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    links: list[str | None]


def chart_data(index: LakeIndex, chart: Chart, criteria: Filter) -> ChartData:
    """Computes the data of a chart for a filter."""
    supported = keep_fields(criteria, chart.fields)
    table = chart.numbers(index, supported)
    columns = tuple(table.column_names)
    links: list[str | None] = []
    rows: list[tuple[Any, ...]] = []
    for row in table.to_pylist():
        posts = chart.posts(row, supported)
        links.append(None if posts is None else f"{'/gallery' if posts.cluster else '/posts'}?{posts.to_query()}")
        rows.append(tuple(row[name] for name in columns))
    return ChartData(chart, supported, columns, rows, links)


def ignored_fields(chart: Chart, criteria: Filter) -> list[str]:
    """Returns the names of non-empty filter fields that the chart does not support."""
    empty = Filter()
    non_empty = (name for name in Filter.__dataclass_fields__ if getattr(criteria, name) != getattr(empty, name))
    return [name for name in non_empty if name not in chart.fields]


def chart_json(data: ChartData) -> dict[str, Any]:
    """Returns chart data as a JSON object; days and timestamps are in ISO 8601."""
    chart = data.chart
    return {
        "name": chart.name,
        "kind": chart.kind,
        "x": chart.x,
        "y": chart.y,
        "series": chart.series,
        "size": chart.size,
        "columns": list(data.columns),
        "rows": [[_plain(value) for value in row] for row in data.rows],
        "links": data.links,
    }


def csv_lines(data: ChartData, *, spreadsheet_safe: bool) -> Iterator[str]:
    """Yields chart data as CSV lines with a byte order mark and a header; `spreadsheet_safe` escapes formulas."""
    yield f"{_BOM}{','.join(data.columns)}\r\n"
    for row in data.rows:
        written = (csv_cells.encode(_plain(value), spreadsheet_safe=spreadsheet_safe) for value in row)
        yield f"{','.join(written)}\r\n"


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
