"""SQL for word counts over a date range: sums the precomputed counts of whole years and months and of other days."""

from calendar import monthrange
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date, timedelta
from typing import Any

from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex


@dataclass
class Counted:
    """A SQL subquery with columns `word`, `account`, `count`, `posts`, and the values of its parameters `$1`, `$2`, …

    A word can have several rows, which the caller has to sum.
    """

    sql: str = ""
    values: list[Any] = field(default_factory=list[Any])

    def value(self, value: Any) -> str:
        """Adds a parameter value to the subquery; returns the parameter's placeholder, such as `$3`."""
        self.values.append(value)
        return f"${len(self.values)}"


@dataclass(frozen=True)
class Range:
    """The days from `first` to `last`, both included; None means not limited."""

    first: date | None
    last: date | None


def counts_query(criteria: Filter, values: list[Any] | None = None) -> Counted:
    """Returns the subquery of word counts for a filter's accounts and days.

    `values` are the parameter values of the outer query so far, to which those of the subquery are appended. Without a
    filter on accounts, the column `account` is null in counts of whole years, and must not be used.
    """
    part = Counted(values=[] if values is None else values)
    years, rest = (None, [Range(criteria.first, criteria.last)])
    if not criteria.account:
        years, rest = split_months(criteria.first, criteria.last, year_of)
    sources = [("word_years", "year", years)] if years else []
    for stretch in rest:
        months, days = split_months(stretch.first, stretch.last, month_of)
        sources += [("word_months", "month", months)] if months else []
        sources += [("word_days", "day", each) for each in days]
    accounts = part.value(list(criteria.account)) if criteria.account else ""
    selects: list[str] = []
    for table, column, stretch in sources:
        conditions = [f"{column} >= {part.value(stretch.first)}"] if stretch.first else []
        conditions += [f"{column} <= {part.value(stretch.last)}"] if stretch.last else []
        conditions += [f"account IN (SELECT unnest({accounts}))"] if accounts else []
        account = "NULL::VARCHAR AS account" if table == "word_years" else "account"
        selects.append(f"SELECT word, {account}, count, posts FROM {table} WHERE {' AND '.join(conditions) or 'true'}")
    part.sql = f"({' UNION ALL '.join(selects)})"
    return part


def split_months(
    first: date | None, last: date | None, unit: Callable[[date], tuple[date, date]]
) -> tuple[Range | None, list[Range]]:
    """Splits a date range into its whole months or years (None if it has none) and the remaining days at its ends.

    `unit` is `month_of` or `year_of`.

    >>> split_months(date(2026, 9, 20), date(2026, 11, 30), month_of)[0]
    Range(first=datetime.date(2026, 10, 1), last=datetime.date(2026, 11, 30))
    """
    start = None if first is None else first if first == unit(first)[0] else unit(first)[1] + timedelta(1)
    end = None if last is None else last if last == unit(last)[1] else unit(last)[0] - timedelta(1)
    if start and end and start > end:
        # No whole unit: the remaining days may be the end of one and the start of the next.
        return None, [Range(first, last)]
    days = [Range(first, start - timedelta(1))] if first and start and first < start else []
    days += [Range(end + timedelta(1), last)] if last and end and end < last else []
    return Range(start, end), days


def month_of(day: date) -> tuple[date, date]:
    """Returns the first and the last day of the month that contains a day."""
    return day.replace(day=1), day.replace(day=monthrange(day.year, day.month)[1])


def year_of(day: date) -> tuple[date, date]:
    """Returns the first and the last day of the year that contains a day."""
    return date(day.year, 1, 1), date(day.year, 12, 31)


def busiest_accounts(index: LakeIndex, criteria: Filter, most: int) -> list[str]:
    """Returns the `most` accounts of a filter with the most posts in its date range; ties are sorted by name."""
    rows = index.rows(
        "SELECT account FROM posts WHERE (len($1) = 0 OR list_contains($1, account)) "
        "AND day >= coalesce($2, '0001-01-01'::DATE) AND day <= coalesce($3, '9999-12-31'::DATE) "
        "GROUP BY account ORDER BY count(*) DESC, account LIMIT $4",
        list(criteria.account),
        criteria.first,
        criteria.last,
        most,
    )
    return [row["account"] for row in rows]
