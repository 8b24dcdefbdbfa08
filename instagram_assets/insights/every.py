"""The registry of all charts, by name."""

from collections.abc import Mapping

from instagram_assets.errors import NotFoundError
from instagram_assets.insights import groups, growth, times, virality, words
from instagram_assets.insights.charts import Chart

_EVERY = (*words.CHARTS, *times.CHARTS, *growth.CHARTS, *virality.CHARTS, *groups.CHARTS)
CHARTS: Mapping[str, Chart] = {chart.name: chart for chart in _EVERY}


def chart_of(name: str) -> Chart:
    """Returns the chart of a name. Raises NotFoundError."""
    if name not in CHARTS:
        raise NotFoundError(f"There is no chart {name!r}. There are: {', '.join(CHARTS)}.")
    return CHARTS[name]
