"""What is wanted of accounts and hashtags, and what came of it."""

from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum
from pathlib import Path


@dataclass(frozen=True)
class Wish:
    """What is wanted of each subject.

    Of an account so many of its newest `posts` (whole pages, so a few more may come), none but the site's own pinned
    ones before the day `newer_than`; without a day those that the lake does not have, unless `behind_known` wants older
    ones, too. With `catches_up` a day is no reason to leave out what the lake does not have either: a schedule that
    was missed leaves no hole. With `rereads` back to the oldest post whose numbers are to be read again. Of a hashtag
    all that the site shows. What was begun less than `fresh` seconds ago and is whole is not collected again.
    """

    posts: int = 100
    newer_than: date | None = None
    catches_up: bool = False
    behind_known: bool = False
    rereads: bool = False
    fresh: float = 21_600.0


@dataclass(frozen=True)
class Known:
    """What the lake has of a subject: its newest post, and the oldest whose numbers are due to be read again."""

    newest: datetime | None = None
    due: datetime | None = None


class Ended(StrEnum):
    """How it stands with a subject after a run."""

    COMPLETE = "complete"
    """All that was wanted is in the inbox."""
    PARTIAL = "partial"
    """What there was is in the inbox; more will not come."""
    FRESH = "fresh"
    """It was collected whole a short time ago."""
    OPEN = "open"
    """Not whole: its pages are kept, and the next run goes on behind them."""
    WAITING = "waiting"
    """Nothing was asked: it is too early, or a budget is used up."""
    REFUSED = "refused"
    """Nothing is asked about it: it was forgotten, is not allowed, or cannot be asked of this site."""
    NOT_FOUND = "not_found"
    PRIVATE = "private"
    RENAMED = "renamed"
    REPLACED = "replaced"
    STOPPED = "stopped"
    """The site wants something of a person first."""
    NOT_ASKED = "not_asked"
    """The run had ended before it came to it."""


@dataclass(frozen=True)
class Collected:
    """What came of one subject: `posts` are in its `file`, else they are kept. `until` is when it may go on."""

    subject: str
    outcome: Ended
    reason: str = ""
    file: Path | None = None
    posts: int = 0
    requests: int = 0
    until: float | None = None
