"""The weekly hashtag budget of the Graph API: at most 30 distinct hashtags in seven days.

Usage is computed from the requests in the database. A hashtag counts for seven days from its first request; requesting
it again in that time is free and does not prolong it.
https://developers.facebook.com/docs/instagram-platform/instagram-api-with-facebook-login/hashtag-search
"""

import json
import sqlite3
import unicodedata
from dataclasses import dataclass

from instagram_assets.collect.clock import utc_datetime
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import ResponseOutcome

BUDGET_WINDOW = 7 * 86_400.0
HASHTAG_ID = "hashtag_id"
"""Key in a subject's `facts` under which a hashtag's id is stored; the id never changes."""

# A request is stored before it is sent, so the API's seven days end a little later than ours.
_LATER = 600.0
_BELIEVED = 86_400.0
# Requests with these outcomes do not count against the budget; all others might.
_REFUSED = (
    *(ResponseOutcome.THROTTLED, ResponseOutcome.AUTH_GONE, ResponseOutcome.NO_PERMISSION, ResponseOutcome.CHECKPOINT),
    *(ResponseOutcome.NOT_FOUND, ResponseOutcome.BUDGET_SPENT),
)
_COUNTS = f"site = ? AND identity = ? AND (outcome IS NULL OR outcome NOT IN ({', '.join('?' * len(_REFUSED))}))"
_SYMBOLS = ("So", "Sk", "Sm", "Me", "Pd")
_MORE_EMOJI = "‼⁉ℹ\ufe0f"


@dataclass(frozen=True)
class CountedHashtag:
    """A hashtag that counts against the weekly budget until the Unix timestamp `until`."""

    hashtag: str
    until: float


def budget_used(database: CollectorDatabase, site: str, identity: str, now: float) -> list[CountedHashtag]:
    """The hashtags that count against the weekly budget now, sorted by when they stop counting."""
    with database.reading() as connection:
        rows = connection.execute(
            f"SELECT DISTINCT subject FROM requests WHERE {_COUNTS} AND at > ? AND subject LIKE '#%'",
            (site, identity, *_REFUSED, now - BUDGET_WINDOW - _LATER),
        ).fetchall()
        uses = [
            CountedHashtag(tag, _counts_from(connection, site, identity, tag) + BUDGET_WINDOW + _LATER)
            for (tag,) in rows
        ]
    return sorted((use for use in uses if use.until > now), key=lambda use: (use.until, use.hashtag))


def budget_refusal(database: CollectorDatabase, site: str, identity: str, hashtag: str, now: float, most: int) -> str:
    """Why and until when the weekly budget forbids requesting a hashtag; empty if it allows it.

    `most` is the maximum number of hashtags. The budget also counts as used up if the API itself reported so in the
    last 24 hours, since other programs can use the same account.
    """
    used = budget_used(database, site, identity, now)
    if any(use.hashtag == hashtag for use in used):
        return ""
    if len(used) >= most:
        first = used[len(used) - most]
        return (
            f"{len(used)} different hashtags were asked for in seven days, and {most} may be. {first.hashtag} leaves "
            f"this budget on {_day(first.until)}; until then collect one of those that count."
        )
    if (said := _said_spent(database, site, identity, now)) is not None:
        return (
            f"the API said on {_day(said)} that the budget of hashtags is spent, though only {len(used)} are in our "
            f"database: something else asks for the same account. New hashtags are tried again from "
            f"{_day(said + _BELIEVED)} on."
        )
    return ""


def unsupported_reason(hashtag: str) -> str:
    """Why the API does not support a hashtag (`hashtag` begins with `#`), such as an emoji in it; empty if it does."""
    odd = [letter for letter in hashtag[1:] if unicodedata.category(letter) in _SYMBOLS or letter in _MORE_EMOJI]
    if odd:
        return f"{hashtag} holds an emoji or a sign ({odd[0]}), which Meta's hashtag search does not know"
    return ""


def known_hashtag_id(database: CollectorDatabase, site: str, hashtag: str) -> str | None:
    """The stored id of a hashtag; None if it was never requested."""
    with database.reading() as connection:
        row = connection.execute(
            "SELECT facts FROM subjects WHERE site = ? AND subject = ?", (site, hashtag)
        ).fetchone()
    found = json.loads(row["facts"]).get(HASHTAG_ID) if row else None
    return str(found) if found else None


def _counts_from(connection: sqlite3.Connection, site: str, identity: str, hashtag: str) -> float:
    """Unix timestamp at which the current seven-day period of a hashtag began."""
    about = (site, identity, *_REFUSED, hashtag)
    oldest, all_kept = connection.execute("SELECT MIN(at), MIN(id) = 1 FROM requests").fetchone()
    query = f"SELECT MIN(at), MAX(at) FROM requests WHERE {_COUNTS} AND subject = ? AND at >= ?"
    since, last = connection.execute(query, (*about, oldest)).fetchone()
    # Old requests are deleted, so the start of an earlier seven-day period can be unknown: then assume the latest.
    if not all_kept and since < oldest + BUDGET_WINDOW:
        return last
    following = since
    while following is not None:
        since = following
        following, _ = connection.execute(query, (*about, since + BUDGET_WINDOW)).fetchone()
    return since


def _said_spent(database: CollectorDatabase, site: str, identity: str, now: float) -> float | None:
    with database.reading() as connection:
        (at,) = connection.execute(
            "SELECT MAX(at) FROM requests WHERE site = ? AND identity = ? AND outcome = ? AND at > ?",
            (site, identity, ResponseOutcome.BUDGET_SPENT, now - _BELIEVED),
        ).fetchone()
    return at


def _day(at: float) -> str:
    return f"{utc_datetime(at):%Y-%m-%d %H:%M} UTC"
