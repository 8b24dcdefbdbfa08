"""What a chart is: numbers as a table, how they are drawn, and which posts are behind a row; and all charts by name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import pyarrow as pa

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.reading import LakeIndex

Kind = Literal["bar", "line", "scatter", "heatmap", "cloud", "shares"]
"""How numbers are drawn; `cloud` is words by size, `shares` one bar cut in parts."""
Page = Literal["words", "times", "growth", "viral", "groups"]
"""Pages of the insights, each with some charts."""

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Chart:
    """A chart of the insights; `insights.charts.NAME` has its title, `insights.columns.COLUMN` those of its columns.

    `x`, `y`, `series` and `size` are columns of the numbers, as the kind needs them; `posts` gives the posts behind a
    row, null where there are none to show. Numbers keep to the fields of the filter that `fields` names.
    """

    name: str
    page: Page
    kind: Kind
    numbers: Callable[[LakeIndex, Filter], pa.Table]
    x: str
    y: str
    series: str = ""
    size: str = ""
    fields: tuple[str, ...] = ("account", "first", "last")
    posts: Callable[[Row, Filter], Filter | None] = lambda row, wanted: None
