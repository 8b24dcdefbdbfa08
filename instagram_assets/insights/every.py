"""All charts, by name."""

from collections.abc import Mapping

from instagram_assets.errors import NotFoundError
from instagram_assets.insights import words
from instagram_assets.insights.charts import Chart

CHARTS: Mapping[str, Chart] = {chart.name: chart for chart in (*words.CHARTS,)}


def chart_of(name: str) -> Chart:
    """The chart of a name. Raises NotFoundError."""
    if name not in CHARTS:
        raise NotFoundError(f"There is no chart {name!r}. There are: {', '.join(CHARTS)}.")
    return CHARTS[name]
