"""Result of collecting one account or hashtag, and of a whole run."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from instagram_assets.errors import InstagramAssetsError


class CollectionOutcome(StrEnum):
    """Outcome of collecting an account or hashtag in one run."""

    COMPLETE = "complete"
    """All requested posts are in the inbox."""
    PARTIAL = "partial"
    """The posts that could be fetched are in the inbox; the rest will not be collected."""
    FRESH = "fresh"
    """No request was sent: a complete collection was made a short time ago."""
    OPEN = "open"
    """Incomplete: its pages are stored, and the next run continues after them."""
    WAITING = "waiting"
    """No request was sent: it is too early, or a budget is used up."""
    REFUSED = "refused"
    """No request is sent: the data was erased on request, collecting is not allowed, or the site does not offer it."""
    NOT_FOUND = "not_found"
    PRIVATE = "private"
    RENAMED = "renamed"
    REPLACED = "replaced"
    STOPPED = "stopped"
    """The site demands an action of a person first, such as a login."""
    NOT_ASKED = "not_asked"
    """The run ended before this account or hashtag was requested."""


@dataclass(frozen=True)
class SubjectResult:
    """Result of collecting one account or hashtag.

    `posts` is the number of posts in `file` or, without a file, in the stored pages. `until` is the Unix timestamp at
    which collection can continue; None if it does not have to wait.
    """

    subject: str
    outcome: CollectionOutcome
    reason: str = ""
    file: Path | None = None
    posts: int = 0
    requests: int = 0
    until: float | None = None


DELIVERED = (CollectionOutcome.COMPLETE, CollectionOutcome.PARTIAL)
"""Outcomes with which a crawl ends by writing its file."""
UNFINISHED = (CollectionOutcome.OPEN, CollectionOutcome.WAITING, CollectionOutcome.STOPPED, CollectionOutcome.NOT_ASKED)
"""Outcomes after which the next run continues."""


@dataclass
class RunResult:
    """Results of all accounts and hashtags of a run (`found`), and errors that ended a whole site (`errors`).

    `expected` is the number of accounts and hashtags that the run was to collect.
    """

    expected: int = 0
    found: list[SubjectResult] = field(default_factory=list[SubjectResult])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    def of(self, *outcomes: CollectionOutcome) -> list[SubjectResult]:
        return [one for one in self.found if one.outcome in outcomes]

    @property
    def brought(self) -> list[SubjectResult]:
        """The results for which this run wrote a file."""
        return [one for one in self.of(*DELIVERED) if one.file is not None]

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.found)

    @property
    def numbers(self) -> dict[str, int]:
        """Total number of posts, files and requests of the run, and number of results per outcome."""
        outcomes = {f"{outcome}": len(self.of(outcome)) for outcome in CollectionOutcome}
        return {
            "posts": sum(one.posts for one in self.brought),
            "files": len(self.brought),
            "requests": self.requests,
            **{name: number for name, number in outcomes.items() if number},
        }
