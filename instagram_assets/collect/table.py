"""The table of whom we collect: how it stands with each, read from the books each time."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo

import pyarrow as pa

from instagram_assets.collect.books import Books
from instagram_assets.collect.gaps import Gap
from instagram_assets.collect.standing import Standing, standings
from instagram_assets.schemas import COLLECTED_ACCOUNTS
from instagram_assets.sources.names import is_hashtag

_MOST_SHOWN = 200
_HEADS = (
    *("account", "site", "state", "collected", "newest post", "posts"),
    *("requests today", "refusals", "next", "reason"),
)
_ESCAPED = str.maketrans({"\\": "\\\\", "|": "\\|", "_": "\\_", "<": "&lt;", "\n": " "})


def collected_accounts(books: Books, now: float, zone: tzinfo, budget: int, gaps: Iterable[Gap] = ()) -> pa.Table:
    """All accounts and hashtags that were ever asked about (contract COLLECTED_ACCOUNTS), by site and name.

    `zone` says when today began, `budget` is the most requests about one a day, `gaps` are the hours that are missing.
    """
    missing = _hours_missing(gaps)
    rows = [_row(standing, budget, missing.get(standing.subject)) for standing in standings(books, now, zone)]
    return COLLECTED_ACCOUNTS.table(rows)


def as_markdown(table: pa.Table, zone: tzinfo) -> str:
    """The table for the UI; of many only the first, those first that are not as they should be."""
    rows = sorted(table.to_pylist(), key=lambda row: (row["state"] == "active" and not row["reason"], row["account"]))
    lines = [f"| {' | '.join(_HEADS)} |", f"|{'---|' * len(_HEADS)}"]
    lines += [f"| {' | '.join(map(_cell, _shown(row, zone)))} |" for row in rows[:_MOST_SHOWN]]
    if len(rows) > _MOST_SHOWN:
        lines.append(f"\nand {len(rows) - _MOST_SHOWN:,} more, in the table `collected_accounts`")
    return "\n".join(lines)


def _hours_missing(gaps: Iterable[Gap]) -> Mapping[str, float]:
    hours: dict[str, float] = {}
    for gap in gaps:
        hours[gap.hashtag] = hours.get(gap.hashtag, 0.0) + gap.hours
    return hours


def _row(standing: Standing, budget: int, missing: float | None) -> dict[str, object]:
    return {
        "site": standing.site,
        "account": standing.subject,
        "state": standing.state,
        "reason": standing.reason or None,
        "seen_at": standing.seen_at,
        "newest_post_at": standing.newest_post_at,
        "collected_at": standing.collected_at,
        "outcome": standing.outcome or None,
        "posts": standing.posts,
        "open_pages": standing.open_pages,
        "refusals": standing.refusals,
        "requests_today": standing.requests_today,
        "budget": budget,
        "next_at": standing.next_at,
        "hours_missing": missing or (0.0 if is_hashtag(standing.subject) else None),
    }


def _shown(row: dict[str, object], zone: tzinfo) -> tuple[object, ...]:
    requests = f"{row['requests_today']:,} of {row['budget']:,}"
    times = (_time(row[name], zone) for name in ("collected_at", "newest_post_at", "next_at"))
    collected, newest, following = times
    state = row["state"] if not row["open_pages"] else f"{row['state']}, {row['open_pages']} pages open"
    found = (row["account"], row["site"], state, collected, newest, row["posts"], requests, row["refusals"], following)
    return (*found, row["reason"] or "")


def _time(value: object, zone: tzinfo) -> str:
    return f"{value.replace(tzinfo=UTC).astimezone(zone):%Y-%m-%d %H:%M}" if isinstance(value, datetime) else ""


def _cell(value: object) -> str:
    """A cell that ends no row and no table."""
    return str(value).translate(_ESCAPED)
