"""How it stands with each that we collect: as a table of the lake, in the UI and in a terminal."""

from collections.abc import Iterable, Sequence
from datetime import datetime, tzinfo

import pyarrow as pa

from instagram_assets.collect.gaps import Gap
from instagram_assets.collect.standing import Standing
from instagram_assets.schemas import COLLECTED_ACCOUNTS
from instagram_assets.sources.names import is_hashtag

COLUMNS = (
    *("account", "site", "state", "last seen", "newest post", "collected"),
    *("posts", "refusals", "today", "next", "reason"),
)
"""What `shown` has of each."""
_MOST_SHOWN = 200
_ESCAPED = str.maketrans({"\\": "\\\\", "|": "\\|", "_": "\\_", "<": "&lt;", "\n": " "})


def collected_accounts(standings: Iterable[Standing], budget: int, gaps: Iterable[Gap] = ()) -> pa.Table:
    """The table of the lake (contract COLLECTED_ACCOUNTS), in the order of `standings`.

    `budget` is the most requests about one a day, `gaps` are the hours that are missing.
    """
    missing: dict[str, float] = {}
    for gap in gaps:
        missing[gap.hashtag] = missing.get(gap.hashtag, 0.0) + gap.hours
    return COLLECTED_ACCOUNTS.table([_row(one, budget, missing.get(one.subject)) for one in standings])


def shown(standing: Standing, budget: int, zone: tzinfo) -> tuple[str, ...]:
    """How it stands with one, for people of a time zone, by COLUMNS."""
    times = (standing.seen_at, standing.newest_post_at, standing.collected_at)
    return (
        *(standing.subject, standing.site, _state(standing)),
        *(_time(time, zone) for time in times),
        *(f"{standing.posts:,}", f"{standing.refusals:,}", f"{standing.requests_today:,} of {budget:,}"),
        *(_next(standing, zone), standing.reason),
    )


def as_markdown(standings: Sequence[Standing], budget: int, zone: tzinfo) -> str:
    """The table for the UI; of many only the first, those first that are not as they should be."""
    ordered = sorted(standings, key=lambda one: (one.state == "active" and not one.reason, one.subject))
    lines = [f"| {' | '.join(COLUMNS)} |", f"|{'---|' * len(COLUMNS)}"]
    lines += [f"| {' | '.join(map(_cell, shown(one, budget, zone)))} |" for one in ordered[:_MOST_SHOWN]]
    if len(ordered) > _MOST_SHOWN:
        lines.append(f"\nand {len(ordered) - _MOST_SHOWN:,} more, in the table `collected_accounts`")
    return "\n".join(lines)


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


def _state(standing: Standing) -> str:
    """What an account is where that is the end, else how its last collection went."""
    if standing.open_pages:
        return f"open, {standing.open_pages:,} page{'' if standing.open_pages == 1 else 's'} kept"
    is_over = standing.state != "active"
    return (standing.state if is_over else standing.outcome or standing.state).replace("_", " ")


def _next(standing: Standing, zone: tzinfo) -> str:
    if standing.state != "active":
        return "never"
    return "stopped" if standing.is_stopped else _time(standing.next_at, zone) or "now"


def _time(moment: datetime | None, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}" if moment else ""


def _cell(value: str) -> str:
    """A cell that ends no row and no table."""
    return value.translate(_ESCAPED)
