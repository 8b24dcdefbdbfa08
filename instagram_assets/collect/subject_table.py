"""Database rows of subjects (accounts and hashtags): state, account id, newest post, and when to request them next."""

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from instagram_assets.collect.clock import utc_datetime
from instagram_assets.collect.collector_database import CollectorDatabase
from instagram_assets.collect.site_adapter import CrawlPage

ACTIVE = "active"
PROFILE_ID = "profile_id"
"""Key in a page's `facts` of the account id, which stays the same when an account is renamed."""


@dataclass(frozen=True)
class SubjectRow:
    """A row of the table `subjects`: one account or hashtag.

    `state` is active, or one in which the subject is no longer requested: not_found, private, renamed, replaced, or
    refused (its data was erased on request under another name).
    """

    site: str
    subject: str
    profile_id: str | None = None
    state: str = ACTIVE
    reason: str = ""
    seen_at: float | None = None
    newest_post_at: float | None = None
    newest_shortcode: str | None = None
    next_at: float = 0.0
    facts: Mapping[str, Any] = field(default_factory=dict[str, Any])

    @property
    def is_active(self) -> bool:
        return self.state == ACTIVE


def load_subject(database: CollectorDatabase, site: str, subject: str) -> SubjectRow:
    """Load the row of an account or hashtag; a default row if it is not in the database."""
    with database.reading() as connection:
        row = connection.execute("SELECT * FROM subjects WHERE site = ? AND subject = ?", (site, subject)).fetchone()
    return SubjectRow(site, subject) if row is None else _subject(row)


def mark_inactive(connection: sqlite3.Connection, known: SubjectRow, state: str, reason: str) -> None:
    """Mark an account or hashtag as no longer requested: store its new `state`, such as private, and the reason.

    `known` is its row.
    """
    _touch(connection, known)
    connection.execute(
        "UPDATE subjects SET state = ?, reason = ? WHERE site = ? AND subject = ?",
        (state, reason, known.site, known.subject),
    )


def postpone(connection: sqlite3.Connection, known: SubjectRow, until: float, reason: str) -> None:
    """Store that an account or hashtag is not requested before the Unix timestamp `until`, and the reason.

    `known` is its row.
    """
    _touch(connection, known)
    connection.execute(
        "UPDATE subjects SET next_at = ?, reason = ? WHERE site = ? AND subject = ?",
        (until, reason, known.site, known.subject),
    )


def update_from_page(connection: sqlite3.Connection, known: SubjectRow, at: float, page: CrawlPage) -> None:
    """Update the row of an account or hashtag (`known`) from a page that was fetched at the Unix timestamp `at`.

    Stored are the state active, the account id, and the page's `facts`. A row with another name and the same account id
    is marked as renamed.
    """
    _touch(connection, known)
    profile_id = profile_id_in([page])
    connection.execute(
        """UPDATE subjects SET state = 'active', reason = '', seen_at = ?, next_at = 0,
        profile_id = COALESCE(?, profile_id), facts = json_patch(facts, ?) WHERE site = ? AND subject = ?""",
        (at, profile_id, json.dumps(dict(page.facts)), known.site, known.subject),
    )
    if profile_id:
        connection.execute(
            """UPDATE subjects SET state = 'renamed', reason = ? WHERE site = ? AND profile_id = ? AND subject <> ?""",
            (
                f"is called {known.subject} since {utc_datetime(at):%Y-%m-%d} or before",
                known.site,
                profile_id,
                known.subject,
            ),
        )


def store_newest_post(connection: sqlite3.Connection, known: SubjectRow, pages: Sequence[CrawlPage]) -> None:
    """Store the publication time of an account's newest post in its row (`known`), after a complete crawl."""
    dated = [(post.taken_at, post.shortcode) for page in pages for post in page.posts if post.taken_at]
    if not dated:
        return
    taken_at, shortcode = max(dated)
    connection.execute(
        """UPDATE subjects SET newest_post_at = ?1, newest_shortcode = ?2
        WHERE site = ?3 AND subject = ?4 AND (newest_post_at IS NULL OR newest_post_at <= ?1)""",
        (taken_at.timestamp(), shortcode, known.site, known.subject),
    )


def profile_id_in(pages: Sequence[CrawlPage]) -> str | None:
    """The account id in the `facts` of these pages; None if no page has one."""
    return next((str(page.facts[PROFILE_ID]) for page in pages if page.facts.get(PROFILE_ID)), None)


def _touch(connection: sqlite3.Connection, known: SubjectRow) -> None:
    connection.execute("INSERT OR IGNORE INTO subjects (site, subject) VALUES (?, ?)", (known.site, known.subject))


def _subject(row: sqlite3.Row) -> SubjectRow:
    return SubjectRow(**{**dict(row), "facts": json.loads(row["facts"])})
