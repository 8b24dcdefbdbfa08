"""The definition of a chart (query, diagram type, columns to draw), and filter fields and limits that charts share."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import pyarrow as pa

from instagram_assets.lake_index.filter_sql import SqlCondition, condition_of
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

ChartKind = Literal["bar", "line", "scatter", "heatmap", "cloud", "shares"]
"""The kinds of charts, described in `Chart`."""
Page = Literal["words", "times", "growth", "viral", "groups"]
"""Pages of the insights, each with several charts."""
CHART_PAGES: tuple[Page, ...] = get_args(Page)

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart of the insights: a query that returns a table, and which of its columns are drawn how.

    `numbers` is the query, and `x`, `y`, `series` and `size` are columns of its result. `kind` is the type of diagram:

        bar       a bar of length `y` for each `x`, one below the other; with `series` one panel per value
        line      `y` over `x`, a day, timestamp or positive number, with one line for each value of `series`
        scatter   a point at `x`, `y` on logarithmic axes (linear for days), its area by `size`, its colour by `series`
        heatmap   a rectangle for each `x` and `y`, coloured by `size`
        cloud     the words in `x`, with a font size by `y`
        shares    for each `series` one bar of 100 %, divided into `x` by `y`

    A null in `series` means all values together. `posts` returns the filter for the posts behind a row, None if there
    are none to show. `fields` are the filter fields that the chart supports. The translation keys are
    `insights.charts.NAME` for the title, `insights.about.NAME` for a sentence on what is counted, and
    `insights.columns.COLUMN` for columns.
    """

    name: str
    page: Page
    kind: ChartKind
    numbers: Callable[[LakeIndex, Filter], pa.Table]
    x: str
    y: str
    series: str = ""
    size: str = ""
    fields: tuple[str, ...] = ("account", "first", "last")
    posts: Callable[[Row, Filter], Filter | None] = lambda row, criteria: None
    percent: tuple[str, ...] = ()
    """Columns with values from 0 to 1 that are displayed in percent."""
    middle: float | None = None
    """The neutral value of a heatmap's colour scale, such as 1 for an account's usual engagement."""
    hidden: tuple[str, ...] = ()
    """Columns that are exported but not shown in the page's table, such as identifiers."""


OF_POSTS = ("account", "first", "last", "kind")
"""Filter fields that charts of posts support."""
OF_IMAGES = ("account", "first", "last")
"""Filter fields that charts of images support."""
FEW = 5
"""Below this number of posts a row is marked `few`: its median is not reliable."""
MOST_LINES = 12
"""Maximum number of accounts in a line chart."""


def keep_fields(criteria: Filter, fields: tuple[str, ...]) -> Filter:
    """Returns a filter with only these fields of another filter set."""
    return Filter(**{name: getattr(criteria, name) for name in fields})


def posts_where(criteria: Filter, *conditions: str) -> SqlCondition:
    """Returns the SQL condition for a chart's filter on the table `posts`, combined with further `conditions`."""
    where = condition_of(keep_fields(criteria, OF_POSTS), "posts")
    for condition in conditions:
        where.add(condition)
    return where


def add_value(where: SqlCondition, value: Any) -> str:
    """Adds a parameter value to a SQL condition; returns the parameter's placeholder, such as `$3`."""
    where.values.append(value)
    return f"${len(where.values)}"
