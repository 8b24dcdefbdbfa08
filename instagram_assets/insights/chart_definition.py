"""The definition of a chart: its query, how it is drawn, and the filter fields and limits that charts share."""

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
    """A chart of the insights.

    `insights.charts.NAME` has its title, `insights.about.NAME` what is counted and how, in one sentence, and
    `insights.columns.COLUMN` the titles of its columns. `x`, `y`, `series` and `size` are columns of the numbers:

        bar       a bar of length `y` for each `x`, one below the other; with `series` one panel per value
        line      `y` over the time or day `x`, or a number above 0, a line for each value of `series`
        scatter   a point at `x`, `y`, logarithmic but for a day, its area by `size`, its colour by `series`
        heatmap   a cell for each `x` and `y`, coloured by `size`
        cloud     `x` as words, as large as `y` says
        shares    for each `series` one bar of 100 %, cut into `x` by `y`

    A null in `series` means all values together. `posts` returns the filter for the posts behind a row, None if there
    are none to show; both the numbers and the posts use only the filter fields named in `fields`.
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
    """Returns the filter reduced to these fields."""
    return Filter(**{name: getattr(criteria, name) for name in fields})


def posts_where(criteria: Filter, *conditions: str) -> SqlCondition:
    """Returns the SQL condition on rows of `posts` for a chart's filter, and further conditions without parameters."""
    where = condition_of(keep_fields(criteria, OF_POSTS), "posts")
    for condition in conditions:
        where.add(condition)
    return where


def add_value(where: SqlCondition, value: Any) -> str:
    """Adds a parameter value to a condition; returns its placeholder for the SQL."""
    where.values.append(value)
    return f"${len(where.values)}"
