"""The accounts and days that the filter form of the insights pages offers."""

from dataclasses import dataclass
from datetime import date, timedelta

import pyarrow as pa

from instagram_assets.arrow import compute
from instagram_assets.lake_index.caches import PerIndex
from instagram_assets.lake_index.filters import Filter
from instagram_assets.lake_index.index_reader import LakeIndex

STRETCHES = (7, 30, 90)
"""Lengths of the preset date ranges in days, counted back from the newest post."""
MOST_SUGGESTED = 30


@dataclass(frozen=True)
class DayRange:
    """The days of the oldest and the newest post; None if there are no posts."""

    first: date | None
    last: date | None

    def stretch(self, criteria: Filter, days: int) -> Filter:
        """Returns the filter restricted to the last `days` days up to the newest post; 0: not restricted."""
        if not days or self.last is None:
            return criteria.but(first=None, last=None)
        return criteria.but(first=self.last - timedelta(days - 1), last=self.last)


def day_range(index: LakeIndex) -> DayRange:
    """Returns the days of the oldest and the newest post in the index."""
    [row] = index.rows("SELECT min(day) AS first, max(day) AS last FROM posts")
    return DayRange(row["first"], row["last"])


def repeated_posts(index: LakeIndex, criteria: Filter) -> int:
    """Returns the number of distinct posts that match a filter and are stored for several accounts or hashtags.

    All post counts count such a post once for each account or hashtag, as the lake's own tables do.
    """
    rows = _REPEATED.of(index)
    if criteria.account:
        rows = rows.filter(compute.is_in(rows["account"], value_set=pa.array(criteria.account, pa.string())))
    if criteria.kind:
        rows = rows.filter(compute.equal(rows["kind"], criteria.kind))
    if criteria.first:
        rows = rows.filter(compute.greater_equal(rows["day"], criteria.first))
    if criteria.last:
        rows = rows.filter(compute.less_equal(rows["day"], criteria.last))
    accounts = rows.group_by("same").aggregate([("account", "count_distinct")])["account_count_distinct"]
    return compute.sum(compute.greater(accounts, 1), min_count=0).as_py()


def _repeated(index: LakeIndex) -> pa.Table:
    """Returns all rows of posts stored more than once: `account`, `day`, `kind`, and `same`, an id per post."""
    return index.query(
        "SELECT account, day, kind, dense_rank() OVER (ORDER BY post_id) AS same FROM posts "
        "WHERE post_id IN (SELECT post_id FROM posts GROUP BY post_id HAVING count(*) > 1)"
    )


_REPEATED: PerIndex[pa.Table] = PerIndex(_repeated)


def accounts_like(index: LakeIndex, typed: str) -> list[str]:
    """Returns accounts whose name contains the typed text, prefix matches first, at most `MOST_SUGGESTED`."""
    rows = index.rows(
        "SELECT account FROM (SELECT DISTINCT account FROM posts) WHERE contains(lower(account), lower($1)) "
        "ORDER BY NOT starts_with(lower(account), lower($1)), account LIMIT $2",
        typed,
        MOST_SUGGESTED,
    )
    return [row["account"] for row in rows]


def unknown_accounts(index: LakeIndex, criteria: Filter) -> list[str]:
    """Returns the accounts of a filter that have no post in the index."""
    rows = index.rows("SELECT DISTINCT account FROM posts WHERE list_contains($1, account)", list(criteria.account))
    there = {row["account"] for row in rows}
    return [account for account in criteria.account if account not in there]
