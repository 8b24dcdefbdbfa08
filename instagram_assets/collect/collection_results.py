"""Result of collecting one account or hashtag, and of a whole run."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from instagram_assets.errors import InstagramAssetsError


class CollectionOutcome(StrEnum):
    """Outcome of collecting a subject in one run."""

    COMPLETE = "complete"
    """All that was wanted is in the inbox."""
    PARTIAL = "partial"
    """What there was is in the inbox; more will not come."""
    FRESH = "fresh"
    """It was collected whole a short time ago."""
    OPEN = "open"
    """Not whole: its pages are kept, and the next run goes on behind them."""
    WAITING = "waiting"
    """No request was sent: it is too early, or a budget is used up."""
    REFUSED = "refused"
    """No request is sent: it was forgotten, is not allowed, or this site does not have it."""
    NOT_FOUND = "not_found"
    PRIVATE = "private"
    RENAMED = "renamed"
    REPLACED = "replaced"
    STOPPED = "stopped"
    """The site wants something of a person first."""
    NOT_ASKED = "not_asked"
    """The run had ended before it came to it."""


@dataclass(frozen=True)
class SubjectResult:
    """Result for one subject: `posts` are in its `file`, else stored. `until` is when it may continue."""

    subject: str
    outcome: CollectionOutcome
    reason: str = ""
    file: Path | None = None
    posts: int = 0
    requests: int = 0
    until: float | None = None


DELIVERED = (CollectionOutcome.COMPLETE, CollectionOutcome.PARTIAL)
"""What came of these came now."""
UNFINISHED = (CollectionOutcome.OPEN, CollectionOutcome.WAITING, CollectionOutcome.STOPPED, CollectionOutcome.NOT_ASKED)
"""These are gone on with by whoever collects next."""


@dataclass
class RunResult:
    """Results of all subjects of a run, and the errors of sites."""

    expected: int = 0
    found: list[SubjectResult] = field(default_factory=list[SubjectResult])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    def of(self, *outcomes: CollectionOutcome) -> list[SubjectResult]:
        return [one for one in self.found if one.outcome in outcomes]

    @property
    def brought(self) -> list[SubjectResult]:
        """Results with a file that was written in this run."""
        return [one for one in self.of(*DELIVERED) if one.file is not None]

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.found)

    @property
    def numbers(self) -> dict[str, int]:
        """Number of results per outcome, and of posts, files and requests."""
        outcomes = {f"{outcome}": len(self.of(outcome)) for outcome in CollectionOutcome}
        return {
            "posts": sum(one.posts for one in self.brought),
            "files": len(self.brought),
            "requests": self.requests,
            **{name: number for name, number in outcomes.items() if number},
        }
