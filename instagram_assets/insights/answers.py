"""The data of a chart for a filter, with the URL of the posts behind each row, as JSON and CSV."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from math import isfinite
from typing import Any

from instagram_assets.datasets import csv_cells
from instagram_assets.insights.charts import Chart
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.reading import LakeIndex

_BOM = "\ufeff"


@dataclass(frozen=True)
class ChartData:
    """The data of a chart: `rows` with a value for each of `columns`, `links` to the posts of each row or None."""

    chart: Chart
    wanted: Filter
    """The filter, reduced to the fields that the chart supports."""
    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    links: list[str | None]


def chart_data(index: LakeIndex, chart: Chart, wanted: Filter) -> ChartData:
    """Computes the data of a chart for a filter."""
    kept = Filter(**{name: getattr(wanted, name) for name in chart.fields})
    table = chart.numbers(index, kept)
    columns = tuple(table.column_names)
    links: list[str | None] = []
    rows: list[tuple[Any, ...]] = []
    for row in table.to_pylist():
        posts = chart.posts(row, kept)
        links.append(None if posts is None else f"{'/gallery' if posts.cluster else '/posts'}?{posts.to_query()}")
        rows.append(tuple(row[name] for name in columns))
    return ChartData(chart, kept, columns, rows, links)


def ignored_fields(chart: Chart, wanted: Filter) -> list[str]:
    """Returns the names of non-empty filter fields that the chart does not support."""
    nothing = Filter()
    said = (name for name in Filter.__dataclass_fields__ if getattr(wanted, name) != getattr(nothing, name))
    return [name for name in said if name not in chart.fields]


def chart_json(answer: ChartData) -> dict[str, Any]:
    """Returns chart data as JSON values; days and times in ISO 8601."""
    chart = answer.chart
    return {
        "name": chart.name,
        "kind": chart.kind,
        "x": chart.x,
        "y": chart.y,
        "series": chart.series,
        "size": chart.size,
        "columns": list(answer.columns),
        "rows": [[_plain(value) for value in row] for row in answer.rows],
        "links": answer.links,
    }


def csv_lines(answer: ChartData, *, spreadsheet_safe: bool) -> Iterator[str]:
    """Yields chart data as CSV lines, the first with a byte order mark; `spreadsheet_safe` escapes formulas."""
    yield f"{_BOM}{','.join(answer.columns)}\r\n"
    for row in answer.rows:
        written = (csv_cells.encode(_plain(value), spreadsheet_safe=spreadsheet_safe) for value in row)
        yield f"{','.join(written)}\r\n"


def _plain(value: Any) -> Any:
    if isinstance(value, date | datetime):
        return value.isoformat()
    if isinstance(value, float) and not isfinite(value):
        return None
    return value
