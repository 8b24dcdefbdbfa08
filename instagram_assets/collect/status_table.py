"""Collection status of accounts and hashtags as a table: for the lake, as Markdown, and for the terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

import pyarrow as pa

from instagram_assets.collect.collection_status import AccountStatus
from instagram_assets.collect.hashtag_gaps import HashtagGap
from instagram_assets.schemas import COLLECTED_ACCOUNTS
from instagram_assets.sources.account_and_hashtag_names import is_hashtag

STATUS_COLUMNS = (
    *("account", "site", "state", "last seen", "newest post", "collected"),
    *("posts", "refusals", "today", "next", "reason"),
)
"""Column headers of the status table for terminals and Markdown."""
_MOST_SHOWN = 200
_ESCAPED = str.maketrans({"\\": "\\\\", "|": "\\|", "_": "\\_", "<": "&lt;", "\n": " "})


def collected_accounts_table(
    statuses: Iterable[AccountStatus], budget: int, gaps: Iterable[HashtagGap] = ()
) -> pa.Table:
    """The Arrow table `collected_accounts` (schema COLLECTED_ACCOUNTS), one row per status, in the order of `statuses`.

    `budget` is the maximum number of requests per account and day; `gaps` are periods from which posts of hashtags can
    be missing.
    """
    missing: dict[str, float] = {}
    for gap in gaps:
        missing[gap.hashtag] = missing.get(gap.hashtag, 0.0) + gap.hours
    return COLLECTED_ACCOUNTS.table([_row(one, budget, missing.get(one.subject)) for one in statuses])


def status_cells(status: AccountStatus, budget: int, zone: tzinfo) -> tuple[str, ...]:
    """The status of an account as the strings of a table row, one per column of STATUS_COLUMNS.

    Times are in the time zone `zone`; `budget` is the maximum number of requests per account and day.
    """
    times = (status.seen_at, status.newest_post_at, status.collected_at)
    return (
        *(status.subject, status.site, _state(status)),
        *(_time(time, zone) for time in times),
        *(f"{status.posts:,}", f"{status.refusals:,}", f"{status.requests_today:,} of {budget:,}"),
        *(_next(status, zone), status.reason),
    )


def status_markdown(statuses: Sequence[AccountStatus], budget: int, zone: tzinfo) -> str:
    """The statuses as a Markdown table for the Dagster UI; truncated, with accounts that have problems first."""
    ordered = sorted(statuses, key=lambda one: (one.state == "active" and not one.reason, one.subject))
    lines = [f"| {' | '.join(STATUS_COLUMNS)} |", f"|{'---|' * len(STATUS_COLUMNS)}"]
    lines += [f"| {' | '.join(map(_cell, status_cells(one, budget, zone)))} |" for one in ordered[:_MOST_SHOWN]]
    if len(ordered) > _MOST_SHOWN:
        lines.append(f"\nand {len(ordered) - _MOST_SHOWN:,} more, in the table `collected_accounts`")
    return "\n".join(lines)


def _row(status: AccountStatus, budget: int, missing: float | None) -> dict[str, object]:
    return {
        "site": status.site,
        "account": status.subject,
        "state": status.state,
        "reason": status.reason or None,
        "seen_at": status.seen_at,
        "newest_post_at": status.newest_post_at,
        "collected_at": status.collected_at,
        "outcome": status.outcome or None,
        "posts": status.posts,
        "open_pages": status.open_pages,
        "refusals": status.refusals,
        "requests_today": status.requests_today,
        "budget": budget,
        "next_at": status.next_at,
        "hours_missing": missing or (0.0 if is_hashtag(status.subject) else None),
    }


def _state(status: AccountStatus) -> str:
    """The account's state as a string (such as private) if it is no longer requested, else its last outcome."""
    if status.open_pages:
        return f"open, {status.open_pages:,} page{'' if status.open_pages == 1 else 's'} kept"
    is_over = status.state != "active"
    return (status.state if is_over else status.outcome or status.state).replace("_", " ")


def _next(status: AccountStatus, zone: tzinfo) -> str:
    if status.state != "active":
        return "never"
    return "stopped" if status.is_stopped else _time(status.next_at, zone) or "now"


def _time(moment: datetime | None, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""


def _cell(value: str) -> str:
    """Escape a table cell's special characters for Markdown."""
    return value.translate(_ESCAPED)
