"""What charts of posts keep to of a filter, and how few numbers are too few to say much."""

from typing import Any

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.selecting import SqlCondition, condition_of

OF_POSTS = ("account", "first", "last", "kind")
"""Fields of the filter that charts of posts keep to."""
OF_IMAGES = ("account", "first", "last")
"""Those of charts of images."""
FEW = 5
"""Fewer posts than these are said to be few: their median says little."""
MOST_LINES = 12
"""Accounts that a chart of lines has room for."""


def keep_fields(wanted: Filter, fields: tuple[str, ...]) -> Filter:
    """The filter with these fields of it alone."""
    return Filter(**{name: getattr(wanted, name) for name in fields})


def posts_where(wanted: Filter, *conditions: str) -> SqlCondition:
    """The condition on a row of `posts` that a chart keeps to, with others that have no values."""
    where = condition_of(keep_fields(wanted, OF_POSTS), "posts")
    for condition in conditions:
        where.add(condition)
    return where


def add_value(where: SqlCondition, value: Any) -> str:
    """Give a question one more value; what stands for it in the SQL."""
    where.values.append(value)
    return f"${len(where.values)}"
