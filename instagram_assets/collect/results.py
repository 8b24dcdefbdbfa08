"""The result of collecting one account or hashtag, and those of a whole run."""

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from instagram_assets.errors import InstagramAssetsError


class CollectionOutcome(StrEnum):
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
class SubjectResult:
    """What came of one subject: `posts` are in its `file`, else they are kept. `until` is when it may go on."""

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
    """What came of everybody, and what went wrong at a site."""

    expected: int = 0
    found: list[SubjectResult] = field(default_factory=list[SubjectResult])
    errors: list[InstagramAssetsError] = field(default_factory=list[InstagramAssetsError])

    def of(self, *outcomes: CollectionOutcome) -> list[SubjectResult]:
        return [one for one in self.found if one.outcome in outcomes]

    @property
    def brought(self) -> list[SubjectResult]:
        """Those of whom a file came now."""
        return [one for one in self.of(*DELIVERED) if one.file is not None]

    @property
    def requests(self) -> int:
        return sum(one.requests for one in self.found)

    @property
    def numbers(self) -> dict[str, int]:
        """How many there are of each outcome, and what came."""
        outcomes = {f"{outcome}": len(self.of(outcome)) for outcome in CollectionOutcome}
        return {
            "posts": sum(one.posts for one in self.brought),
            "files": len(self.brought),
            "requests": self.requests,
            **{name: number for name, number in outcomes.items() if number},
        }
