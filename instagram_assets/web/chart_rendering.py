"""Formats chart data for pages: table cells as text, word clouds, and the JSON that the chart script draws."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from instagram_assets.insights.chart_data import ChartData, chart_json
from instagram_assets.web.reason_translation import viral_words
from instagram_assets.web.rendering import format_time
from instagram_assets.web.words import Words

NO_VALUE = "–"
# Columns whose values are translated, and the prefix of their translations.
_VALUES: Mapping[str, Callable[[Any], str]] = {
    "pos": lambda value: f"filter.parts.{value}",
    "kind": lambda value: f"filter.values.kind_{value}",
    "weekday": lambda value: f"insights.weekdays.{value}",
    "label": lambda value: f"insights.labels.{value}",
    "how": lambda value: f"insights.hows.{value}",
    "source": lambda value: f"insights.sources.{value}",
    "name": lambda value: f"insights.names.{value}",
}
_TIMES = ("ratio",)
"""Columns whose values are ratios to the usual engagement, shown as ×1.5."""
_REASON = "reason"
"""Column with the reason of a virality label."""
_SIZES = 8
MOST_TABLE_ROWS = 120
"""Maximum number of rows of the table below a chart; the CSV file has all rows."""


@dataclass(frozen=True)
class TableCell:
    """The text of one table cell; `is_number` cells are aligned to the right."""

    text: str
    is_number: bool


@dataclass(frozen=True)
class TableRow:
    """A row of the table below a chart; `link` is the URL of its posts, None if it has none."""

    cells: list[TableCell]
    link: str | None


def column_name(words: Words, name: str) -> str:
    """Returns the translated title of a chart's column."""
    return words.known(f"insights.columns.{name}", otherwise=name)


def table_columns(answer: ChartData) -> list[str]:
    """Returns the names of a chart's columns that the table below it shows."""
    return [name for name in answer.columns if name not in answer.chart.hidden]


def table_rows(answer: ChartData, words: Words, zone: ZoneInfo) -> list[TableRow]:
    """Returns the rows of the table below a chart, at most MOST_TABLE_ROWS; times are in the time zone `zone`."""
    positions = [(position, name) for position, name in enumerate(answer.columns) if name not in answer.chart.hidden]
    return [
        TableRow([_cell(answer, name, row[position], words, zone) for position, name in positions], link)
        for row, link in zip(answer.rows[:MOST_TABLE_ROWS], answer.links[:MOST_TABLE_ROWS], strict=True)
    ]


def script_data(answer: ChartData, words: Words) -> dict[str, Any]:
    """Returns the input of static/charts.js: the chart's rows, column titles, and translations of its values."""
    kinds = {name: _values_of(answer, name, words) for name in answer.columns if name in _VALUES}
    content, columns = chart_json(answer), table_columns(answer)
    positions = [answer.columns.index(name) for name in columns]
    return {
        **content,
        "columns": columns,
        "rows": [
            [
                viral_words(words, row[position]) if name == _REASON else row[position]
                for position, name in zip(positions, columns, strict=True)
            ]
            for row in content["rows"]
        ],
        "labels": {name: column_name(words, name) for name in columns},
        "values": kinds,
        "percent": list(answer.chart.percent),
        "times": list(_TIMES),
        "rest": words("insights.rest"),
        "middle": answer.chart.middle,
        "all": words("insights.all_accounts"),
        "title": words(f"insights.charts.{answer.chart.name}"),
    }


@dataclass(frozen=True)
class CloudWord:
    """A word of a word cloud: font size from 1 to 8, formatted count, and the URL of its posts."""

    text: str
    size: int
    number: str
    link: str | None


def cloud_of(answer: ChartData) -> list[CloudWord]:
    """Returns the words of a word cloud alphabetically; font sizes grow with the square root of the count."""
    x, y = answer.columns.index(answer.chart.x), answer.columns.index(answer.chart.y)
    largest = max((row[y] for row in answer.rows), default=1) or 1
    found = [
        CloudWord(str(row[x]), 1 + round((_SIZES - 1) * (row[y] / largest) ** 0.5), f"{row[y]:,}", link)
        for row, link in zip(answer.rows, answer.links, strict=True)
    ]
    return sorted(found, key=lambda word: (word.text.casefold(), word.text))


def has_few(answer: ChartData) -> bool:
    """Whether any row is marked `few`: based on too few posts to be reliable."""
    if "few" not in answer.columns:
        return False
    position = answer.columns.index("few")
    return any(row[position] for row in answer.rows)


def _values_of(answer: ChartData, name: str, words: Words) -> dict[str, str]:
    position = answer.columns.index(name)
    there = {row[position] for row in answer.rows if row[position] is not None}
    return {str(value): words.known(_VALUES[name](value), otherwise=str(value)) for value in there}


def _cell(answer: ChartData, name: str, value: Any, words: Words, zone: ZoneInfo) -> TableCell:
    if value is None:
        return TableCell(
            words("insights.all_accounts") if name == answer.chart.series == "account" else NO_VALUE, False
        )
    if name == _REASON:
        return TableCell(viral_words(words, value), False)
    if name in _VALUES:
        return TableCell(words.known(_VALUES[name](value), otherwise=str(value)), False)
    if isinstance(value, bool):
        return TableCell(words("insights.yes" if value else "insights.no"), False)
    if name == "hour":
        return TableCell(f"{value:02}:00", True)
    if name in _TIMES:
        return TableCell(f"×{_number(value, is_percent=False)}", True)
    if isinstance(value, int | float):
        return TableCell(_number(value, is_percent=name in answer.chart.percent), True)
    if isinstance(value, datetime):
        return TableCell(format_time(value, zone), False)
    if isinstance(value, list):
        return TableCell(", ".join(map(str, value)), False)
    return TableCell(str(value), False)


def _number(value: float, *, is_percent: bool) -> str:
    """Formats a number: `1,234`, `0.0123` (three significant digits), or `12.3 %`."""
    if is_percent:
        return f"{value:.1%}"
    if isinstance(value, int) or float(value).is_integer():
        return f"{value:,.0f}"
    return f"{value:,.1f}" if abs(value) >= 100 else f"{value:.3g}"
