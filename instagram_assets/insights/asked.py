"""Which filter fields charts of posts and images support, SQL conditions for them, and the limits charts share."""

from typing import Any

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.selecting import SqlCondition, condition_of

OF_POSTS = ("account", "first", "last", "kind")
"""Filter fields that charts of posts support."""
OF_IMAGES = ("account", "first", "last")
"""Filter fields that charts of images support."""
FEW = 5
"""Below this number of posts a row is marked `few`: its median is not reliable."""
MOST_LINES = 12
"""Maximum number of accounts in a line chart."""


def keep_fields(wanted: Filter, fields: tuple[str, ...]) -> Filter:
    """Returns the filter reduced to these fields."""
    return Filter(**{name: getattr(wanted, name) for name in fields})


def posts_where(wanted: Filter, *conditions: str) -> SqlCondition:
    """Returns the SQL condition on rows of `posts` for a chart's filter, and further conditions without parameters."""
    where = condition_of(keep_fields(wanted, OF_POSTS), "posts")
    for condition in conditions:
        where.add(condition)
    return where


def add_value(where: SqlCondition, value: Any) -> str:
    """Adds a parameter value to a condition; returns its placeholder for the SQL."""
    where.values.append(value)
    return f"${len(where.values)}"
